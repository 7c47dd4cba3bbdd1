package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(file, []byte("services: {payments: {deadline: 8s}}"), 0o600))
	c, err := Load(file, WithEnvironment(nil))
	require.NoError(t, err)
	s, _ := c.Service("payments")
	origin, _ := s.Origin("deadline")
	require.Equal(t, Origin{File: file, Line: 1, Column: 23, Source: "service"}, origin)

	_, err = Load(file + "l")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "config: open ")
	_, err = Load(t.TempDir())
	require.ErrorContains(t, err, "is a directory")
}

func TestLoadFS(t *testing.T) {
	files := fstest.MapFS{
		"etc/services.yaml": {Data: []byte("services: {payments: {deadlin: 8s}}")},
		"etc/services.JSON": {Data: []byte("\ufeff\n{\"services\": {\"payments\": {\"deadline\": \"8s\"}}}\n\t")},
		"flow.json":         {Data: []byte("{services: {payments: {deadline: 8s}}} # YAML all the same")},
	}
	_, err := LoadFS(files, "etc/services.yaml")
	require.ErrorContains(t, err, "etc/services.yaml:1:23: services.payments: unknown key")
	for _, name := range []string{"etc/services.JSON", "flow.json"} {
		c, err := LoadFS(files, name)
		require.NoError(t, err)
		require.Equal(t, []string{"payments"}, c.Names())
	}
	_, err = LoadFS(files, "services.yaml")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A path that nobody has set is not the working directory, nor a file that is not there.
func TestNoPath(t *testing.T) {
	const want = "config: the path is empty; want that of a file"
	_, err := Load("")
	require.EqualError(t, err, want)
	_, err = LoadFS(fstest.MapFS{}, "")
	require.EqualError(t, err, want)
	w, err := Watch(t.Context(), "", holdfast.NewRegistry())
	require.EqualError(t, err, want)
	require.Nil(t, w)
}

func TestParseNamesItsReader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "services.yaml")
	require.NoError(t, os.WriteFile(file, []byte("service: {}\nservices: {}"), 0o600))
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	_, err = Parse(f)
	require.ErrorContains(t, err, file+`:1:1: unknown key "service"; did you mean "services"?`)

	broken := errors.New("broken pipe")
	_, err = Parse(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "config: input: broken pipe")
}

// Pins: a file in JSON says what the same file in YAML says.
func TestJSON(t *testing.T) {
	in := good(t, `{
	"$schema": "schema.json",
	"services": {
		"payments": {
			"deadline": "8s", "rps": 1.5e2, "retry": {"max_retries": 0, "jitter": {"additive": 0.5}, "adaptive": "on"},
			"budget": {"shadow": true}, "breaker": "off", "calls": ["\u006cedger", {"service": "ledger\ud83d\ude00", "per_call": 2}]
		},
		"ledger": {}, "ledger😀": {}, "<<": {}, "on": {}, "12": {}
	}
}`)
	out := good(t, `
services:
  payments:
    deadline: 8s
    rps: 150
    retry: {max_retries: 0, jitter: {additive: 0.5}, adaptive: on}
    budget: {shadow: true}
    breaker: off
    calls: [ledger, {service: ledger😀, per_call: 2}]
  ledger: {}
  ledger😀: {}
  "<<": {}
  on: {}
  12: {}
`)
	require.Equal(t, out.Names(), in.Names())
	require.Equal(t, out.Services(), in.Services())
	a, _ := in.Service("payments")
	b, _ := out.Service("payments")
	require.Equal(t, b.Calls, a.Calls)
	require.Equal(t, b.RPS, a.RPS)
}

// Pins: line ends of Windows, a byte order mark, and lines that only YAML counts as such.
func TestLinesAreYAMLs(t *testing.T) {
	c := good(t, "\ufeffservices:\r\n  a:\r\n    deadline: 8s\r\n")
	s, _ := c.Service("a")
	origin, _ := s.Origin("deadline")
	require.Equal(t, "input:3:5 (service)", origin.String())
	e := refused(t, "services: {}\rx-a: 1\u2028x-b: 2\u0085wrong: 3\n")
	require.Equal(t, 4, e.Problems[0].Line)
	require.Equal(t, "wrong: 3", e.Problems[0].Source)
}

// Pins: errors as JSON, for scripts.
func TestErrorAsJSON(t *testing.T) {
	e := refused(t, "services:\n  a: {deadlin: 8s}\n")
	text, err := json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, `{"problems": [{
		"file": "input", "line": 2, "column": 7, "path": "services.a",
		"message": "services.a: unknown key \"deadlin\"; did you mean \"deadline\"?", "source": "  a: {deadlin: 8s}"
	}]}`, string(text))
}
