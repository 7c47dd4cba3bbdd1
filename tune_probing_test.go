package holdfast_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// breakerTurns are changes of one setting of a breaker, by name: every field, to small and large
// values, off and the default.
func breakerTurns() map[string]func(c *breaker.Config) {
	all := map[string]func(*breaker.Config){}
	for f := range reflect.TypeFor[breaker.Config]().Fields() {
		var values []any
		switch f.Type.Kind() {
		case reflect.Float64:
			values = []any{0.0, -1.0, 0.01, 1.0}
		case reflect.Int:
			values = []any{0, -1, 1, 2, 9}
		case reflect.Bool:
			values = []any{true}
		case reflect.Int64:
			values = []any{time.Duration(0), time.Duration(-1), time.Millisecond, 30 * time.Second, 5 * time.Hour}
		default: // a name, or code
		}
		for _, v := range values {
			all[fmt.Sprintf("%s=%v", f.Name, v)] = func(c *breaker.Config) { reflect.ValueOf(c).Elem().FieldByIndex(f.Index).Set(reflect.ValueOf(v)) }
		}
	}
	return all
}

// trippedPipeline makes a pipeline whose breaker has just opened for an hour, in rounds or in a series.
func trippedPipeline(t *testing.T, series bool) *holdfast.Pipeline {
	t.Helper()
	c := breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour, Window: 8 * time.Hour, ProbeTimeout: time.Hour}
	if series {
		c.MinOpenFor = time.Hour
	}
	p := newPipeline(t, c)
	require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
	require.Equal(t, breaker.StateOpen, p.Breakers()[0].State())
	return p
}

// No change of any number closes a breaker that is open or isolated, nor lets a call pass at once.
func TestNoTuningClosesABreaker(t *testing.T) {
	for name, turn := range breakerTurns() {
		for _, series := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				p := trippedPipeline(t, series)
				_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: setting(turn)})
				require.Equal(t, breaker.StateOpen, p.Breakers()[0].State(), "%s (refused: %v)", name, err)
				require.Error(t, p.Do(t.Context(), succeed), name)

				tune(t, p, holdfast.Tuning{Isolate: []string{"payments"}})
				_, _ = p.Tune(t.Context(), holdfast.Tuning{Stages: setting(turn)})
				_, _ = p.Tune(t.Context(), holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.OpenFor, c.MaxOpenFor = time.Second, time.Second })})
				time.Sleep(10 * time.Hour)
				require.Equal(t, breaker.StateIsolated, p.Breakers()[0].State(), name)
				require.Error(t, p.Do(t.Context(), succeed), name)
				tune(t, p, holdfast.Tuning{Reset: []string{"payments"}})
				require.NoError(t, p.Do(t.Context(), succeed), name)
			})
		}
	}
}

// A tuning while probes are under way lets no more of them pass than the numbers say, before and
// after, and what comes of the old ones counts once. Whatever was tuned, the breaker closes at last.
func TestATuningAmongProbes(t *testing.T) {
	for name, turn := range breakerTurns() {
		for _, series := range []bool{false, true} {
			for under := range 4 {
				for _, fails := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) { tuneAmongProbes(t, name, turn, series, under, fails) })
				}
			}
		}
	}
}

func tuneAmongProbes(t *testing.T, name string, turn func(*breaker.Config), series bool, under int, fails bool) {
	t.Helper()
	what := fmt.Sprintf("%s series=%v under=%d fails=%v", name, series, under, fails)
	p := trippedPipeline(t, series)
	time.Sleep(2 * time.Hour)
	var calls sync.WaitGroup
	var admitted atomic.Int64
	end := make(chan struct{})
	try := func(n int) {
		for range n {
			calls.Go(func() {
				_ = p.Do(t.Context(), func(context.Context) error {
					admitted.Add(1)
					<-end
					if fails {
						return errFlaky
					}
					return nil
				})
			})
		}
		synctest.Wait()
	}
	try(under)
	_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: setting(turn)})
	probes := p.Breakers()[0].Config().HalfOpenProbes
	try(50)
	most := max(3, probes)
	if series {
		most = 1
	}
	require.NotEqual(t, breaker.StateClosed, p.Breakers()[0].State(), "%s: no outcome yet (refused: %v)", what, err)
	require.LessOrEqual(t, int(admitted.Load()), most, "%s (refused: %v)", what, err)
	close(end)
	calls.Wait()
	if fails {
		require.NotEqual(t, breaker.StateClosed, p.Breakers()[0].State(), "%s: failures close nothing (refused: %v)", what, err)
	}
	for range 60 {
		if p.Breakers()[0].State() == breaker.StateClosed {
			break
		}
		time.Sleep(6 * time.Hour)
		for range 10 {
			_ = p.Do(t.Context(), succeed)
		}
	}
	require.Equal(t, breaker.StateClosed, p.Breakers()[0].State(), what)
	require.NoError(t, p.Do(t.Context(), succeed), what)
}
