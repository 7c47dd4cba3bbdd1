package policytest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

func checkAdmits(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	if capacity(ctx, newDoor()) == 0 {
		t.Errorf("a new Guard admits no call")
	}
}

func checkTransparent(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	type key struct{}
	ctx = context.WithValue(ctx, key{}, "value")
	g := newDoor()
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
func checkReleases(end resilience.Func) func(t reporter, ctx context.Context, newDoor func() door) {
	return func(t reporter, ctx context.Context, newDoor func() door) {
		t.Helper()
		bare := apart(func() error { return end(ctx) })
		g := newDoor()
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

func checkByHand(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	g := newDoor()
	calls := capacity(ctx, g) + 1
	for i := range 2 * calls {
		waiting, cancel := context.WithTimeout(ctx, time.Minute)
		leave, err := g.enter(waiting)
		if err == nil {
			leave([]error{nil, errCall, resilience.ErrAborted}[i%3])
		}
		cancel()
		if err != nil {
			t.Errorf("%s %d, after as many %ss, returned %v", g.in(), i+1, g.out(), err)
			return
		}
		rest()
	}
	n := 0
	if err := g.Wrap(counted(&n, func(context.Context) error { return nil }))(ctx); err != nil || n != 1 {
		t.Errorf("Wrap after %s and %s returned %v; the call ran %d times", g.in(), g.out(), err, n)
	}
}

func checkConcurrent(t reporter, ctx context.Context, newDoor func() door) {
	t.Helper()
	g := newDoor()
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
func checkChain(t reporter, ctx context.Context, newDoor func() door) {
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
	guard, err := resilience.Prebuilt(newDoor().Guard).Build()
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
