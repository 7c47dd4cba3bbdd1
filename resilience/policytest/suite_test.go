package policytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

func TestBulkheadsPass(t *testing.T) {
	for _, c := range []bulkhead.Config{
		{}, {MaxConcurrent: 1}, {MaxConcurrent: 3}, {MaxConcurrent: 2, MaxWait: time.Second}, {MaxConcurrent: 2, MaxWait: -1}, {MaxConcurrent: 1000},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			TestGuard(t, func() resilience.Guard {
				b, err := bulkhead.New(c)
				require.NoError(t, err)
				return b
			})
		})
	}
}

// A Guard that admits everybody is not asked for ever.
func TestNoMoreCallsAtOnceThanTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, places := range []int{limit - 1, limit, limit + 1} {
			b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: places})
			require.NoError(t, err)
			require.Equal(t, min(places, limit), capacity(t.Context(), door{Guard: b}))
		}
	})
}

func TestObserversPass(t *testing.T) {
	nobody := resilience.ObserverFunc(func(context.Context, resilience.Event) {})
	for name, o := range map[string]resilience.Observer{
		"log":     resilience.NewLogObserver(slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		"log off": resilience.NewLogObserver(slog.New(slog.DiscardHandler)),
		"fan-out": resilience.Observers(nobody, nobody),
	} {
		t.Run(name, func(t *testing.T) {
			TestObserver(t, func() resilience.Observer { return o })
		})
	}
}

// notes is a reporter that a check may complain to.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (*notes) Helper() {}

func (n *notes) Errorf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf(format, args...))
}

// objections runs all checks and returns what each has to say.
func objections[T any](t *testing.T, checks []check[T], newT func() T, cleanup func()) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, c := range checks {
		synctest.Test(t, func(t *testing.T) {
			n := &notes{}
			c.guarded(n, t.Context(), newT)
			if cleanup != nil {
				cleanup()
			}
			if len(n.said) > 0 {
				all[c.name] = strings.Join(n.said, "\n")
			}
		})
	}
	return all
}

// broken is a semaphore of two places whose flaws are turned on one by one.
type broken struct {
	mu    sync.Mutex
	inUse int
	freed chan struct{}

	leaksOnPanic, leaksOnGoexit, leaksOnError, releasesRefused, retryable, deaf, runsTwice, swallows, forgetsRelease bool

	stop chan struct{} // ends the goroutines of one that starts some
}

func (g *broken) Acquire(ctx context.Context) error {
	if g.stop != nil {
		go func() { <-g.stop }()
	}
	for {
		g.mu.Lock()
		if g.inUse < 2 {
			g.inUse++
			g.mu.Unlock()
			return nil
		}
		if !g.deaf {
			g.mu.Unlock()
			return errors.New("full")
		}
		if g.freed == nil {
			g.freed = make(chan struct{})
		}
		freed := g.freed
		g.mu.Unlock()
		<-freed
	}
}

func (g *broken) Release(context.Context, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.forgetsRelease {
		return
	}
	g.inUse--
	if g.freed != nil {
		close(g.freed)
		g.freed = nil
	}
}

func (g *broken) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) (err error) {
		if err := g.Acquire(ctx); err != nil {
			switch {
			case g.releasesRefused:
				g.Release(ctx, err)
			case g.retryable:
				return resilience.MarkTransient(err)
			}
			return resilience.Refused(err)
		}
		returned := false
		defer func() {
			reason := recover()
			aborted := !returned && reason == nil
			if reason != nil && g.leaksOnPanic || aborted && g.leaksOnGoexit || err != nil && g.leaksOnError {
				if reason != nil {
					panic(reason)
				}
				return
			}
			g.Release(ctx, err)
			if reason != nil && !g.swallows {
				panic(reason)
			}
		}()
		if g.runsTwice {
			_ = next(ctx)
		}
		err = next(ctx)
		returned = true
		return err
	}
}

// The suites ask for what they are to check, which a suite that checks nothing does not.
func TestSuitesAskForTheirSubject(t *testing.T) {
	made := 0
	TestObserver(t, func() resilience.Observer {
		made++
		return resilience.ObserverFunc(func(context.Context, resilience.Event) {})
	})
	require.GreaterOrEqual(t, made, len(observerChecks))
	made = 0
	TestGuard(t, func() resilience.Guard {
		made++
		b, err := bulkhead.New(bulkhead.Config{})
		require.NoError(t, err)
		return b
	})
	require.GreaterOrEqual(t, made, len(guardChecks))
}

// moody panics whenever it hears anything.
type moody struct{}

func (moody) Observe(context.Context, resilience.Event) { panic("not today") }

func TestWhatPanicsFails(t *testing.T) {
	said := objections(t, observerChecks, func() resilience.Observer { return moody{} }, nil)
	for _, c := range observerChecks {
		require.Contains(t, said[c.name], "not today", c.name)
	}
	alone := check[resilience.Observer]{"panics", func(reporter, context.Context, func() resilience.Observer) { panic("not today") }}
	said = objections(t, []check[resilience.Observer]{alone}, nil, nil)
	require.Equal(t, "it panicked: not today", said["panics"])
}

func TestBrokenGuardsFail(t *testing.T) {
	require.Empty(t, objections(t, guardChecks, func() door { return door{Guard: &broken{}} }, nil), "without a flaw it passes")
	for name, c := range map[string]struct {
		flaw  func(g *broken)
		fails string
		says  string
	}{
		"leaks on panic":       {func(g *broken) { g.leaksOnPanic = true }, "releases after a panic", "a place was not released"},
		"leaks on Goexit":      {func(g *broken) { g.leaksOnGoexit = true }, "releases after a Goexit", "a place was not released"},
		"leaks on error":       {func(g *broken) { g.leaksOnError = true }, "releases after a failure", "a place was not released"},
		"swallows panics":      {func(g *broken) { g.swallows = true }, "releases after a panic", "the call ended with"},
		"releases the refused": {func(g *broken) { g.releasesRefused = true }, "refuses with a verdict", "a refused call was released"},
		"refusal is transient": {func(g *broken) { g.retryable = true }, "refuses with a verdict", "has the verdict transient"},
		"ignores ctx":          {func(g *broken) { g.deaf = true }, "stops waiting when ctx ends", "still waits"},
		"runs it twice":        {func(g *broken) { g.runsTwice = true }, "Wrap is transparent", "ran the call 2 times"},
		"never releases":       {func(g *broken) { g.forgetsRelease = true }, "Acquire and Release by hand", "Acquire 1, after as many Releases"},
	} {
		t.Run(name, func(t *testing.T) {
			said := objections(t, guardChecks, func() door {
				g := &broken{}
				c.flaw(g)
				return door{Guard: g}
			}, nil)
			require.Contains(t, said, c.fails)
			require.Contains(t, said[c.fails], c.says)
		})
	}
}

// counter is a TicketGuard of two places, whose flaws are in Admit and Done only.
type counter struct {
	broken
	losesTickets, mislays bool
	out                   map[int64]bool
	next                  int64
}

func (g *counter) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }

func (g *counter) Admit(ctx context.Context) (resilience.Ticket, error) {
	if err := g.Acquire(ctx); err != nil {
		return resilience.Ticket{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.out == nil {
		g.out = map[int64]bool{}
	}
	g.next++
	g.out[g.next] = true
	return resilience.Ticket{Number: g.next}, nil
}

func (g *counter) Done(ctx context.Context, t resilience.Ticket, err error) {
	g.mu.Lock()
	known := g.out[t.Number]
	delete(g.out, t.Number)
	g.mu.Unlock()
	if !known {
		panic("a Ticket that was never given")
	}
	if g.losesTickets || g.mislays && errors.Is(err, resilience.ErrAborted) {
		return
	}
	g.Release(ctx, err)
}

func TestTicketGuards(t *testing.T) {
	TestGuard(t, func() resilience.Guard { return &counter{} })
	for name, c := range map[string]struct {
		flaw  func(g *counter)
		fails string
		says  string
	}{
		"Done gives nothing back":          {func(g *counter) { g.losesTickets = true }, "Acquire and Release by hand", "Admit 1, after as many Dones"},
		"Done gives nothing back, aborted": {func(g *counter) { g.mislays = true }, "releases after a panic", "a place was not released"},
	} {
		t.Run(name, func(t *testing.T) {
			said := objections(t, guardChecks, func() door {
				g := &counter{}
				c.flaw(g)
				return ticketDoor(g)
			}, nil)
			require.Contains(t, said[c.fails], c.says)
		})
	}
}

// impatient makes callers wait for its one place, and lets them in whatever has become of their
// ctx.
type impatient struct{ place chan struct{} }

func (g impatient) Acquire(ctx context.Context) error {
	select {
	case g.place <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g impatient) Release(context.Context, error) { <-g.place }

func (g impatient) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error {
		if err := g.Acquire(ctx); err != nil {
			return resilience.Refused(err)
		}
		defer g.Release(ctx, nil)
		return next(ctx)
	}
}

func TestGuardThatRunsWhatHasEndedFails(t *testing.T) {
	said := objections(t, guardChecks, func() door { return door{Guard: impatient{make(chan struct{}, 1)}} }, nil)
	require.Contains(t, said["does not run what has ended"], "of 20 calls whose ctx had ended while they waited")
	require.Len(t, said, 1, "all else is in order")
}

func TestGuardThatLeavesGoroutinesFails(t *testing.T) {
	var made []*broken
	said := objections(t, guardChecks, func() door {
		g := &broken{stop: make(chan struct{})}
		made = append(made, g)
		return door{Guard: g}
	}, func() {
		for _, g := range made {
			close(g.stop)
		}
		made = nil
	})
	require.Contains(t, said["admits a call"], "have not ended")
}

// refuser admits nobody.
type refuser struct{ err error }

func (g refuser) Acquire(context.Context) error             { return g.err }
func (g refuser) Release(context.Context, error)            {}
func (g refuser) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }

func TestGuardThatAdmitsNobodyFails(t *testing.T) {
	said := objections(t, guardChecks, func() door { return door{Guard: refuser{errors.New("no")}} }, nil)
	require.Contains(t, said["admits a call"], "admits no call")
	said = objections(t, guardChecks, func() door { return door{Guard: refuser{context.Canceled}} }, nil)
	require.Contains(t, said["refuses with a verdict"], "has the verdict canceled")
}

func TestBrokenObserversFail(t *testing.T) {
	var keepMu sync.Mutex
	var keep []context.Context
	keeps := func(ctx context.Context, this bool) {
		keepMu.Lock()
		defer keepMu.Unlock()
		if this {
			keep = append(keep, ctx)
		}
	}
	for name, c := range map[string]struct {
		observe resilience.ObserverFunc
		fails   string
		says    string
	}{
		"panics without an error": {func(_ context.Context, e resilience.Event) { _ = e.Err.Error() }, "takes every event", "it panicked at"},
		"panics at an unknown kind": {func(_ context.Context, e resilience.Event) {
			_ = [resilience.NumEventKinds]int{}[e.Kind]
		}, "takes every event", "out of range"},
		"sleeps": {func(context.Context, resilience.Event) { time.Sleep(time.Millisecond) }, "returns at once", "it waited 1ms"},
		"minds the ctx": {func(ctx context.Context, _ resilience.Event) {
			if ctx.Err() != nil {
				panic("no ctx")
			}
		}, "takes an ended ctx", "no ctx"},
		"keeps retries": {func(ctx context.Context, e resilience.Event) {
			keeps(ctx, e.Kind == resilience.EventRetry)
		}, "keeps nothing", "it keeps the ctx of 10000"},
		"keeps calls": {func(ctx context.Context, e resilience.Event) {
			keeps(ctx, e.Kind == resilience.EventCall)
		}, "keeps nothing", "it keeps the ctx of 10000"},
		"leaves goroutines": {func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventCall {
				go func() { time.Sleep(time.Hour) }()
			}
		}, "takes every event", "have not ended"},
	} {
		t.Run(name, func(t *testing.T) {
			said := objections(t, observerChecks, func() resilience.Observer { return c.observe }, func() { time.Sleep(2 * time.Hour) })
			require.Contains(t, said, c.fails)
			require.Contains(t, said[c.fails], c.says)
		})
	}
}
