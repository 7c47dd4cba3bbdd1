package config

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
)

// testdata/said.yaml has the printed value of each key, whether the file set it or not.
func TestGeneratedYAMLSaysEverything(t *testing.T) {
	c := loaded(t, `
fleet: {name: "yes", pods: 200, store: ledger}
services:
  payments:
    deadline: 1m
    bulkhead: {max_wait: unlimited}
    retry: {max_retries: unlimited, max_retry_after: 0, jitter: {proportional: 0.25}, adaptive: {explore: off}}
    breaker: {name: "yes", consecutive_failures: off, per: call}
    rps: 200
    calls: [ledger, {service: fraud, per_call: 0.5}]
    lint: {ignore: [{code: HF012, reason: "known: it is ours"}]}
  ledger: {template: none, deadline: 1h30m}
  fraud: {template: none, retry: {max_retries: 0}, attempt_deadline: 90s}
`)
	requireGenerated(t, "testdata/said.yaml", string(c.YAML()))
}

// A service without any stage that a file can have would not load.
func TestYAMLLeavesOutWhatHasNoStage(t *testing.T) {
	guarded, err := serviceOf("guarded", []resilience.Stage{gate{}})
	require.NoError(t, err)
	text := string(newConfig(map[string]*Service{"guarded": &guarded}).YAML())
	require.Equal(t, "# not in this file: the service \"guarded\", which has no stage that a file can have\nservices: {}\n", text)
	loaded(t, text)
}

func TestYAMLOfNothing(t *testing.T) {
	require.Equal(t, "services: {}\n", string((&Config{}).YAML()))
}

// Writing a default out gives the same as leaving it out.
func TestRoundTripOfPresets(t *testing.T) {
	for name, stages := range presets() {
		s, err := serviceOf(name, stages)
		require.NoError(t, err)
		require.Empty(t, s.Notes())
		c := newConfig(map[string]*Service{name: &s})
		require.Equal(t, inForce(t, name, stages), inForce(t, name, loaded(t, string(c.YAML())).Services()[name]), "%s", c.YAML())
	}
}

func presets() map[string][]resilience.Stage {
	return map[string][]resilience.Stage{
		"critical": holdfast.Critical(), "standard": holdfast.Standard(), "background": holdfast.Background(),
	}
}

func TestRoundTripOfFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "starter.yaml") {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		requireRoundTrip(t, loaded(t, string(data)))
	}
}

// Files of random keys with random values, in defaults, templates and services.
func TestRoundTripOfRandomFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	good := 0
	for range 400 {
		file := randomFile(rng)
		c, err := Parse(strings.NewReader(file), WithEnvironment(nil))
		if err != nil { // max_delay below base_delay, say
			continue
		}
		good++
		requireRoundTrip(t, c)
	}
	require.Greater(t, good, 60)
	t.Logf("%d files", good)
}

// Pipelines of random Configs, as New has resolved them.
func TestRoundTripOfRandomPipelines(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	made := 0
	for range 600 {
		name := pick(rng, "payments", "audit-log", "404", "yes", "a: b", "größe", "<<", "~", "x y#z")
		stages := randomService(rng).Stages()
		p, err := holdfast.New(name, stages...)
		if err != nil { // no stage, or a deadline that never fires
			continue
		}
		made++
		s, err := serviceOf(name, p.Stages())
		require.NoError(t, err)
		require.Empty(t, s.Notes())
		text := newConfig(map[string]*Service{name: &s}).YAML()
		require.Equal(t, inForce(t, name, stages), inForce(t, name, loaded(t, string(text)).Services()[name]), "%s", text)
	}
	require.Greater(t, made, 300)
	t.Logf("%d pipelines", made)
}

// What loads can be printed. What is printed loads, and gives the same services.
func FuzzRoundTrip(f *testing.F) {
	files, err := filepath.Glob("testdata/good/*")
	require.NoError(f, err)
	for _, file := range append(files, "starter.yaml") {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(data))
	}
	f.Add("services: {\"a\\u00a0b: #\": {template: none, breaker: {name: \"- x\"}, retry: {multiplier: 1e300}}}")
	f.Add("services: {a: {lint: {ignore: [" +
		"{code: HF012, reason: \"two\\nlines\\n\\n  three\\t\\u2028.\\ufeff\\u0085\"}]}, breaker: {name: \"\\u2028x\\u200b\"}}}")
	f.Fuzz(func(t *testing.T, file string) {
		if c, err := Parse(strings.NewReader(file), WithEnvironment(nil)); err == nil {
			requireRoundTrip(t, c)
		}
	})
}

// requireRoundTrip loads what c prints. It requires equal services, and the same text when they are
// printed.
func requireRoundTrip(t *testing.T, c *Config) {
	t.Helper()
	text := c.YAML()
	again := loaded(t, string(text))
	require.Equal(t, c.Names(), again.Names())
	require.Equal(t, c.Fleet(), again.Fleet())
	for _, name := range c.Names() {
		was, _ := c.Service(name)
		is, _ := again.Service(name)
		require.Equal(t, resolveAll(t, name, was.Stages()), resolveAll(t, name, is.Stages()), "%s", text)
		require.Equal(t, was.RPS, is.RPS)
		require.Equal(t, was.Calls, is.Calls)
		require.Equal(t, unplaced(was.Silenced), unplaced(is.Silenced))
	}
	require.Equal(t, string(text), string(again.YAML()))
}

// unplaced removes the line numbers of silences.
func unplaced(all []lint.Silence) []lint.Silence {
	for i := range all {
		all[i].Line = 0
	}
	return all
}

// inForce returns the Configs that are in force in a pipeline of these stages.
func inForce(t *testing.T, name string, stages []resilience.Stage) []resilience.Stage {
	t.Helper()
	p, err := holdfast.New(name, stages...)
	require.NoError(t, err)
	return p.Stages()
}

// resolveAll fills in defaults, also where the stages alone make no pipeline.
func resolveAll(t *testing.T, name string, stages []resilience.Stage) []resilience.Stage {
	t.Helper()
	for i, s := range stages {
		kind, ok := stage.OfConfig(s)
		require.True(t, ok, "%T", s)
		var err error
		stages[i], err = kind.Resolve(kind.Named(s, name, ""))
		require.NoError(t, err)
	}
	return stages
}

func loaded(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse(strings.NewReader(text), WithEnvironment(nil))
	require.NoError(t, err, "%s", text)
	return c
}
