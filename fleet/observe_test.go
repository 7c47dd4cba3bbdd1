package fleet_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// hearing keeps the events that it gets, and the fleets that it follows.
type hearing struct {
	mu     sync.Mutex
	events []resilience.Event
	fleets []*fleet.Fleet
}

func (h *hearing) Observe(_ context.Context, e resilience.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *hearing) Follow(f *fleet.Fleet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fleets = append(h.fleets, f)
}

// all returns the events so far.
func (h *hearing) all() []resilience.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]resilience.Event(nil), h.events...)
}

// joined returns a fleet that follows one breaker, in a store that can be put out of order.
func joined(t *testing.T, opts ...fleet.Option) (*fleet.Fleet, *faulty) {
	t.Helper()
	store := newFaulty()
	opts = append([]fleet.Option{fleet.WithPod("shop-1"), fleet.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	f, err := fleet.Join(t.Context(), store, "shop", opts...)
	require.NoError(t, err)
	f.Add(holdfast.Must(holdfast.New("checkout", breaker.Config{})))
	return f, store
}

// gone is a fault of a store that does not answer.
func gone() *fault { return &fault{before: func(context.Context) error { return errStore }} }

// loseStore takes the store away for 10 s, and gives it back for 10 s.
func loseStore(store *faulty) {
	store.fault.Store(gone())
	time.Sleep(10 * time.Second)
	store.fault.Store(nil)
	time.Sleep(10 * time.Second)
}

// An observer hears once that the fleet has lost its store, three ticks after that, and once that
// it is back; and again the next time.
func TestAnObserverHearsOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hearing{}
		f, store := joined(t, fleet.WithObserver(h))
		defer f.Leave()
		require.Equal(t, []*fleet.Fleet{f}, h.fleets)
		time.Sleep(10 * time.Second)
		require.Empty(t, h.all())

		// Two ticks without news are none of its business.
		misses := 0
		store.fault.Store(&fault{before: func(context.Context) error {
			if misses++; misses > 2 {
				return nil
			}
			return errStore
		}})
		time.Sleep(10 * time.Second)
		require.Equal(t, uint64(2), f.Stats().Misses)
		require.Empty(t, h.all())

		for round := range 2 {
			began := time.Now()
			store.fault.Store(gone())
			for len(h.all()) == 2*round {
				time.Sleep(time.Millisecond)
			}
			require.LessOrEqual(t, time.Since(began), 4*625*time.Millisecond)
			lost := h.all()[2*round]
			require.Equal(t, resilience.EventFleet, lost.Kind)
			require.ErrorIs(t, lost.Why, errStore)
			require.Equal(t, resilience.FleetChange{Name: "shop", Pod: "shop-1", Apart: true, After: lost.Fleet.After}, *lost.Fleet)
			require.Greater(t, lost.Fleet.After, 2*375*time.Millisecond-time.Millisecond)
			require.True(t, f.Stats().Apart)

			time.Sleep(time.Minute)
			require.Len(t, h.all(), 2*round+1, "it is told once")
			store.fault.Store(nil)
			time.Sleep(5 * time.Second)
			events := h.all()
			require.Len(t, events, 2*round+2)
			back := events[2*round+1]
			require.NoError(t, back.Why)
			require.False(t, back.Fleet.Apart)
			require.Greater(t, back.Fleet.After, time.Minute)
			require.Less(t, back.Fleet.After, 65*time.Second)
		}
	})
}

// logOf returns a logger, and what it has logged so far.
func logOf() (l *slog.Logger, logged func() []string) {
	var mu sync.Mutex
	var out bytes.Buffer
	write := writer(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(b)
	})
	return slog.New(slog.NewTextHandler(write, nil)), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")[:strings.Count(out.String(), "\n")]
	}
}

type writer func(b []byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// Each change is one line of the log, whoever writes it.
func TestNoLineIsThereTwice(t *testing.T) {
	for name, c := range map[string]struct {
		observers        func(l *slog.Logger) []resilience.Observer
		logger, observer int // lines
	}{
		"no observer":      {nil, 2, 0},
		"one that is deaf": {func(*slog.Logger) []resilience.Observer { return []resilience.Observer{&hearing{}} }, 2, 0},
		"one that logs":    {func(l *slog.Logger) []resilience.Observer { return []resilience.Observer{resilience.NewLogObserver(l)} }, 0, 2},
		"one that logs among others": {func(l *slog.Logger) []resilience.Observer {
			return []resilience.Observer{&hearing{}, resilience.Observers(&hearing{}, resilience.NewLogObserver(l))}
		}, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logger, own := logOf()
				other, observed := logOf()
				opts := []fleet.Option{fleet.WithLogger(logger)}
				if c.observers != nil {
					opts = append(opts, fleet.WithObserver(c.observers(other)...))
				}
				f, store := joined(t, opts...)
				defer f.Leave()
				time.Sleep(2 * time.Second)
				loseStore(store)
				require.Len(t, own(), c.logger)
				require.Len(t, observed(), c.observer)
				all := append(own(), observed()...)
				require.Contains(t, all[0], `level=WARN msg="the fleet's store is in trouble; every breaker goes by itself until it is back" fleet=shop pod=shop-1 why="`)
				require.Contains(t, all[0], errStore.Error())
				require.Regexp(t, `level=INFO msg="the fleet's store is back" fleet=shop pod=shop-1 after=\d+(\.\d+)?s$`, all[1])
			})
		})
	}
}

// deaf does not care for fleets.
type deaf struct{ hearing }

func (*deaf) Hears(k resilience.EventKind) bool { return k != resilience.EventFleet }

// bad panics at whatever it is asked.
type bad struct{}

func (bad) Observe(context.Context, resilience.Event) { panic("an observer's bug") }
func (bad) Follow(*fleet.Fleet)                       { panic("an observer's bug") }

// An observer that panics changes nothing, for nobody.
func TestObserversThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after, between, silent := &hearing{}, &hearing{}, &hearing{}, &deaf{}
		logger, logged := logOf()
		f, store := joined(t, fleet.WithObserver(before, bad{}), fleet.WithLogger(logger),
			fleet.WithObserver(resilience.Observers(bad{}, between), silent, after))
		defer f.Leave()
		time.Sleep(2 * time.Second)
		loseStore(store)
		for _, h := range []*hearing{before, between, after} {
			require.Len(t, h.all(), 2)
			require.Equal(t, []*fleet.Fleet{f}, h.fleets)
		}
		require.Empty(t, silent.all())
		require.Equal(t, []*fleet.Fleet{f}, silent.fleets)
		require.Len(t, logged(), 2)
		require.False(t, f.Stats().Apart)
	})
}

// An observer that does not return keeps the others from hearing, and nothing else: not the ticks,
// not Leave. What it has missed is bounded.
func TestAnObserverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, h := make(chan struct{}), &hearing{}
		hangs := resilience.ObserverFunc(func(context.Context, resilience.Event) { <-release })
		f, store := joined(t, fleet.WithObserver(hangs, h))
		time.Sleep(2 * time.Second)
		for range 20 {
			loseStore(store)
		}
		s := f.Stats()
		require.Equal(t, uint64(20), s.Troubles)
		require.False(t, s.Apart)
		began := time.Now()
		f.Leave()
		require.Zero(t, time.Since(began))
		require.Empty(t, h.all())

		close(release)
		synctest.Wait()
		events := h.all()
		require.Len(t, events, 1+16, "the one that it hung at, and the latest")
		for i, e := range events {
			require.Equal(t, i == 0 || i%2 == 1, e.Fleet.Apart, "event %d", i)
		}
	})
}

// panicky is an error whose Error method panics.
type panicky struct{}

func (panicky) Error() string { panic("a store's bug") }

// A store's error that panics is a miss like any other, and leaves no lock held.
func TestAnErrorThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hearing{}
		f, store := joined(t, fleet.WithObserver(h))
		defer f.Leave()
		store.fault.Store(&fault{before: func(context.Context) error { return panicky{} }})
		time.Sleep(10 * time.Second)
		s := f.Stats()
		require.True(t, s.Apart)
		require.Equal(t, "a fleet_test.panicky whose Error method panics", s.Why)
		require.Equal(t, panicky{}, h.all()[0].Why)
		store.fault.Store(nil)
		time.Sleep(5 * time.Second)
		require.False(t, f.Stats().Apart)
	})
}

func TestWithObserverNamesWhatIsWrong(t *testing.T) {
	for want, opt := range map[string]fleet.Option{
		"fleet: WithObserver is empty; want at least one observer":                              fleet.WithObserver(),
		"fleet: WithObserver is nil; want an observer; leave it out if there is none":           fleet.WithObserver(&hearing{}, nil),
		"fleet: WithObserver is nil; want an observer; leave it out if there is none (pointer)": fleet.WithObserver((*hearing)(nil)),
	} {
		_, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", opt)
		require.EqualError(t, err, strings.TrimSuffix(want, " (pointer)"))
	}
	_, err := fleet.Join(t.Context(), nil, "", fleet.WithObserver(nil))
	require.ErrorContains(t, err, "the transport")
	require.ErrorContains(t, err, "WithObserver is nil")
}

// Left says that the pod is gone, and not before it is.
func TestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := joined(t)
		require.False(t, f.Stats().Left)
		time.Sleep(2 * time.Second)
		require.False(t, f.Stats().Left)
		f.Leave()
		require.True(t, f.Stats().Left)
		require.True(t, f.Stats().Left)

		ctx, cancel := context.WithCancel(t.Context())
		f, err := fleet.Join(ctx, fleet.InProcess(), "shop")
		require.NoError(t, err)
		cancel()
		synctest.Wait()
		require.True(t, f.Stats().Left)
	})
}
