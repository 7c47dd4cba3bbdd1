package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
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
)

var errDown = resilience.MarkTransient(errors.New("down"))

// backend is a dependency that all pods call.
type backend struct {
	down  atomic.Bool
	fail  atomic.Int64 // of 1000 calls, at random
	calls sync.Map     // *atomic.Int64 by pod
}

func (b *backend) count(pod int) *atomic.Int64 {
	n, _ := b.calls.LoadOrStore(pod, new(atomic.Int64))
	return n.(*atomic.Int64)
}

func (b *backend) call(pod int) error {
	b.count(pod).Add(1)
	if b.down.Load() || rand.Int64N(1000) < b.fail.Load() {
		return errDown
	}
	return nil
}

// take returns how often each pod has called since the last take, those that have.
func (b *backend) take() map[int]int64 {
	calls := map[int]int64{}
	for pod, n := range b.calls.Range {
		if n := n.(*atomic.Int64).Swap(0); n > 0 {
			calls[pod.(int)] = n
		}
	}
	return calls
}

// world is a fleet of pods in one bubble, each of which has a breaker of its own.
type world struct {
	t         *testing.T
	transport fleet.Transport
	backend   backend
	pods      []*podOf
	stop      context.CancelFunc
	ctx       context.Context
}

// podOf is one pod.
type podOf struct {
	pipeline *holdfast.Pipeline
	fleet    *fleet.Fleet
	broken   atomic.Bool
	good     atomic.Int64
	bad      atomic.Int64
	logged   *logged
}

func (p *podOf) breaker() *breaker.Breaker { return p.pipeline.Breakers()[0] }

// logged counts the lines of a log.
type logged struct {
	slog.Handler
	warnings, infos atomic.Int64
}

func newLogged() *logged { return &logged{Handler: slog.NewTextHandler(io.Discard, nil)} }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		l.warnings.Add(1)
	} else {
		l.infos.Add(1)
	}
	return nil
}

// newWorld makes n pods, each of which makes rate calls a second. With a nil transport there is no
// fleet.
func newWorld(t *testing.T, n int, rate float64, c breaker.Config, transport fleet.Transport) *world {
	t.Helper()
	return newWorldOf(t, n, rate, func() []resilience.Stage { return []resilience.Stage{c} }, transport)
}

// newWorldOf is newWorld with any stages.
func newWorldOf(t *testing.T, n int, rate float64, stages func() []resilience.Stage, transport fleet.Transport) *world {
	t.Helper()
	w := &world{t: t, transport: transport}
	w.ctx, w.stop = context.WithCancel(t.Context())
	for range n {
		w.add(rate, stages())
	}
	t.Cleanup(w.end)
	return w
}

func (w *world) add(rate float64, stages []resilience.Stage) {
	w.t.Helper()
	i := len(w.pods)
	pipeline, err := holdfast.New("checkout", stages...)
	require.NoError(w.t, err)
	p := &podOf{pipeline: pipeline, logged: newLogged()}
	w.pods = append(w.pods, p)
	if w.transport != nil {
		p.fleet, err = fleet.Join(w.ctx, w.transport, "shop", fleet.WithPod(fmt.Sprint("pod ", i)), fleet.WithLogger(slog.New(p.logged)))
		require.NoError(w.t, err)
		p.fleet.Add(pipeline)
	}
	if rate == 0 {
		return
	}
	r := rand.New(rand.NewPCG(19, uint64(i)))
	go func() {
		for {
			select {
			case <-w.ctx.Done():
				return
			case <-time.After(time.Duration(r.ExpFloat64() / rate * float64(time.Second))):
			}
			err := p.pipeline.Do(w.ctx, func(context.Context) error {
				if p.broken.Load() {
					return errDown
				}
				return w.backend.call(i)
			})
			if err == nil {
				p.good.Add(1)
			} else {
				p.bad.Add(1)
			}
		}
	}()
}

// end stops all callers and pods.
func (w *world) end() {
	w.stop()
	for _, p := range w.pods {
		if p.fleet != nil {
			p.fleet.Leave()
		}
	}
	time.Sleep(time.Minute) // until a store that is slow has answered
}

// states returns how many breakers are in each state.
func (w *world) states() map[breaker.State]int {
	states := map[breaker.State]int{}
	for _, p := range w.pods {
		states[p.breaker().State()]++
	}
	return states
}

// goodput returns which part of the calls since the last time succeeded.
func (w *world) goodput() float64 {
	var good, bad int64
	for _, p := range w.pods {
		good, bad = good+p.good.Swap(0), bad+p.bad.Swap(0)
	}
	return float64(good) / float64(good+bad)
}

// settle lets time pass until all breakers are in a state, at most for a while.
func (w *world) settle(state breaker.State, within time.Duration) time.Duration {
	w.t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if w.states()[state] == len(w.pods) {
			return time.Since(began)
		}
		require.Less(w.t, time.Since(began), within, "not all %v: %v", state, w.states())
	}
}

func TestAFleetOpensTogetherAndOneProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods = 100
		w := newWorld(t, pods, 1, breaker.Config{HalfOpenProbes: 1}, fleet.InProcess())
		defer w.end()
		time.Sleep(20 * time.Second)
		require.Equal(t, map[breaker.State]int{breaker.StateClosed: pods}, w.states())
		require.Equal(t, 1.0, w.goodput())

		w.backend.down.Store(true)
		w.backend.take()
		time.Sleep(5 * time.Second)
		require.Less(t, sumOf(w.backend.take()), int64(3*pods), "without a fleet each pod makes ten calls before it opens")
		require.GreaterOrEqual(t, w.states()[breaker.StateOpen], pods-5, "all but those without a call since")
		require.ErrorContains(t, w.pods[0].breaker().Why(), "fleet: ")

		// Another pod probes in each round. It waits for a call to probe with, and lets go if none
		// comes.
		rounds, probed := 0, map[int]int64{}
		for range 60 {
			time.Sleep(time.Second)
			came := w.backend.take()
			require.LessOrEqual(t, sumOf(came), int64(2), "a round may end, and another begin, within a second")
			for pod, n := range came {
				rounds++
				probed[pod] += n
			}
		}
		require.GreaterOrEqual(t, rounds, 6)
		require.LessOrEqual(t, rounds, 60, "not more than one a second")
		require.Greater(t, len(probed), 2*rounds/3)

		w.backend.down.Store(false)
		t.Logf("%d rounds in an outage of a minute; all closed after %v", rounds, w.settle(breaker.StateClosed, 20*time.Second))
		w.goodput()
		time.Sleep(10 * time.Second)
		require.Equal(t, 1.0, w.goodput())
		for _, p := range w.pods {
			s := p.fleet.Stats()
			require.False(t, s.Apart)
			require.Zero(t, s.Misses)
			require.Len(t, s.Services, 1)
			require.Equal(t, "checkout", s.Services[0].Name)
			require.Equal(t, uint64(pods), s.Services[0].Pods)
			require.False(t, s.Services[0].Probes)
			require.Zero(t, p.logged.warnings.Load())
		}
	})
}

func sumOf(calls map[int]int64) (sum int64) {
	for _, n := range calls {
		sum += n
	}
	return sum
}
