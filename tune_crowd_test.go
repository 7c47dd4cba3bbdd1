package holdfast_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// 32 goroutines tune, update, isolate, reset and call at once. Each tuning that returns nil has
// happened, none is refused, no place is leaked, and each that counts up counts once.
func TestManyTuneAtOnce(t *testing.T) {
	p := newPipeline(t, bulkhead.Config{MaxConcurrent: 1 << 20}, budget.Config{Burst: 1}, retry.Config{MaxRetries: 1}, breaker.Config{Name: "b"})
	const each = 50
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for range each {
				var err error
				switch {
				case i < 24:
					_, err = p.Tune(t.Context(), holdfast.Tuning{Stages: setting(func(c *retry.Config) { c.MaxRetries++ })})
				case i < 26:
					_, err = p.Tune(t.Context(), holdfast.Tuning{Isolate: []string{"b"}})
				case i < 28:
					_, err = p.Tune(t.Context(), holdfast.Tuning{Reset: []string{"b"}})
				default:
					_ = p.Do(t.Context(), func(context.Context) error { return nil })
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, s := range p.Stages() {
		if c, ok := s.(retry.Config); ok {
			require.Equal(t, 1+24*each, c.MaxRetries)
		}
	}
	require.Zero(t, p.Snapshot().Live)
	require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
}

// Stages that take a while overtake each other. None fails for that, and none is lost.
func TestManySlowTuningsAtOnce(t *testing.T) {
	p := newPipeline(t, retry.Config{MaxRetries: 1})
	const many, each = 32, 20
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			for range each {
				_, err := p.Tune(t.Context(), holdfast.Tuning{Stages: func(s []resilience.Stage) {
					for range 20 {
						runtime.Gosched()
					}
					setting(func(c *retry.Config) { c.MaxRetries++ })(s)
				}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Contains(t, p.String(), fmt.Sprintf("retry %d×", 1+many*each))
}

// An observer that panics when it is told of a tuning: the tuning is in force, and nothing is
// locked.
func TestAnObserverPanicsWhenItIsToldOfATuning(t *testing.T) {
	p := newPipeline(t, holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Change != nil {
			panic("oh")
		}
	})), retry.Config{})
	require.Panics(t, func() {
		_, _ = p.Tune(t.Context(), holdfast.Tuning{Stages: setting(func(c *retry.Config) { c.MaxRetries = 5 })})
	})
	require.Contains(t, p.String(), "retry 5×")
	require.NoError(t, p.Update(retry.Config{MaxRetries: 2}))
}

// Keys come and go while the total, keys and the overflow are tuned and updated. Nothing is leaked, and
// the last update is in force for all.
func TestTuningsWhileKeysComeAndGo(t *testing.T) {
	hosts, err := holdfast.NewKeyed[int]("hosts", holdfast.KeyedConfig{Size: 8}, bulkhead.Config{MaxConcurrent: 1000, MaxWait: time.Second}, budget.Config{}, plain(1), breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Millisecond})
	require.NoError(t, err)
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			for i := range 40 {
				switch {
				case g < 6:
					_, err := hosts.Total().Tune(t.Context(), holdfast.Tuning{Stages: func(s []resilience.Stage) {
						setting(func(c *bulkhead.Config) { c.MaxConcurrent++ })(s)
						setting(func(c *breaker.Config) {
							c.HalfOpenProbes = 1 + i%4
							c.Window = time.Duration(1+i%5) * time.Second
							c.Buckets = 1 + i%7
						})(s)
					}})
					if err != nil {
						t.Error(err)
					}
				case g < 8:
					_, err := hosts.Get(i%20).Tune(t.Context(), holdfast.Tuning{Stages: setting(func(c *breaker.Config) { c.OpenFor = time.Duration(1+i) * time.Millisecond; c.MaxOpenFor = 0 })})
					if err != nil {
						t.Error(err)
					}
				case g < 9:
					_, err := hosts.Overflow().Tune(t.Context(), holdfast.Tuning{Stages: setting(func(c *bulkhead.Config) { c.QueueLimit = 1 + i })})
					if err != nil {
						t.Error(err)
					}
				case g < 10:
					_ = hosts.Update(bulkhead.Config{MaxConcurrent: 1000 + i, MaxWait: time.Second}, budget.Config{}, plain(1), breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Millisecond})
				default:
					_ = hosts.Do(t.Context(), (g+i)%20, func(context.Context) error {
						if i%3 == 0 {
							return errFlaky
						}
						return nil
					})
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, hosts.Total().Snapshot().Live)
	require.NoError(t, hosts.Update(bulkhead.Config{MaxConcurrent: 7}, budget.Config{}, plain(1), breaker.Config{}))
	for k := range 20 {
		require.Equal(t, 7, hosts.Get(k).Snapshot().Bulkheads[0].MaxConcurrent)
		require.Zero(t, hosts.Get(k).Snapshot().Bulkheads[0].InUse)
	}
}
