package policytest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/media-gateway/holdfast/resilience"
)

// TestObserver checks that the Observers that newObserver makes keep the contract of
// resilience.Observer:
//
//   - it takes every kind of event, with all fields set and with none, and a kind it does not know, without a panic;
//   - it returns at once, and starts no goroutine that outlives the call;
//   - a ctx that has ended makes no difference;
//   - it may be used from many goroutines at once;
//   - it does not keep every call's ctx and error for ever: its memory would grow with the traffic.
func TestObserver(t *testing.T, newObserver func() resilience.Observer) {
	t.Helper()
	runAll(t, observerChecks, newObserver)
}

var observerChecks = []check[resilience.Observer]{
	{"takes every event", checkEveryEvent},
	{"returns at once", checkReturns},
	{"takes an ended ctx", checkEndedCtx},
	{"concurrent use", checkObservers},
	{"keeps nothing", checkKeeps},
}

// events returns an event of every kind, one unknown, and the zero Event.
func events(err error) []resilience.Event {
	all := []resilience.Event{{}, {Kind: resilience.NumEventKinds}}
	for kind := resilience.EventAttempt; kind < resilience.NumEventKinds; kind++ {
		all = append(all, resilience.Event{Kind: kind}, resilience.Event{
			Kind: kind, Verdict: resilience.Overload, Reason: resilience.ReasonBudget,
			From: resilience.StateClosed, To: resilience.StateOpen, Attempt: 3, Attempts: 3, Pipeline: "payments", Key: "eu", Stage: "retry", Breaker: "ledger",
			Delay: 100 * time.Millisecond, Elapsed: time.Second, Err: err, Why: err,
			Unclassified: &resilience.UnclassifiedKind{What: "*pay.Decline", Count: 1}, Change: &resilience.Change{By: "mary", Stage: "budget", Field: "Ratio"},
			Fleet: &resilience.FleetChange{Name: "shop", Pod: "shop-1", Apart: true, After: time.Second},
		})
	}
	return all
}

func checkEveryEvent(t reporter, ctx context.Context, newObserver func() resilience.Observer) {
	t.Helper()
	o := newObserver()
	for _, e := range events(errCall) {
		if reason := panicOf(func() { o.Observe(ctx, e) }); reason != nil {
			t.Errorf("it panicked at %+v: %v", e, reason)
		}
	}
}

func checkReturns(t reporter, ctx context.Context, newObserver func() resilience.Observer) {
	t.Helper()
	o := newObserver()
	for _, e := range events(errCall) {
		start := time.Now()
		o.Observe(ctx, e)
		if waited := time.Since(start); waited > 0 {
			t.Errorf("it waited %v at an event of kind %v; its time is the call's time", waited, e.Kind)
			return
		}
	}
}

func checkEndedCtx(t reporter, ctx context.Context, newObserver func() resilience.Observer) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("policytest: the caller gave up"))
	o := newObserver()
	for _, e := range events(errCall) {
		if reason := panicOf(func() { o.Observe(ctx, e) }); reason != nil {
			t.Errorf("under a ctx that has ended it panicked at %+v: %v", e, reason)
		}
	}
}

func checkObservers(t reporter, ctx context.Context, newObserver func() resilience.Observer) {
	t.Helper()
	o := newObserver()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 20 {
				for _, e := range events(errCall) {
					if reason := panicOf(func() { o.Observe(ctx, e) }); reason != nil {
						t.Errorf("used from many goroutines it panicked at %+v: %v", e, reason)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// callCtx is a ctx that can be looked for after the call.
type callCtx struct {
	context.Context
	call int
}

func checkKeeps(t reporter, ctx context.Context, newObserver func() resilience.Observer) {
	t.Helper()
	const calls = 10_000
	o := newObserver()
	kept := make([]weak.Pointer[callCtx], calls)
	for i := range kept {
		c := &callCtx{ctx, i}
		kept[i] = weak.Make(c)
		o.Observe(c, resilience.Event{Kind: resilience.EventRetry, Attempt: 1, Err: errCall})
		o.Observe(c, resilience.Event{Kind: resilience.EventCall, Attempts: 2})
	}
	synctest.Wait()
	runtime.GC()
	alive := 0
	for _, c := range kept {
		if c.Value() != nil {
			alive++
		}
	}
	runtime.KeepAlive(o)
	if alive > calls/2 {
		t.Errorf("of %d calls that are over it keeps the ctx of %d", calls, alive)
	}
}
