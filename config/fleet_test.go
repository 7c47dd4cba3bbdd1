package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func TestFleetOfAFile(t *testing.T) {
	for text, want := range map[string]Fleet{
		"":            {},
		"fleet: {}":   {},
		"x-a: {b: c}": {},
		"fleet: {name: checkout, pods: 200, store: cache}": {"checkout", 200, "cache"},
		"fleet: {pods: 1}":                                {Pods: 1},
		"fleet: {pods: 10000}":                            {Pods: 10_000},
		"fleet: {store: 404}":                             {Store: "404"},
		"fleet: {store: '404'}":                           {Store: "404"},
		"fleet: {name: '5'}":                              {Name: "5"},
		"fleet: {name: 'größe #1: \"x\"'}":                {Name: `größe #1: "x"`},
		"fleet: {name: " + strings.Repeat("n", 128) + "}": {Name: strings.Repeat("n", 128)},
		"x-f: &f {pods: 7}\nfleet: {<<: *f, name: a}":     {Name: "a", Pods: 7},
	} {
		c := loaded(t, text+"\nservices: {cache: {}, 404: {}}")
		require.Equal(t, want, c.Fleet(), text)
		requireRoundTrip(t, c)
	}
	require.Zero(t, new(Config).Fleet())
	for _, name := range []string{strings.Repeat("n", 129), strings.Repeat("ö", 65), "a/b", "/"} {
		_, err := Parse(strings.NewReader("fleet: {name: "+name+"}\nservices: {}"), WithEnvironment(nil))
		require.ErrorContains(t, err, "want 1 to 128 bytes without a slash", name)
	}
}

// The name is that of a service, and no variable sets what stands in the section.
func TestFleetHasNoVariables(t *testing.T) {
	c, err := Parse(strings.NewReader("fleet: {name: a}\nservices: {payments: {}}"), WithEnvironment([]string{"HOLDFAST_FLEET_NAME=b", "HOLDFAST_FLEET_PODS=5"}))
	require.NoError(t, err)
	require.Equal(t, Fleet{Name: "a"}, c.Fleet())
}

// The file of a running program has the fleet of the file that it was given.
func TestOfKeepsTheFleet(t *testing.T) {
	r := holdfast.NewRegistry()
	require.NoError(t, r.Apply(loaded(t, "fleet: {name: shop, pods: 20, store: b}\nservices: {a: {breaker: {fleet: on}}, b: {}}")))
	c, err := Of(r)
	require.NoError(t, err)
	require.Equal(t, Fleet{"shop", 20, "b"}, c.Fleet())
	require.Contains(t, string(c.YAML()), "fleet: {name: shop, pods: 20, store: b}\nservices:\n")
	requireRoundTrip(t, c)

	// A store without any stage that a file can have is no service of the file.
	require.NoError(t, r.Amend("b", func([]resilience.Stage) []resilience.Stage { return []resilience.Stage{gate{}} }))
	c, err = Of(r)
	require.NoError(t, err)
	require.Contains(t, string(c.YAML()), "fleet: {name: shop, pods: 20}\n")
	loaded(t, string(c.YAML()))

	require.NoError(t, r.Apply(holdfast.Services{"a": {breaker.Config{Fleet: true}}}))
	c, err = Of(r)
	require.NoError(t, err)
	require.Zero(t, c.Fleet(), "no file was applied last")
	s, _ := c.Service("a")
	require.True(t, s.Breaker.Fleet)
}

// What the file says of the pods is for the linter, unless it is told something else.
func TestLintKnowsTheFleet(t *testing.T) {
	c := loaded(t, "fleet: {pods: 200, store: cache}\nservices: {cache: {rps: 100}}")
	bare := loaded(t, "services: {cache: {rps: 100}}")
	require.Equal(t, bare.Lint(lint.Options{Pods: 200, Store: "cache"}), lineLess(c.Lint(lint.Options{})))
	require.Equal(t, bare.Lint(lint.Options{Pods: 7, Store: "x"}), lineLess(c.Lint(lint.Options{Pods: 7, Store: "x"})))
	require.NotEqual(t, bare.Lint(lint.Options{}), lineLess(c.Lint(lint.Options{})))
}

// lineLess takes a line off from all places, for a file with one line more.
func lineLess(r lint.Report) lint.Report {
	for i := range r.Findings {
		r.Findings[i].Position.Line--
	}
	return r
}
