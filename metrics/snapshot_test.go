package metrics

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// noMetric are the numbers of a Snapshot that no metric reads, with the reason. A * stands for
// every kind of stage.
var noMetric = map[string]string{
	"Calls":                               "counted from events: holdfast.calls",
	"Failed":                              "counted from events: holdfast.calls",
	"Attempts":                            "counted from events: holdfast.attempts",
	"Amplification":                       "a query: attempts by calls",
	"Denials":                             "counted from events: holdfast.denials",
	"Breakers.Counts.ConsecutiveFailures": "it changes with each call: holdfast.breaker.outcomes is what lasts",
	"Breakers.Counts.Requests":            "a query: success and failure of holdfast.breaker.outcomes",
	"Breakers.RetryAfter":                 "it says when to look again, which a query does not",
	"*.Rejected":                          "counted from events: holdfast.denials",
	"Learned.Explored":                    "it tells whether the learner works, not how calls fare",
	"Unclassified.Count":                  "counted from events, without the kinds: holdfast.attempts",
	"Keys.Size":                           "a setting",
	"Keys.Misses":                         "it tells how keys come and go, not how calls fare",
	"Keys.EvictedForSize":                 "it tells how keys come and go, not how calls fare",
	"Keys.EvictedForIdle":                 "it tells how keys come and go, not how calls fare",
	"Keys.Unbuilt":                        "a bug in a stage of the program's own, and rare",
}

// Every number of a Snapshot is read by a metric, or has a reason above, so that a new count of a
// stage is not forgotten.
func TestEveryNumberOfASnapshotIsRead(t *testing.T) {
	read := func(s *holdfast.Snapshot) string {
		st := &standing{Snapshot: *s, breakers: []string{"b"}, budget: &budgetStanding{Stats: *s.Budget}}
		var text strings.Builder
		for _, d := range All() {
			if d.read != nil {
				d.read.from(st, func(v float64, values ...string) { fmt.Fprintln(&text, d.Name, values, v) })
			}
		}
		return text.String()
	}
	full := func() *holdfast.Snapshot {
		s := &holdfast.Snapshot{
			Denials:      map[resilience.Reason]uint64{resilience.ReasonBudget: 1},
			Unclassified: []holdfast.UnclassifiedStats{{}}, Keys: &holdfast.KeyedStats{},
		}
		fill(reflect.ValueOf(&s.StageStats).Elem())
		return s
	}
	seen := map[string]bool{}
	numbers(reflect.ValueOf(full()).Elem(), "", func(path string, _ reflect.Value) { seen[path] = true })
	require.Contains(t, seen, "Breakers.Counts.Failures")
	for path := range seen {
		is := full()
		numbers(reflect.ValueOf(is).Elem(), "", func(at string, v reflect.Value) {
			if at == path {
				add(v)
			}
		})
		_, excused := noMetric[path]
		if _, number, nested := strings.Cut(path, "."); nested && !excused {
			_, excused = noMetric["*."+number]
		}
		if excused != (read(is) == read(full())) {
			t.Errorf("%s: want a metric, or a reason why there is none, and not both", path)
		}
	}
	for path := range noMetric {
		number, everyKind := strings.CutPrefix(path, "*")
		found := slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(at string) bool { return at == path || everyKind && strings.HasSuffix(at, number) })
		require.True(t, found, "%s is not in a Snapshot", path)
	}
}

// fill fills a struct of stages' reports with one of each, and sets every number to 1: so there is
// every limit, and every stage has done something.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	default:
		if v.CanSet() && v.Type() != reflect.TypeFor[breaker.State]() && (v.CanInt() || v.CanUint() || v.CanFloat()) {
			add(v)
		}
	}
}

// numbers visits the numbers in v, by the path of their fields' names.
func numbers(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			at := path
			if f := v.Type().Field(i); !f.Anonymous {
				at = strings.TrimPrefix(path+"."+f.Name, ".")
			}
			numbers(v.Field(i), at, visit)
		}
	case reflect.Pointer:
		numbers(v.Elem(), path, visit)
	case reflect.Slice:
		for i := range v.Len() {
			numbers(v.Index(i), path, visit)
		}
	case reflect.Map:
		visit(path, v)
	default:
		if !slices.Contains([]reflect.Kind{reflect.String, reflect.Bool}, v.Kind()) && v.CanSet() && v.Type() != reflect.TypeFor[breaker.State]() {
			visit(path, v)
		}
	}
}

func add(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Map:
		v.SetMapIndex(reflect.ValueOf(resilience.ReasonBudget), reflect.ValueOf(uint64(2)))
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanUint():
		v.SetUint(v.Uint() + 1)
	default:
		v.SetFloat(v.Float() + 1)
	}
}
