package fleet_test

import (
	"context"
	"log/slog"
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
)

// deafTell is a Transport whose Tell does not heed ctx, once hang is closed.
type deafTell struct {
	fleet.Transport
	hang, end chan struct{}
}

func (d *deafTell) Tell(ctx context.Context, room string, told fleet.Told) error {
	select {
	case <-d.hang:
		<-d.end
	default:
	}
	return d.Transport.Tell(ctx, room, told)
}

// A holder tells between two ticks. If the store hangs just then, the pod is apart as if it did so
// in a tick.
func TestAStoreThatHangsBetweenTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &deafTell{fleet.InProcess(), make(chan struct{}), make(chan struct{})}
		stages := func() []resilience.Stage {
			return []resilience.Stage{breaker.Config{ConsecutiveFailures: 5, OpenFor: 2 * time.Second, HalfOpenProbes: 1}}
		}
		w := newWorldOf(t, 4, 4, stages, store)
		defer w.end()
		defer close(store.end)
		time.Sleep(10 * time.Second)
		close(store.hang)
		w.backend.down.Store(true)
		time.Sleep(time.Minute)
		apart := 0
		for _, p := range w.pods {
			if s := p.fleet.Stats(); s.Apart {
				require.Contains(t, s.Why, "did not answer within a tick")
				apart++
			}
		}
		require.Equal(t, len(w.pods), apart, "each has held the lease by now")
		w.backend.down.Store(false)
		w.settle(breaker.StateClosed, 20*time.Second)
	})
}

// blocking is a log whose Handle does not return before it is let.
type blocking struct {
	slog.Handler
	end chan struct{}
}

func (b blocking) Handle(context.Context, slog.Record) error { <-b.end; return nil }

// No tick waits for a log.
func TestALogThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, end := holdfast.NewRegistry(), make(chan struct{})
		defer close(end)
		require.NoError(t, r.Apply(holdfast.Services{"a": {keeps}}))
		f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", fleet.WithLogger(slog.New(blocking{slog.Default().Handler(), end})))
		require.NoError(t, err)
		defer f.Leave()
		f.Follow(r)
		time.Sleep(20 * time.Second)
		require.NotEmpty(t, f.Stats().Idle)
		require.Zero(t, f.Stats().Misses)
		require.NoError(t, r.Apply(holdfast.Services{"a": {shares}}))
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"a"}, names(f))
		require.Zero(t, f.Stats().Misses)
	})
}

// A bucket whose requests panic costs no more tokens than one whose requests fail: those that were
// on their way.
func TestABucketThatPanics(t *testing.T) {
	given := map[string]int64{}
	for name, fail := range map[string]func() error{
		"fails": func() error { return errStore }, "panics": func() error { panic("a transport's bug") },
	} {
		synctest.Test(t, func(t *testing.T) {
			var fails atomic.Bool
			store := &counting{Transport: fleet.InProcess()}
			store.answer = func(ctx context.Context, room string, r fleet.PoolRequest, next fleet.Transport) (fleet.PoolReply, error) {
				if !fails.Load() {
					return next.Pool(ctx, room, r)
				}
				given[name] += r.Give
				return fleet.PoolReply{}, fail()
			}
			p := newPayer(t, store, "a", budget.Config{Ratio: 0.5, Burst: 100, Floor: -1})
			defer p.fleet.Leave()
			p.calls(t.Context(), 20, 100*time.Millisecond)
			fails.Store(true)
			p.calls(t.Context(), 600, 100*time.Millisecond)
			s := p.stats(t)
			require.Contains(t, []string{errStore.Error(), "the transport panicked: a transport's bug"}, s.Why)
			require.Positive(t, given[name])
			require.Less(t, given[name], int64(10), name)
			require.Equal(t, uint64(given[name]), s.Lost)
			require.Zero(t, p.fleet.Stats().Misses)
		})
	}
}

// A pipeline that is followed more than once has its calls once.
func TestAPipelineThatIsFollowedTwice(t *testing.T) {
	given := map[int]uint64{}
	for times := range 3 {
		synctest.Test(t, func(t *testing.T) {
			p := newPayer(t, fleet.InProcess(), "a", budget.Config{Ratio: 0.1, Burst: 10000, Floor: -1})
			defer p.fleet.Leave()
			for range times {
				p.fleet.Add(p.pipeline)
			}
			p.calls(t.Context(), 2000, 10*time.Millisecond)
			given[times] = p.stats(t).Given
		})
	}
	require.Positive(t, given[0])
	require.InDelta(t, given[0], given[1], 30, "what a full bank drops in a few ticks; twice as much is wrong")
	require.InDelta(t, given[0], given[2], 30)
}

// leaver leaves the fleet that it is introduced to.
type leaver struct{ hearing }

func (l *leaver) Follow(f *fleet.Fleet) {
	l.hearing.Follow(f)
	f.Leave()
	_, _ = f.Stats(), f.Health()
}

func TestAnObserverThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leaver{}
		f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", fleet.WithObserver(l))
		require.NoError(t, err)
		require.True(t, f.Stats().Left)
		f.Leave()
		require.Equal(t, []*fleet.Fleet{f}, l.fleets)
	})
}

// scribbler is a Transport that keeps what it is given, and writes to it.
type scribbler struct {
	fleet.Transport
	mu   sync.Mutex
	kept [][]byte
}

func (s *scribbler) keep(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, data)
	for _, data := range s.kept {
		for i := range data {
			data[i]++
		}
	}
}

func (s *scribbler) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	news, err := s.Transport.Exchange(ctx, e)
	for i := range e.Posts {
		s.keep(e.Posts[i].Cell)
		e.Posts[i].Room = "scribble"
	}
	return news, err
}

func (s *scribbler) Digest(ctx context.Context, room string, digest []byte) error {
	err := s.Transport.Digest(ctx, room, digest)
	s.keep(digest)
	return err
}

func (s *scribbler) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	err := s.Transport.Order(ctx, room, slot, order, ttl)
	s.keep(order)
	return err
}

func (s *scribbler) Withdraw(ctx context.Context, pod string, rooms []string) error {
	err := s.Transport.Withdraw(ctx, pod, rooms)
	for i := range rooms {
		rooms[i] = "scribble"
	}
	return err
}

// A store may keep what it is given, and write to it. A pod that stores an order again stores it as
// it was.
func TestAStoreThatWritesToWhatItIsGiven(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		for _, p := range c.pods {
			p.fleet.Leave()
		}
		c.pods = nil
		store := &shelf{}
		store.flush()
		store.Transport = &scribbler{Transport: (*flushed)(store)}
		c.store = store
		c.join()
		c.join()
		hearAll()
		c.isolate(fleet.Order{By: "ada", Why: "card scheme down", For: time.Hour})
		c.all(breaker.StateIsolated)
		for range 3 {
			c.store.flush()
			time.Sleep(15 * time.Second)
			require.Len(t, c.stored(service), 1)
			c.join()
			hearAll()
			c.all(breaker.StateIsolated)
		}
		for _, p := range c.pods {
			require.Zero(t, p.fleet.Stats().Forged)
			require.Zero(t, p.fleet.Stats().Refused)
		}
	})
}

// A program may go on with the Fleet of a Join that failed.
func TestAFleetThatNobodyJoined(t *testing.T) {
	p, err := holdfast.New("a", breaker.Config{})
	require.NoError(t, err)
	none, err := fleet.Join(t.Context(), nil, "")
	require.Error(t, err)
	for _, f := range []*fleet.Fleet{none, {}} {
		f.Follow(holdfast.NewRegistry())
		f.Add(p)
		require.Equal(t, fleet.Stats{Left: true}, f.Stats())
		require.Equal(t, holdfast.Status{}, f.Health())
		for _, err := range []error{
			f.Isolate(t.Context(), service, byAda), f.Reset(t.Context(), service, byAda),
			f.Tune(t.Context(), service, fleet.Tuning{Ratio: 1}, byAda), f.Withdraw(t.Context(), service, fleet.OrderTune, byAda),
		} {
			require.ErrorContains(t, err, "make one with Join")
		}
		_, err := f.Look(t.Context(), service)
		require.ErrorContains(t, err, "make one with Join")
		f.Leave()
		f.Leave()
	}
}
