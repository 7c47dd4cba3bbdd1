package metrics

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
)

// noFleetMetric are the facts of a fleet's Stats that no metric reads, with the reason.
var noFleetMetric = map[string]string{
	"Fleet":              "it is the label",
	"Pod":                "it changes with each start, and Prometheus has the instance",
	"Why":                "a sentence",
	"Idle":               "a sentence; the log has it",
	"Left":               "the series end",
	"Services.Name":      "it is the label",
	"Services.State":     "holdfast.breaker.state",
	"Services.Successes": "a query: the sum of holdfast.breaker.outcomes over the pods",
	"Services.Failures":  "a query: the sum of holdfast.breaker.outcomes over the pods",
}

// Every fact of a fleet's Stats is read by a metric, or has a reason above, so that a new one is
// not forgotten.
func TestEveryFactOfAFleetIsRead(t *testing.T) {
	read := func(s *fleet.Stats) string {
		var text strings.Builder
		for _, d := range All() {
			if d.fleet != nil {
				d.fleet(s, func(v float64, values ...string) { fmt.Fprintln(&text, d.Name, values, v) })
			}
		}
		return text.String()
	}
	whole := func() *fleet.Stats { return &fleet.Stats{Services: []fleet.ServiceStats{{Name: "checkout"}}} }
	seen := map[string]bool{}
	facts(reflect.ValueOf(whole()).Elem(), "", func(path string, _ reflect.Value) { seen[path] = true })
	require.Contains(t, seen, "Services.Failing")
	for path := range seen {
		is := whole()
		facts(reflect.ValueOf(is).Elem(), "", func(at string, v reflect.Value) {
			if at != path {
				return
			}
			switch {
			case v.Kind() == reflect.Bool:
				v.SetBool(true)
			case v.Kind() == reflect.String:
				v.SetString("other")
			case v.Type() == reflect.TypeFor[time.Duration]():
				v.SetInt(int64(time.Second))
			default:
				add(v)
			}
		})
		_, excused := noFleetMetric[path]
		if changed := read(is) != read(whole()); path != "Services.Name" && excused == changed {
			t.Errorf("%s: want a metric, or a reason why there is none, and not both", path)
		}
	}
	for path := range noFleetMetric {
		require.True(t, seen[path], "%s is not in a fleet's Stats", path)
	}
}

// facts visits the fields in v that are no structs, by the path of their names.
func facts(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			facts(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			facts(v.Index(i), path, visit)
		}
	default:
		visit(path, v)
	}
}

// What a pod that is apart has heard last is not shown as if it were so now.
func TestServicesWithoutNews(t *testing.T) {
	shown := func(s fleet.Stats) (names []string) {
		for _, d := range All() {
			if d.fleet != nil && len(d.Labels) > 0 {
				d.fleet(&s, func(float64, ...string) { names = append(names, strings.TrimPrefix(d.Name, "holdfast.fleet.")) })
			}
		}
		return names
	}
	never := []fleet.ServiceStats{{Age: -1}}
	just := []fleet.ServiceStats{{Age: 0}}
	all := []string{"news_age", "pods", "pods_speaking", "pods_failing", "pods_open", "probing", "banned"}
	require.Empty(t, shown(fleet.Stats{}))
	require.Empty(t, shown(fleet.Stats{Services: never}))
	require.Empty(t, shown(fleet.Stats{Services: never, Apart: true}))
	require.Equal(t, all, shown(fleet.Stats{Services: just}))
	require.Equal(t, all[:1], shown(fleet.Stats{Services: just, Apart: true}))
}
