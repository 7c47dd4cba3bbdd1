package vary_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Every number and switch of a Config is changed some time, and the stage takes what it becomes.
func TestEveryNumberIsChanged(t *testing.T) {
	reaches(t, breaker.Config{})
	reaches(t, budget.Config{})
	reaches(t, bulkhead.Config{})
	reaches(t, retry.Config{})
}

func reaches[C resilience.Stage](t *testing.T, zero C) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	kind, ok := stage.OfConfig(zero)
	require.True(t, ok)
	c, values := zero, map[string]map[any]bool{}
	for range 3000 {
		was := reflect.ValueOf(c)
		c = vary.Number(rng, c)
		_, err := kind.Resolve(c)
		require.NoError(t, err)
		changed := 0
		for i := range was.NumField() {
			name, v := was.Type().Field(i).Name, reflect.ValueOf(c).Field(i)
			if v.Kind() != reflect.Bool && !v.CanInt() && !v.CanFloat() || v.Type().PkgPath() != "" && v.Type() != reflect.TypeFor[time.Duration]() {
				continue
			}
			if values[name] == nil {
				values[name] = map[any]bool{}
			}
			values[name][v.Interface()] = true
			if !v.Equal(was.Field(i)) {
				changed++
			}
		}
		require.LessOrEqual(t, changed, 1)
	}
	for name, seen := range values {
		want := 3
		if seen[true] || seen[false] {
			want = 2
		}
		require.GreaterOrEqual(t, len(seen), want, "%s.%s: %v", kind.Name(), name, seen)
	}
}

// What has no default is given one sooner or later, whatever else is wrong.
func TestWhatIsWrongIsMended(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	c := breaker.Config{OpenFor: 2, MaxOpenFor: 1, Window: -5}
	for range 300 {
		c = vary.Number(rng, c)
	}
	_, err := c.Resolve()
	require.NoError(t, err)
	var d deadline.Config
	for range 100 {
		d = vary.Number(rng, d)
	}
	require.Positive(t, d.Limit)
}

func TestRule(t *testing.T) {
	kind, _ := stage.OfConfig(breaker.Config{})
	ratio := vary.Rule(kind, "FailureRatio")
	require.Equal(t, []any{0.5, 1.0, true}, []any{ratio.Default, ratio.Max, ratio.Above})
	require.Equal(t, -1.0, ratio.Special[0].Value)
}
