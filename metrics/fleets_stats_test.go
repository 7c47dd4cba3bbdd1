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
	"Budgets.Name":       "it is the label",
	"Budgets.Refused":    "holdfast.budget.refused",
	"Budgets.Why":        "a sentence",
	"Services.State":     "holdfast.breaker.state",
	"Services.Holder":    "a pod's name: holdfast.fleet.probing is 1 in that pod",
	"Services.Successes": "a query: the sum of holdfast.breaker.outcomes over the pods",
	"Services.Failures":  "a query: the sum of holdfast.breaker.outcomes over the pods",

	"Services.Orders.By":        "a name that somebody typed: the log and the page have it",
	"Services.Orders.Why":       "a sentence",
	"Services.Orders.At":        "when the series becomes 1",
	"Services.Orders.Until":     "when the series becomes 0",
	"Services.Orders.Ratio":     "a pipeline's holdfast.budget metrics have the one in force",
	"Services.Orders.Overruled": "the order is in force in the other pods: the page says so",
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
	whole := func() *fleet.Stats {
		return &fleet.Stats{
			Hands:    true,
			Services: []fleet.ServiceStats{{Name: "checkout", Orders: []fleet.OrderStats{{}}}},
			Budgets:  []fleet.PoolStats{{Name: "checkout"}},
		}
	}
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
				v.SetBool(!v.Bool())
			case v.Kind() == reflect.String:
				v.SetString("other")
			case v.Type() == reflect.TypeFor[time.Time]():
				v.Set(reflect.ValueOf(time.Unix(1, 0)))
			case v.Type() == reflect.TypeFor[time.Duration]():
				v.SetInt(int64(time.Second))
			default:
				add(v)
			}
		})
		_, excused := noFleetMetric[path]
		if changed := read(is) != read(whole()); path != "Services.Name" && path != "Budgets.Name" && excused == changed {
			t.Errorf("%s: want a metric, or a reason why there is none, and not both", path)
		}
	}
	for path := range noFleetMetric {
		require.True(t, seen[path], "%s is not in a fleet's Stats", path)
	}
}

// facts visits the fields in v that are no structs but times, by the path of their names.
func facts(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		visit(path, v)
		return
	}
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

// Orders are counted by service and kind: also when there are none, if the pod has the key.
func TestOrdersAreCounted(t *testing.T) {
	got := func(s fleet.Stats) (lines []string) {
		readOrders(&s, func(v float64, values ...string) { lines = append(lines, fmt.Sprint(values, v)) })
		return lines
	}
	orders := []fleet.OrderStats{{Kind: fleet.OrderIsolate}, {Kind: fleet.OrderTune}}
	services := []fleet.ServiceStats{{Name: "pay\xff", Age: -1, Orders: orders}, {Name: "search"}}
	require.Empty(t, got(fleet.Stats{Services: services}))
	require.Equal(t, []string{
		"[pay\uFFFD isolate] 1", "[pay\uFFFD reset] 0", "[pay\uFFFD tune] 1",
		"[search isolate] 0", "[search reset] 0", "[search tune] 0",
	}, got(fleet.Stats{Services: services, Hands: true, Apart: true}))
	require.Equal(t, "OrderKind(0)", (orderKinds[0] - 1).String(), "the first")
	require.Equal(t, "OrderKind(4)", (orderKinds[len(orderKinds)-1] + 1).String(), "the last; a new one is counted as well")
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
