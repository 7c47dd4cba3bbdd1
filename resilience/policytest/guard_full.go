package policytest

import (
	"context"
	"errors"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

func checkRefusal(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	const refusals = 10
	g := newDoor()
	before := capacity(ctx, g)
	h := fill(ctx, g)
	refused := 0
	for range refusals {
		waiting, cancel := context.WithCancel(ctx)
		n := 0
		call := make(chan error, 1)
		go func() { call <- g.Wrap(counted(&n, func(context.Context) error { return nil }))(waiting) }()
		synctest.Wait()
		select {
		case err := <-call:
			switch {
			case n == 0 && err == nil:
				t.Errorf("the call did not run, and Wrap returned no error")
			case n == 0:
				refused++
				if v := resilience.Classify(err); v != resilience.Rejected {
					t.Errorf("the refusal %q has the verdict %v; want %v (see resilience.WrapGuard)", err, v, resilience.Rejected)
				}
			}
			cancel()
		default: // it waits: another check's affair
			cancel()
			synctest.Wait()
		}
	}
	h.end()
	rest()
	if refused == 0 {
		return
	}
	switch after := capacity(ctx, g); {
	case after == 0:
		t.Errorf("after %d refusals, with no call in flight, it admits none", refused)
	case after >= before+refused:
		t.Errorf("it admitted %d calls at once, and %d after %d refusals: a refused call was released", before, after, refused)
	}
}

func checkWaiting(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	g := newDoor()
	h := fill(ctx, g)
	for name, bound := range map[string]func() (context.Context, context.CancelFunc){
		"was canceled": func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) },
		"timed out":    func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, time.Nanosecond) },
	} {
		waiting, cancel := bound()
		answer := make(chan error, 1)
		go func() {
			leave, err := g.enter(waiting)
			answer <- err
			if err == nil {
				leave(nil)
			}
		}()
		synctest.Wait()
		waits := len(answer) == 0
		if name == "timed out" {
			time.Sleep(time.Nanosecond)
		} else {
			cancel()
		}
		synctest.Wait()
		switch {
		case len(answer) == 0:
			t.Errorf("%s still waits after its ctx %s", g.in(), name)
		case waits:
			if err := <-answer; err != nil && !errors.Is(err, waiting.Err()) && resilience.Classify(err) != resilience.Rejected {
				t.Errorf("%s, when its ctx %s, returned %v; want the ctx's error, or a refusal", g.in(), name, err)
			}
		}
		cancel()
	}
	h.end()
	rest()
	if capacity(ctx, g) == 0 {
		t.Errorf("who stopped waiting has left a place taken")
	}
}

// checkEnded frees a place and ends the ctx of the call that waits for it, before that is awake.
// On another processor it may wake between the two, or between the guard's look at the ctx and
// the call's. So the guard is at fault only if its calls run most of the times.
func checkEnded(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	const rounds = 20
	ran := 0
	for range rounds {
		g := newDoor()
		leave, err := g.enter(ctx)
		if err != nil {
			return // another check's affair
		}
		h := fill(ctx, g)
		waiting, cancel := context.WithCancel(ctx)
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = g.Wrap(func(ctx context.Context) error {
				if ctx.Err() != nil {
					ran++
				}
				return nil
			})(waiting)
		}()
		synctest.Wait()
		waits := isOpen(over)
		leave(nil)
		cancel()
		h.end()
		synctest.Wait()
		if !waits {
			return
		}
		if isOpen(over) {
			t.Errorf("Wrap still waits after its ctx was canceled")
			return
		}
		rest()
		if capacity(ctx, g) == 0 {
			t.Errorf("a call whose ctx ended just as it got its place has left the place taken")
			return
		}
	}
	if ran > rounds/2 {
		t.Errorf("of %d calls whose ctx had ended while they waited %d ran (see resilience.WrapGuard)", rounds, ran)
	}
}

func isOpen(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return true
	}
}
