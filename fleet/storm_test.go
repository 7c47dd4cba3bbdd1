package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// meddler asks the fleets that it knows, panics, and takes its time, whenever it hears something.
type meddler struct {
	slog.Handler
	mu     sync.Mutex
	fleets []*fleet.Fleet
	calm   atomic.Bool
}

func (m *meddler) Follow(f *fleet.Fleet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fleets = append(m.fleets, f)
}

func (m *meddler) meddle() {
	m.mu.Lock()
	all := append([]*fleet.Fleet(nil), m.fleets...)
	m.mu.Unlock()
	for _, f := range all {
		_, _ = f.Stats(), f.Health()
	}
	if rand.IntN(6) == 0 && !m.calm.Load() {
		panic("an observer's bug")
	}
}

func (m *meddler) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == resilience.EventFleet || e.Kind == resilience.EventUpdate || e.Kind == resilience.EventBreaker {
		m.meddle()
	}
}

func (m *meddler) Enabled(context.Context, slog.Level) bool  { return true }
func (m *meddler) Handle(context.Context, slog.Record) error { m.meddle(); return nil }
func (m *meddler) WithAttrs([]slog.Attr) slog.Handler        { return m }

// Fleets come and go, over one registry and the same breakers, while everything is changed that can
// be, the store lies, and observers meddle. Afterwards, without a fleet, all is as it was before.
func TestNothingThatHappensAtOnceHarms(t *testing.T) {
	shapes := [][]resilience.Stage{
		{budget.Config{Ratio: 0.5, Floor: 4, Fleet: true}, retry.Config{MaxRetries: 2, Patient: true}, breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Second, Fleet: true}},
		{budget.Config{Ratio: 0.5, Floor: 4, Fleet: true}, retry.Config{MaxRetries: 2}, breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Second, MinOpenFor: 50 * time.Millisecond, Fleet: true}},
		{budget.Config{Ratio: 0.5, Burst: 2, Floor: 4}, retry.Config{MaxRetries: 2}, breaker.Config{}},
		{retry.Config{MaxRetries: 2}},
	}
	synctest.Test(t, func(t *testing.T) {
		store, registry, watcher := &moody{Transport: fleet.InProcess()}, holdfast.NewRegistry(), &meddler{}
		shared, err := breaker.New(breaker.Config{Name: "shared", ConsecutiveFailures: 4, OpenFor: time.Second, ProbeTimeout: time.Second})
		require.NoError(t, err)
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, holdfast.Observe(watcher), shared, retry.Config{MaxRetries: 1})
		require.NoError(t, err)
		own, err := holdfast.New("own", append([]resilience.Stage{holdfast.Observe(watcher), shared}, shapes[0]...)...)
		require.NoError(t, err)
		apply := func(shape int) error {
			return registry.Apply(holdfast.Services{"a": shapes[shape], "b": shapes[(shape+1)%len(shapes)]})
		}
		require.NoError(t, apply(0))

		var down atomic.Bool
		var latest atomic.Pointer[fleet.Fleet]
		op := func(ctx context.Context) error {
			if f := latest.Load(); rand.IntN(8) == 0 {
				_, _ = f.Stats(), f.Health()
			}
			switch {
			case down.Load() && rand.IntN(30) == 0:
				panic("an op's bug")
			case down.Load() && rand.IntN(30) == 0:
				<-ctx.Done()
				return ctx.Err()
			case down.Load():
				time.Sleep(rand.N(50 * time.Millisecond))
				return errDown
			}
			return nil
		}
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		var all sync.WaitGroup
		again := func(pause time.Duration, act func()) {
			all.Go(func() {
				for ctx.Err() == nil {
					func() {
						defer func() {
							if v := recover(); v != nil && v != "an op's bug" && v != "an observer's bug" {
								panic(v)
							}
						}()
						act()
					}()
					time.Sleep(rand.N(pause))
				}
			})
		}
		for _, p := range []func() *holdfast.Pipeline{
			func() *holdfast.Pipeline { return own },
			func() *holdfast.Pipeline { return registry.MustGet("a") },
			func() *holdfast.Pipeline { return registry.MustGet("b") },
			func() *holdfast.Pipeline { return hosts.Get(fmt.Sprint(rand.IntN(4))) },
		} {
			for range 2 {
				again(200*time.Millisecond, func() {
					ctx, cancel := context.WithTimeout(ctx, rand.N(3*time.Second))
					defer cancel()
					_ = p().Do(ctx, op)
				})
			}
		}
		for i := range 3 {
			again(4*time.Second, func() {
				ctx, cancel := context.WithTimeout(ctx, rand.N(30*time.Second))
				defer cancel()
				f, err := fleet.Join(ctx, store, "shop", fleet.WithPod(fmt.Sprint("pod ", i)), fleet.WithKey(key),
					fleet.WithObserver(watcher), fleet.WithLogger(slog.New(watcher)))
				if err != nil {
					t.Error(err)
					return
				}
				latest.Store(f)
				f.Follow(registry)
				time.Sleep(rand.N(3 * time.Second))
				f.Add(own, hosts.Total(), registry.MustGet("a"))
				f.Follow(registry, "b")
				for range rand.IntN(8) {
					o := fleet.Order{By: "ada", Why: "why", For: rand.N(5*time.Second) + time.Second}
					s := []string{"a", "b", "shared", "own", "own/own"}[rand.IntN(5)]
					_ = f.Isolate(ctx, s, o)
					_ = f.Tune(ctx, s, fleet.Tuning{Ratio: 0.01}, o)
					_ = f.Reset(ctx, s, o)
					_ = f.Withdraw(ctx, s, fleet.OrderTune, o)
					time.Sleep(rand.N(time.Second))
				}
				if rand.IntN(2) == 0 {
					<-ctx.Done()
				}
				var twice sync.WaitGroup
				twice.Go(f.Leave)
				twice.Go(f.Leave)
				twice.Wait()
			})
		}
		again(3*time.Second, func() { _ = apply(rand.IntN(len(shapes))) })
		again(5*time.Second, func() { _ = own.Update(append([]resilience.Stage{shared}, shapes[rand.IntN(2)]...)...) })
		again(9*time.Second, func() { down.Store(!down.Load()) })
		again(9*time.Second, func() {
			shared.Isolate()
			time.Sleep(rand.N(time.Second))
			shared.Reset()
		})
		again(5*time.Second, func() {
			if b := registry.MustGet("a").Budget(); b != nil {
				_, _, _ = b.Modify(func(c *budget.Config) {
					runtime.Gosched() // no sleep: who waits for a lock keeps a bubble's time from passing
					c.Burst = 1 + rand.IntN(9)
				})
			}
		})
		all.Wait()
		down.Store(false)
		watcher.calm.Store(true)
		time.Sleep(2 * time.Minute)  // nobody is there, and what was postponed is over
		require.NoError(t, apply(2)) // not the set in force, which would change nothing that a hand has
		require.NoError(t, apply(0))
		for _, p := range []*holdfast.Pipeline{own, registry.MustGet("a"), registry.MustGet("b"), hosts.Get("1")} {
			for range 50 {
				_ = p.Do(t.Context(), op)
				time.Sleep(100 * time.Millisecond)
			}
			for _, b := range p.Breakers() {
				require.Equal(t, breaker.StateClosed, b.State(), p.Name())
			}
			if b := p.Budget(); b != nil {
				require.Equal(t, 0.5, b.Config().Ratio, p.Name())
				require.GreaterOrEqual(t, b.Tokens(), 0.0)
				require.LessOrEqual(t, b.Tokens(), float64(b.Config().Burst))
			}
			require.NoError(t, p.Do(t.Context(), op))
		}
	})
}
