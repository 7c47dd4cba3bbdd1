package fleet_test

import (
	"context"
	"fmt"
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
	store fleet.Transport
	pods  []*crewman
}

// crewman is one pod of a crew.
type crewman struct {
	t        *testing.T
	pipeline *holdfast.Pipeline
	fleet    *fleet.Fleet
	log      *lines
	changes  *changesSeen
}

// lines are those of a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
	return nil
}

// with returns the lines that contain a text.
func (l *lines) with(text string) (found []string) {
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
	p := &crewman{t: c.t, log: &lines{}, changes: &changesSeen{}}
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
		c := &crew{t: t, store: newFaulty()}
		for range n {
			c.join()
		}
		heard()
		run(c)
		for _, p := range c.pods {
			p.fleet.Leave()
		}
		time.Sleep(time.Minute) // until a store that is slow has answered
	})
}

// heard lets time pass until all pods have heard of what was stored.
func heard() { time.Sleep(time.Second); synctest.Wait() }

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
	heard()
}

func TestIsolateForAll(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		t := c.t
		c.all(breaker.StateClosed)
		c.isolate(byAda)
		c.all(breaker.StateIsolated)
		until := time.Now().Add(time.Minute - time.Second).UTC().Format("2006-01-02T15:04")
		for _, p := range c.pods {
			err := p.pipeline.Do(t.Context(), func(context.Context) error { return nil })
			require.ErrorIs(t, err, breaker.ErrOpen)
			require.ErrorContains(t, err, `payments: circuit breaker is isolated by ada for the fleet: "card scheme down", until `+until)
			require.ErrorContains(t, p.breaker().Why(), `by ada for the fleet: "card scheme down", until `+until)
			require.Contains(t, holdfast.Check(t.Context(), p.pipeline, nil).Why, `breaker payments isolated by ada for the fleet: "card scheme down", until `+until)
			require.Len(t, p.log.with(`INFO isolated by ada for the fleet: "card scheme down", until `), 1)
			require.Equal(t, []string{"ada for the fleet: breaker payments closed → isolated"}, p.changes.take())
			s := p.fleet.Stats()
			require.True(t, s.Hands)
			require.Zero(t, s.Forged)
			require.Len(t, s.Services[0].Orders, 1)
			o := s.Services[0].Orders[0]
			require.WithinDuration(t, time.Now(), o.At, 2*time.Second)
			require.WithinDuration(t, o.At.Add(time.Minute), o.Until, 2*time.Second)
			require.Equal(t, fleet.OrderStats{Kind: fleet.OrderIsolate, By: "ada", Why: "card scheme down", At: o.At, Until: o.Until}, o)
		}
		require.Len(t, c.pods[0].log.with("INFO order for the fleet"), 1)
		time.Sleep(time.Minute - 3*time.Second)
		c.all(breaker.StateIsolated)
		time.Sleep(3 * time.Second)
		c.all(breaker.StateClosed)
		for _, p := range c.pods {
			require.Equal(t, []string{"ada's order for the fleet is over: breaker payments isolated → closed"}, p.changes.take())
			require.Len(t, p.log.with("INFO the order of ada for the fleet is over"), 1)
			require.Empty(t, p.fleet.Stats().Services[0].Orders)
		}
		time.Sleep(time.Hour)
		c.all(breaker.StateClosed)
		require.Empty(t, c.pods[0].changes.take())
	})
}

func TestTuneForAll(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		require.NoError(c.t, c.pods[1].fleet.Tune(c.t.Context(), service, fleet.Tuning{Ratio: 0.02}, byAda))
		heard()
		c.ratios(0.02)
		for _, p := range c.pods {
			require.Equal(c.t, []string{"ada for the fleet: budget ratio 0.1 → 0.02"}, p.changes.take())
			require.Len(c.t, p.log.with(`INFO budget ratio set to 0.02 by ada for the fleet: "card scheme down", until `), 1)
			require.Equal(c.t, fleet.OrderTune, p.fleet.Stats().Services[0].Orders[0].Kind)
			require.Equal(c.t, 0.02, p.fleet.Stats().Services[0].Orders[0].Ratio)
		}
		time.Sleep(time.Minute)
		c.ratios(0.1)
		require.Equal(c.t, []string{"ada's order for the fleet is over: budget ratio 0.02 → 0.1"}, c.pods[0].changes.take())
	})
}

func TestKeysAreReplacedWhilePodsRun(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.join(fleet.WithKey(newKey, key))
		c.isolate(byAda)
		c.all(breaker.StateIsolated)
	})
}
