package policytest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// TestGuard checks that the Guards that newGuard makes keep the contract of resilience.Guard:
//
//   - a new Guard admits a call;
//   - Wrap runs the call once, passes ctx on, and returns what the call returned;
//   - each successful Acquire is released, also if the call fails, panics or exits its goroutine;
//     panic and exit go on;
//   - Acquire and Release by hand are as good as Wrap;
//   - a refused call does not run, its error's verdict is Rejected, and it gives no place back;
//   - who waits for a place stops waiting when ctx ends, with an error that is ctx's, and
//     leaves no place taken;
//   - it may be used from many goroutines at once, and leaves none behind;
//   - it works within a resilience.Chain and as a resilience.Stage.
//
// Between two uses a check lets an hour pass on the bubble's clock, so that a rate limiter has its
// tokens again. A Guard that would refuse a call after that is taken for one that leaks.
func TestGuard(t *testing.T, newGuard func() resilience.Guard) {
	t.Helper()
	runAll(t, guardChecks, newGuard)
}

var guardChecks = []check[resilience.Guard]{
	{"admits a call", checkAdmits},
	{"Wrap is transparent", checkTransparent},
	{"releases after a success", checkReleases(func(context.Context) error { return nil })},
	{"releases after a failure", checkReleases(func(context.Context) error { return errCall })},
	{"releases after a panic", checkReleases(func(context.Context) error { panic(errCall) })},
	{"releases after a Goexit", checkReleases(func(context.Context) error { runtime.Goexit(); return nil })},
	{"Acquire and Release by hand", checkByHand},
	{"refuses with a verdict", checkRefusal},
	{"stops waiting when ctx ends", checkWaiting},
	{"concurrent use", checkConcurrent},
	{"in a chain", checkChain},
}

var errCall = errors.New("policytest: the call's own error")

// limit is how many calls at once a check tries; a Guard that admits them all never refuses for their number.
const limit = 256

// rest lets a Guard that counts over time recover.
func rest() { time.Sleep(time.Hour) }

// holders are calls in flight, each on its own goroutine.
type holders struct {
	count   int
	release chan struct{}
	ended   sync.WaitGroup
	cancels []context.CancelFunc
}

// fill takes places until the guard refuses or makes a caller wait, or limit are taken.
// It gives that last caller up.
func fill(ctx context.Context, g resilience.Guard) *holders {
	h := &holders{release: make(chan struct{})}
	for h.count < limit {
		waiting, giveUp := context.WithCancel(ctx)
		admitted := make(chan bool, 1)
		h.ended.Go(func() {
			err := g.Acquire(waiting)
			admitted <- err == nil
			if err == nil {
				<-h.release
				g.Release(waiting, nil)
			}
		})
		synctest.Wait()
		select {
		case ok := <-admitted:
			if ok {
				h.count++
				h.cancels = append(h.cancels, giveUp)
				continue
			}
		default: // it waits
		}
		giveUp()
		synctest.Wait()
		break
	}
	return h
}

func (h *holders) end() {
	close(h.release)
	h.ended.Wait()
	for _, cancel := range h.cancels {
		cancel()
	}
}

// capacity returns how many calls at once g admits now.
func capacity(ctx context.Context, g resilience.Guard) int {
	h := fill(ctx, g)
	h.end()
	rest()
	return h.count
}

func checkAdmits(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	if capacity(ctx, newGuard()) == 0 {
		t.Errorf("a new Guard admits no call")
	}
}

func checkTransparent(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	type key struct{}
	ctx = context.WithValue(ctx, key{}, "value")
	g := newGuard()
	for _, want := range []error{nil, errCall} {
		n := 0
		err := g.Wrap(counted(&n, func(ctx context.Context) error {
			if ctx.Value(key{}) != "value" {
				t.Errorf("Wrap did not pass the ctx on")
			}
			return want
		}))(ctx)
		if n != 1 {
			t.Errorf("Wrap ran the call %d times; want once", n)
		}
		if err != want { //nolint:errorlint // untouched is what is tested
			t.Errorf("Wrap returned %v where the call returned %v", err, want)
		}
		rest()
	}
}

// checkReleases makes more calls, one after the other, than the guard has places.
func checkReleases(end resilience.Func) func(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	return func(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
		t.Helper()
		bare := apart(func() error { return end(ctx) })
		g := newGuard()
		calls := capacity(ctx, g) + 1
		for i := range calls {
			n := 0
			waiting, cancel := context.WithTimeout(ctx, time.Minute) // for the place that never comes
			got := apart(func() error { return g.Wrap(counted(&n, end))(waiting) })
			cancel()
			if n == 0 {
				t.Errorf("call %d of %d, one after the other, was refused (%v): a place was not released", i+1, calls, got.err)
				return
			}
			if got != bare {
				t.Errorf("the call ended with %+v; through Wrap with %+v", bare, got)
				return
			}
			rest()
		}
	}
}

func checkByHand(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	g := newGuard()
	calls := capacity(ctx, g) + 1
	for i := range 2 * calls {
		waiting, cancel := context.WithTimeout(ctx, time.Minute)
		err := g.Acquire(waiting)
		if err == nil {
			g.Release(waiting, []error{nil, errCall, resilience.ErrAborted}[i%3])
		}
		cancel()
		if err != nil {
			t.Errorf("Acquire %d, after as many Releases, returned %v", i+1, err)
			return
		}
		rest()
	}
	n := 0
	if err := g.Wrap(counted(&n, func(context.Context) error { return nil }))(ctx); err != nil || n != 1 {
		t.Errorf("Wrap after Acquire and Release returned %v; the call ran %d times", err, n)
	}
}

func checkRefusal(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	const refusals = 10
	g := newGuard()
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

func checkWaiting(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	g := newGuard()
	h := fill(ctx, g)
	for name, bound := range map[string]func() (context.Context, context.CancelFunc){
		"was canceled": func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) },
		"timed out":    func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, time.Nanosecond) },
	} {
		waiting, cancel := bound()
		answer := make(chan error, 1)
		go func() {
			err := g.Acquire(waiting)
			answer <- err
			if err == nil {
				g.Release(waiting, nil)
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
			t.Errorf("Acquire still waits after its ctx %s", name)
		case waits:
			if err := <-answer; err != nil && !errors.Is(err, waiting.Err()) && resilience.Classify(err) != resilience.Rejected {
				t.Errorf("Acquire, when its ctx %s, returned %v; want the ctx's error, or a refusal", name, err)
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

func checkConcurrent(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	g := newGuard()
	ends := []resilience.Func{
		func(context.Context) error { return nil },
		func(context.Context) error { return errCall },
		func(context.Context) error { time.Sleep(time.Millisecond); return nil },
		func(context.Context) error { panic(errCall) },
	}
	var admitted, refused, began atomic.Int64
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for i := range 50 {
				bound, cancel := context.WithTimeout(ctx, time.Duration(1+i%5)*time.Millisecond)
				end, ran := ends[(worker+i)%len(ends)], false
				_ = panicOf(func() {
					_ = g.Wrap(func(ctx context.Context) error {
						ran = true
						began.Add(1)
						return end(ctx)
					})(bound)
				})
				if ran {
					admitted.Add(1)
				} else {
					refused.Add(1)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if admitted.Load() != began.Load() || admitted.Load()+refused.Load() != 16*50 {
		t.Errorf("of 800 calls %d were admitted and %d refused, and %d ran", admitted.Load(), refused.Load(), began.Load())
	}
	rest()
	if capacity(ctx, g) == 0 {
		t.Errorf("after concurrent use, with no call in flight, it admits none")
	}
}

// checkChain puts the guard where a pipeline would: inside a loop, around an op.
func checkChain(t reporter, ctx context.Context, newGuard func() resilience.Guard) {
	t.Helper()
	loop := resilience.PolicyFunc(func(next resilience.Func) resilience.Func {
		return func(ctx context.Context) (err error) {
			for range 3 {
				if err = next(ctx); err == nil {
					return nil
				}
				rest()
			}
			return err
		}
	})
	guard, err := resilience.Prebuilt(newGuard()).Build()
	if err != nil {
		t.Errorf("as a Stage it did not build: %v", err)
		return
	}
	n := 0
	err = resilience.Chain(loop, guard).Wrap(counted(&n, func(context.Context) error {
		if n < 3 {
			return errCall
		}
		return nil
	}))(ctx)
	if err != nil || n != 3 {
		t.Errorf("inside a loop of 3, around a call that works at the third: %d attempts, and %v", n, err)
	}
}
