package metrics

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	stages "github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// OpenTelemetry's conventions: a name is dotted and in lower case, and is not the namespace of
// another.
func TestNames(t *testing.T) {
	name, unit := regexp.MustCompile(`^holdfast(\.[a-z][a-z_]*)+$`), regexp.MustCompile(`^(s|1|\{[a-z]+\})$`)
	taken := map[string]bool{}
	for _, d := range All() {
		require.Regexp(t, name, d.Name)
		require.Regexp(t, unit, d.Unit, d.Name)
		require.Regexp(t, `^[A-Z0-9].*\.$`, d.Help, "%s: a sentence", d.Name)
		require.False(t, taken[d.Prometheus()], "%s is there twice", d.Name)
		taken[d.Prometheus()] = true
		for _, other := range All() {
			require.False(t, strings.HasPrefix(other.Name, d.Name+"."), "%s is the namespace of %s", d.Name, other.Name)
		}
	}
}

func TestNamesForPrometheus(t *testing.T) {
	for want, d := range map[string]Description{
		"holdfast_calls_total":           {Name: "holdfast.calls", Kind: Counter, Unit: "{call}"},
		"holdfast_calls_in_flight":       {Name: "holdfast.calls_in_flight", Kind: UpDownCounter, Unit: "{call}"},
		"holdfast_call_duration_seconds": {Name: "holdfast.call.duration", Kind: Histogram, Unit: "s"},
		"holdfast_waited_seconds_total":  {Name: "holdfast.waited", Kind: Counter, Unit: "s"},
		"holdfast_budget_ratio":          {Name: "holdfast.budget.ratio", Kind: Gauge, Unit: "1"},
		"holdfast_success_ratio":         {Name: "holdfast.success", Kind: Gauge, Unit: "1"},
		"holdfast_chance":                {Name: "holdfast.chance", Kind: Histogram, Unit: "1"},
	} {
		require.Equal(t, want, d.Prometheus())
	}
}

func TestKindNames(t *testing.T) {
	require.Equal(t, "up-down counter", UpDownCounter.String())
	require.Equal(t, "histogram", Histogram.String())
	require.Equal(t, "unknown", (Histogram + 1).String())
	require.Equal(t, "unknown", Kind(0).String())
}

// A metric is counted or read. The labels of a counted one come from an event, and at most one of
// them, the stage, has no list of values.
func TestRowsAreWhole(t *testing.T) {
	for _, d := range All() {
		require.Equal(t, 1, count(d.counts != nil, d.read != nil, d.fleet != nil, d.file != nil), "%s: it is counted, or read from a pipeline, a fleet or a file", d.Name)
		require.Equal(t, d.fleet != nil, d.Stage == "fleet", d.Name)
		require.Equal(t, d.fleet != nil, d.Subject().Attribute == Fleet.Attribute, d.Name)
		require.Equal(t, d.file != nil, d.Stage == "config", d.Name)
		require.Equal(t, d.file != nil, d.Subject().Attribute == ConfigFile.Attribute, d.Name)
		require.Equal(t, d.counts != nil, d.Counted(), d.Name)
		require.Equal(t, d.Kind == Histogram, d.Bounds != nil, d.Name)
		require.True(t, slices.IsSorted(d.Bounds), d.Name)
		names := []string{d.Subject().Attribute, d.Subject().Prometheus}
		for _, l := range d.Labels {
			require.NotContains(t, names, l.Attribute, d.Name)
			require.NotContains(t, names, l.Prometheus, d.Name)
			names = append(names, l.Attribute, l.Prometheus)
			require.Regexp(t, `^holdfast(\.[a-z]+)+$`, l.Attribute, d.Name)
			require.NotEmpty(t, l.Help, l.Attribute)
			require.Equal(t, d.Counted(), l.field != none, "%s: %s", d.Name, l.Attribute)
			require.Equal(t, l.field == stage, d.Counted() && l.Values == nil, "%s: %s", d.Name, l.Attribute)
		}
		if d.Counted() {
			require.Contains(t, []Kind{Counter, Histogram}, d.Kind, d.Name)
			require.NotEmpty(t, d.counts.kinds, d.Name)
			require.Equal(t, d.Kind == Histogram, d.counts.amount != one, d.Name)
			for _, f := range d.counts.foreseen {
				require.Len(t, f.values, len(d.Labels), d.Name)
				for i, v := range f.values {
					require.True(t, d.Labels[i].Values == nil || slices.Contains(d.Labels[i].Values, v), "%s: %s is no %s", d.Name, v, d.Labels[i].Attribute)
				}
			}
		}
	}
}

// count returns how many are true.
func count(all ...bool) (n int) {
	for _, is := range all {
		if is {
			n++
		}
	}
	return n
}

// Every kind of event is counted, or is here with the reason why not.
func TestEveryKindOfEventIsCounted(t *testing.T) {
	only := map[resilience.EventKind]condition{}
	counted := map[resilience.EventKind]bool{
		resilience.EventShadow:       true, // the budget counts it: holdfast.budget.shadow_refused
		resilience.EventUnclassified: true, // each such attempt is counted by its verdict
		resilience.EventLimit:        true, // the bulkhead counts its cuts itself
		resilience.EventFleet:        true, // of no pipeline; the fleet counts its troubles itself
	}
	for _, d := range All() {
		if d.Counted() {
			for _, kind := range d.counts.kinds {
				condition, known := only[kind]
				require.True(t, !known || condition == d.counts.only, "%s: the metrics of a kind have one condition", d.Name)
				counted[kind], only[kind] = true, d.counts.only
			}
		}
	}
	for kind := resilience.EventKind(1); kind < resilience.NumEventKinds; kind++ {
		require.True(t, counted[kind], "%v wants a metric", kind)
	}
}

// withoutMetrics are the kinds of stages without metrics, with the reason.
var withoutMetrics = map[string]string{
	"deadline": "what it ends is counted by its reason, too_late, and its limit is a setting",
}

// Every kind of stage has a metric of its own, or is above with the reason why not.
func TestEveryKindOfStageHasMetrics(t *testing.T) {
	has := map[string]bool{}
	for _, d := range All() {
		has[d.Stage] = true
	}
	require.NotEmpty(t, stages.Kinds())
	for _, kind := range stages.Kinds() {
		_, excused := withoutMetrics[kind.Name()]
		require.NotEqual(t, has[kind.Name()], excused, "%s: want a row in the catalogue, or a reason why there is none, and not both", kind.Name())
	}
}

// Every value that an enum has now has a name of its own.
func TestEveryValueHasAName(t *testing.T) {
	for _, values := range [][]string{verdicts, reasons, states} {
		unknown := values[len(values)-1]
		require.Contains(t, []string{"unknown", "invalid"}, unknown)
		require.NotContains(t, values[:len(values)-1], unknown)
	}
	require.Equal(t, []string{"success", "failure", "canceled", "rejected"}, outcomes)
	require.Equal(t, []string{"success", "failure", "unclassified", "slow", "excluded"}, ofCount.Values)
	require.Equal(t, "unknown", (resilience.StateIsolated + 1).String(), "a new state wants to be in the catalogue")
}
