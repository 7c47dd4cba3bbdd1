package resilience_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

func TestRuleInGoWords(t *testing.T) {
	off := resilience.Special{Value: -1, Means: "to turn it off"}
	for want, rule := range map[string]resilience.Rule{
		"":                      {},
		"want 1 or more":        {Min: 1},
		"want at most 9":        {Max: 9},
		"want 1 to 9":           {Min: 1, Max: 9},
		"want 1.5 or more":      {Min: 1.5},
		"want a number above 0": {Min: 0.0, Above: true},
		"want a number above 0 and up to 1, or 0 for the default (0.5)": {Min: 0.0, Above: true, Max: 1.0, Default: 0.5},
		"want a positive duration, such as 500ms":                       {Min: time.Duration(0), Above: true},
		"want a positive duration, or 0 for the default (5s)":           {Min: time.Duration(0), Above: true, Default: 5 * time.Second},
		"want a positive duration and up to 1m0s, such as 500ms":        {Min: time.Duration(0), Above: true, Max: time.Minute},
		"want at least 100ms": {Min: 100 * time.Millisecond},
		"want at most 1m0s":   {Max: time.Minute},
		"want 100ms to 1m0s":  {Min: 100 * time.Millisecond, Max: time.Minute},
		"want 1 to 9, 0 for the default (3), or -1 to turn it off": {Min: 1, Max: 9, Default: 3, Special: []resilience.Special{off}},
		"want 1 or more, or 0 or -1 to turn it off":                {Min: 1, Special: []resilience.Special{{Value: 0, Means: off.Means}, off}},
		"want 1 or more, -1 for no limit, or None":                 {Min: 1, Special: []resilience.Special{{Value: -1, Means: "for no limit"}, {Value: -9, Name: "None"}}},
		"want at least 100ms, or -1 for no limit":                  {Min: 100 * time.Millisecond, Special: []resilience.Special{{Value: time.Duration(-1), Means: "for no limit"}}},
		"want Success":                                   {Choices: []string{"Success"}},
		"want Success or Arrival":                        {Choices: []string{"Success", "Arrival"}},
		"want One, Two or Three":                         {Choices: []string{"One", "Two", "Three"}},
		"want at least BaseDelay (1s)":                   {AtLeast: &resilience.Bound{Field: "BaseDelay", Value: time.Second}},
		"want at most Burst (3)":                         {AtMost: &resilience.Bound{Field: "Burst", Value: 3}},
		"want Slow as well; it says so":                  {Needs: "Slow", Why: "it says so"},
		"want at least one of A and B on":                {AnyOn: []string{"A", "B"}},
		"want at least 1ns for each of the Buckets (10)": {AtLeast: &resilience.Bound{Field: "Buckets", Value: 10, Each: time.Nanosecond}},
	} {
		require.Equal(t, want, rule.String())
	}
}

// Pins: every field that a rule names is renamed, and the rule itself stays as it was.
func TestRuleRenamed(t *testing.T) {
	rule := resilience.Rule{
		AtLeast: &resilience.Bound{Field: "A", Value: 1, Each: 2}, AtMost: &resilience.Bound{Field: "B", Value: 3},
		Needs: "C", AnyOn: []string{"D", "E"}, Why: "A reason", Min: 1,
	}
	renamed := rule.Renamed(func(field string) string { return "x." + field })
	require.Equal(t, resilience.Rule{
		AtLeast: &resilience.Bound{Field: "x.A", Value: 1, Each: 2}, AtMost: &resilience.Bound{Field: "x.B", Value: 3},
		Needs: "x.C", AnyOn: []string{"x.D", "x.E"}, Why: "A reason", Min: 1,
	}, renamed)
	require.Equal(t, "A", rule.AtLeast.Field)
	require.Equal(t, []string{"D", "E"}, rule.AnyOn)
	require.Equal(t, resilience.Rule{}, resilience.Rule{}.Renamed(func(string) string { return "x" }))
}
