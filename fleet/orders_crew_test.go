package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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

const service = "payments"

var (
	key    = []byte("the key of the tests, 32 bytes.1")
	newKey = []byte("the key of the tests, 32 bytes.2")
	byAda  = fleet.Order{By: "ada", Why: "card scheme down", For: time.Minute}
)

// crew is a fleet in a bubble whose pods have a breaker and a budget each, and no calls.
type crew struct {
	t     *testing.T
	store *shelf
	pods  []*crewman
}

// shelf is a store that can be put out of order, also for who gives orders, and be flushed.
type shelf struct {
	faulty
	in atomic.Pointer[fleet.Transport]
}

func newShelf() *shelf {
	s := &shelf{}
	s.flush()
	s.Transport = (*flushed)(s)
	return s
}

func (s *shelf) flush() { is := fleet.InProcess(); s.in.Store(&is) }

func (s *shelf) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	return errors.Join(s.check(ctx), s.faulty.Order(ctx, room, slot, order, ttl))
}

func (s *shelf) Look(ctx context.Context, room string) (fleet.News, error) {
	if err := s.check(ctx); err != nil {
		return fleet.News{}, err
	}
	return s.faulty.Look(ctx, room)
}

// flushed is what stands behind a shelf now.
type flushed shelf

func (s *flushed) now() fleet.Transport { return *s.in.Load() }

func (s *flushed) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	return s.now().Exchange(ctx, e)
}

func (s *flushed) Digest(ctx context.Context, room string, digest []byte) error {
	return s.now().Digest(ctx, room, digest)
}

func (s *flushed) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (uint64, error) {
	return s.now().Acquire(ctx, room, pod, ttl)
}

func (s *flushed) Tell(ctx context.Context, room string, told fleet.Told) error {
	return s.now().Tell(ctx, room, told)
}

func (s *flushed) Release(ctx context.Context, room, pod string) error {
	return s.now().Release(ctx, room, pod)
}

func (s *flushed) Withdraw(ctx context.Context, pod string, rooms []string) error {
	return s.now().Withdraw(ctx, pod, rooms)
}

func (s *flushed) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	return s.now().Order(ctx, room, slot, order, ttl)
}

func (s *flushed) Look(ctx context.Context, room string) (fleet.News, error) {
	return s.now().Look(ctx, room)
}

// crewman is one pod of a crew.
type crewman struct {
	t        *testing.T
	pipeline *holdfast.Pipeline
	fleet    *fleet.Fleet
	log      *logLines
	changes  *changesSeen
}

// logLines are those of a log.
type logLines struct {
	mu  sync.Mutex
	all []string
}

func (l *logLines) Enabled(context.Context, slog.Level) bool { return true }
func (l *logLines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logLines) WithGroup(string) slog.Handler            { return l }

func (l *logLines) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
	return nil
}

// with returns the lines that contain a text.
func (l *logLines) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// changesSeen are those that an observer was told of.
type changesSeen struct {
	mu  sync.Mutex
	all []string
}

func (c *changesSeen) Observe(_ context.Context, e resilience.Event) {
	if e.Change != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, e.Change.By+": "+e.Change.String())
	}
}

func (c *changesSeen) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.all
	c.all = nil
	return all
}

func stagesOf(ratio float64) []resilience.Stage {
	return []resilience.Stage{budget.Config{Ratio: ratio}, retry.Config{}, breaker.Config{}}
}

// join adds a pod, with the crew's key unless there are options.
func (c *crew) join(opts ...fleet.Option) *crewman {
	c.t.Helper()
	p := &crewman{t: c.t, log: &logLines{}, changes: &changesSeen{}}
	pipeline, err := holdfast.New(service, append([]resilience.Stage{holdfast.Observe(p.changes)}, stagesOf(0.1)...)...)
	require.NoError(c.t, err)
	p.pipeline = pipeline
	if opts == nil {
		opts = []fleet.Option{fleet.WithKey(key)}
	}
	opts = append([]fleet.Option{fleet.WithPod(fmt.Sprint("pod ", len(c.pods))), fleet.WithLogger(slog.New(p.log))}, opts...)
	p.fleet, err = fleet.Join(c.t.Context(), c.store, "shop", opts...)
	require.NoError(c.t, err)
	p.fleet.Add(p.pipeline)
	c.pods = append(c.pods, p)
	return p
}

// inCrew runs a test in a bubble, with n pods that have heard of each other.
func inCrew(t *testing.T, n int, run func(c *crew)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crew{t: t, store: newShelf()}
		for range n {
			c.join()
		}
		hearAll()
		run(c)
		for _, p := range c.pods {
			p.fleet.Leave()
		}
		time.Sleep(time.Minute) // until a store that is slow has answered
	})
}

// hearAll lets time pass until all pods have heard of what was stored.
func hearAll() { time.Sleep(time.Second); synctest.Wait() }

func (p *crewman) breaker() *breaker.Breaker { return p.pipeline.Breakers()[0] }
func (p *crewman) ratio() float64            { return p.pipeline.Budget().Config().Ratio }

// all requires that the breakers of all pods are in a state.
func (c *crew) all(state breaker.State) {
	c.t.Helper()
	for i, p := range c.pods {
		require.Equal(c.t, state, p.breaker().State(), "pod %d", i)
	}
}

// ratios requires that the budgets of all pods have a ratio.
func (c *crew) ratios(ratio float64) {
	c.t.Helper()
	for i, p := range c.pods {
		require.Equal(c.t, ratio, p.ratio(), "pod %d", i)
	}
}

func (c *crew) isolate(o fleet.Order) {
	c.t.Helper()
	require.NoError(c.t, c.pods[0].fleet.Isolate(c.t.Context(), service, o))
	hearAll()
}

// give gives an order by the first pod, and lets all hear of it.
func (c *crew) give(order func(f *fleet.Fleet) error) {
	c.t.Helper()
	require.NoError(c.t, order(c.pods[0].fleet))
	hearAll()
}

func (c *crew) withdraw(kind fleet.OrderKind) {
	c.t.Helper()
	c.give(func(f *fleet.Fleet) error {
		return f.Withdraw(c.t.Context(), service, kind, fleet.Order{By: "bob", Why: "it is up again"})
	})
}

func (c *crew) reset() {
	c.t.Helper()
	c.give(func(f *fleet.Fleet) error {
		return f.Reset(c.t.Context(), service, fleet.Order{By: "bob", Why: "try again"})
	})
}

func (c *crew) tune(ratio float64, lasts time.Duration) {
	c.t.Helper()
	c.give(func(f *fleet.Fleet) error {
		return f.Tune(c.t.Context(), service, fleet.Tuning{Ratio: ratio}, fleet.Order{By: "ada", Why: "too many retries", For: lasts})
	})
}
