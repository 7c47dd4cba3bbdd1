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

func TestBrokenGuardsFail(t *testing.T) {
	require.Empty(t, objections(t, guardChecks, func() resilience.Guard { return &broken{} }, nil), "without a flaw it passes")
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
		"never releases":       {func(g *broken) { g.forgetsRelease = true }, "Acquire and Release by hand", "after as many Releases"},
	} {
		t.Run(name, func(t *testing.T) {
			said := objections(t, guardChecks, func() resilience.Guard {
				g := &broken{}
				c.flaw(g)
				return g
			}, nil)
			require.Contains(t, said, c.fails)
			require.Contains(t, said[c.fails], c.says)
		})
	}
}

func TestGuardThatLeavesGoroutinesFails(t *testing.T) {
	var made []*broken
	said := objections(t, guardChecks, func() resilience.Guard {
		g := &broken{stop: make(chan struct{})}
		made = append(made, g)
		return g
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
	said := objections(t, guardChecks, func() resilience.Guard { return refuser{errors.New("no")} }, nil)
	require.Contains(t, said["admits a call"], "admits no call")
	said = objections(t, guardChecks, func() resilience.Guard { return refuser{context.Canceled} }, nil)
	require.Contains(t, said["refuses with a verdict"], "has the verdict canceled")
}

func TestBrokenObserversFail(t *testing.T) {
	var keepMu sync.Mutex
	var keep []context.Context
	for name, c := range map[string]struct {
		observe resilience.ObserverFunc
		fails   string
		says    string
	}{
		"panics without an error": {func(_ context.Context, e resilience.Event) { _ = e.Err.Error() }, "takes every event", "it panicked at"},
		"panics at an unknown kind": {func(_ context.Context, e resilience.Event) {
			_ = [resilience.EventUpdate + 1]int{}[e.Kind]
		}, "takes every event", "out of range"},
		"sleeps": {func(context.Context, resilience.Event) { time.Sleep(time.Millisecond) }, "returns at once", "it waited 1ms"},
		"minds the ctx": {func(ctx context.Context, _ resilience.Event) {
			if ctx.Err() != nil {
				panic("no ctx")
			}
		}, "takes an ended ctx", "no ctx"},
		"keeps all": {func(ctx context.Context, _ resilience.Event) {
			keepMu.Lock()
			defer keepMu.Unlock()
			keep = append(keep, ctx)
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
