package fleet_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

var errStore = errors.New("LOADING: the store is out of order")

// faulty is a Transport that can be put out of order.
type faulty struct {
	fleet.Transport
	fault atomic.Pointer[fault]
}

// fault is what is wrong with a store.
type fault struct {
	before func(ctx context.Context) error // each request; nil: nothing
	after  func([]fleet.News) []fleet.News // what Exchange returns; nil: nothing
}

func newFaulty() *faulty { return &faulty{Transport: fleet.InProcess()} }

func (f *faulty) check(ctx context.Context) error {
	if now := f.fault.Load(); now != nil && now.before != nil {
		return now.before(ctx)
	}
	return nil
}

func (f *faulty) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if err := f.check(ctx); err != nil {
		return nil, err
	}
	news, err := f.Transport.Exchange(ctx, e)
	if now := f.fault.Load(); now != nil && now.after != nil {
		news = now.after(news)
	}
	return news, err
}

func (f *faulty) Digest(ctx context.Context, room string, digest []byte) error {
	return errors.Join(f.check(ctx), f.Transport.Digest(ctx, room, digest))
}

func (f *faulty) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	if err := f.check(ctx); err != nil {
		return 0, err
	}
	return f.Transport.Acquire(ctx, room, pod, ttl)
}

func (f *faulty) Tell(ctx context.Context, room string, told fleet.Told) error {
	if err := f.check(ctx); err != nil {
		return err
	}
	return f.Transport.Tell(ctx, room, told)
}

func (f *faulty) Release(ctx context.Context, room, pod string) error {
	if err := f.check(ctx); err != nil {
		return err
	}
	return f.Transport.Release(ctx, room, pod)
}

func (f *faulty) Withdraw(ctx context.Context, pod string, rooms []string) error {
	if err := f.check(ctx); err != nil {
		return err
	}
	return f.Transport.Withdraw(ctx, pod, rooms)
}

func (f *faulty) Pool(ctx context.Context, room string, r fleet.PoolRequest) (fleet.PoolReply, error) {
	if err := f.check(ctx); err != nil {
		return fleet.PoolReply{}, err
	}
	return f.Transport.Pool(ctx, room, r)
}

// faults are all ways in which a store is put out of order here.
func faults() map[string]*fault {
	each := func(change func(*fleet.News)) func([]fleet.News) []fleet.News {
		return func(news []fleet.News) []fleet.News {
			for i := range news {
				change(&news[i])
			}
			return news
		}
	}
	wait := func(d time.Duration) func(context.Context) error {
		return func(context.Context) error { time.Sleep(d); return nil }
	}
	return map[string]*fault{
		"gone":                        {before: func(context.Context) error { return errStore }},
		"slow, and heeds ctx":         {before: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		"slow, for less than a tick":  {before: wait(499 * time.Millisecond), after: each(func(n *fleet.News) { n.Err = errStore })},
		"slow, and does not heed ctx": {before: wait(2 * time.Second)},
		"panics":                      {before: func(context.Context) error { panic("a transport's bug") }},
		"one room is gone":            {after: each(func(n *fleet.News) { *n = fleet.News{Err: errStore} })},
		"no news":                     {after: func([]fleet.News) []fleet.News { return nil }},
		"too many news": {after: func(news []fleet.News) []fleet.News {
			return append(news, fleet.News{})
		}},
		"flushed, again and again": {after: each(func(n *fleet.News) { *n = fleet.News{} })},
		"old news":                 {after: each(func(n *fleet.News) { n.Asked, n.Digest, n.Age = false, []byte{1, 9, 9, 9, 9, 0}, time.Hour })},
		"nonsense": {after: each(func(n *fleet.News) {
			n.Asked, n.Age, n.Digest = false, 0, make([]byte, rand.IntN(900))
			for i := range n.Digest {
				n.Digest[i] = byte(rand.Uint32() | 2)
			}
		})},
		"NaN": {after: each(func(n *fleet.News) { n.Asked, n.Age, n.Digest = false, 0, []byte("NaN") })},
	}
}

// Three ticks after the store is out of order, all goes as without a fleet; and when it is back, as
// with one.
func TestAStoreInTrouble(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const pods = 10
				store := newFaulty()
				w := newWorld(t, pods, 4, breaker.Config{}, store)
				defer w.end()
				time.Sleep(10 * time.Second)

				store.fault.Store(fault)
				time.Sleep(30 * time.Second)
				require.Equal(t, 1.0, w.goodput(), "no call notices")
				for _, p := range w.pods {
					s := p.fleet.Stats()
					require.True(t, s.Apart)
					require.NotEmpty(t, s.Why)
					require.Equal(t, uint64(1), s.Troubles)
					require.Equal(t, int64(1), p.logged.warnings.Load())
				}

				w.backend.down.Store(true)
				time.Sleep(10 * time.Second)
				require.Zero(t, w.states()[breaker.StateClosed])
				for _, p := range w.pods {
					require.NotContains(t, p.breaker().Why().Error(), "fleet")
					require.Zero(t, p.fleet.Stats().Advised)
				}
				w.backend.down.Store(false)
				w.settle(breaker.StateClosed, 20*time.Second)

				store.fault.Store(nil)
				time.Sleep(10 * time.Second)
				w.backend.down.Store(true)
				time.Sleep(5 * time.Second)
				advised := uint64(0)
				for _, p := range w.pods {
					s := p.fleet.Stats()
					require.False(t, s.Apart)
					require.Empty(t, s.Why)
					require.Equal(t, int64(1), p.logged.infos.Load())
					advised += s.Advised
				}
				require.Positive(t, advised)
			})
		})
	}
}

// A breaker that waits for another pod's probe waits for two ticks more, if the store goes.
func TestAdviceLapses(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const pods = 20
				store := newFaulty()
				w := newWorld(t, pods, 4, breaker.Config{HalfOpenProbes: 1}, store)
				defer w.end()
				time.Sleep(10 * time.Second)
				w.backend.down.Store(true)
				time.Sleep(5 * time.Second)
				w.backend.take()
				time.Sleep(15 * time.Second) // all are open, and wait
				failed := w.backend.take()   // whose rounds did, so their own pauses are longer
				require.Less(t, len(failed), pods-4)

				store.fault.Store(fault)
				time.Sleep(3*time.Second + 2*625*time.Millisecond)
				probed := w.backend.take()
				for pod := range pods {
					if failed[pod] == 0 {
						require.Positive(t, probed[pod], "pod %d waits", pod)
					}
				}

				w.backend.down.Store(false)
				w.settle(breaker.StateClosed, 15*time.Second)
			})
		})
	}
}

// A store that says for ever that somebody probes keeps a breaker open for longer than without a
// fleet, but not for ever.
func TestALeaseThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods = 5
		store := newFaulty()
		w := newWorld(t, pods, 4, breaker.Config{HalfOpenProbes: 1, MaxOpenFor: 5 * time.Second}, store)
		defer w.end()
		time.Sleep(10 * time.Second)
		store.fault.Store(&fault{after: func(news []fleet.News) []fleet.News {
			for i := range news {
				news[i].Holder = "a pod that is not there"
			}
			return news
		}})
		w.backend.down.Store(true)
		time.Sleep(5 * time.Second)
		w.backend.down.Store(false)
		require.Less(t, w.settle(breaker.StateClosed, 2*time.Minute), 75*time.Second)
	})
}

func TestAHolderThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods = 20
		store := newFaulty()
		w := newWorld(t, pods, 4, breaker.Config{HalfOpenProbes: 1}, store)
		defer w.end()
		time.Sleep(10 * time.Second)
		w.backend.down.Store(true)
		time.Sleep(5 * time.Second)
		require.Eventually(t, func() bool {
			epoch, err := store.Transport.Acquire(t.Context(), "shop/checkout", "one that dies at once", 3*time.Second)
			require.NoError(t, err)
			return epoch > 0
		}, time.Minute, 10*time.Millisecond)
		w.backend.down.Store(false)
		require.Less(t, w.settle(breaker.StateClosed, 20*time.Second), 15*time.Second)
	})
}

// One pod cannot reach the dependency, and the others can.
func TestABrokenPod(t *testing.T) {
	for _, pods := range []int{2, 3, 10, 100} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, pods, 4, breaker.Config{}, fleet.InProcess())
			defer w.end()
			time.Sleep(10 * time.Second)
			w.goodput()
			w.pods[0].broken.Store(true)
			for range 60 {
				time.Sleep(time.Second)
				for _, p := range w.pods[1:] {
					require.Equal(t, breaker.StateClosed, p.breaker().State())
				}
			}
			require.Zero(t, w.pods[0].good.Swap(0))
			require.NotContains(t, w.pods[0].breaker().Why().Error(), "fleet")
			w.pods[0].bad.Store(0)
			require.Equal(t, 1.0, w.goodput())
			w.pods[0].broken.Store(false)
			w.settle(breaker.StateClosed, 15*time.Second)
		})
	}
}

// All are down, and when all are well again one pod is broken: it does not keep the others out, nor
// them from probing.
func TestABrokenPodDoesNotKeepTheFleetOut(t *testing.T) {
	for _, pods := range []int{2, 3, 10, 30} {
		var worst time.Duration
		for range 5 {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, pods, 4, breaker.Config{}, fleet.InProcess())
				defer w.end()
				time.Sleep(10 * time.Second)
				w.backend.down.Store(true)
				time.Sleep(20 * time.Second)
				w.pods[0].broken.Store(true)
				w.backend.down.Store(false)
				began := time.Now()
				for w.states()[breaker.StateClosed] < pods-1 {
					time.Sleep(100 * time.Millisecond)
					require.Less(t, time.Since(began), 20*time.Second)
				}
				worst = max(worst, time.Since(began))
				time.Sleep(15 * time.Second) // it is found out at the latest now
				require.NotEqual(t, breaker.StateClosed, w.pods[0].breaker().State())
				require.Equal(t, pods-1, w.states()[breaker.StateClosed])
			})
		}
		t.Logf("%d pods, one broken: the others closed after %v at the most", pods, worst)
	}
}

func TestAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods = 20
		w := newWorld(t, pods, 4, breaker.Config{}, fleet.InProcess())
		defer w.end()
		time.Sleep(10 * time.Second)
		for _, p := range w.pods[:pods/2] {
			p.broken.Store(true)
		}
		for range 60 {
			time.Sleep(time.Second)
			for _, p := range w.pods[pods/2:] {
				require.Equal(t, breaker.StateClosed, p.breaker().State(), "those that can reach it go on: %v", p.breaker().Why())
			}
		}
		for _, p := range w.pods[:pods/2] {
			p.broken.Store(false)
		}
		w.settle(breaker.StateClosed, 20*time.Second)
	})
}
