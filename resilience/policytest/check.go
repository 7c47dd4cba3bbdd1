package policytest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/media-gateway/holdfast/resilience"
)

// reporter is what a check needs of *testing.T.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// check is one property of a T.
type check[T any] struct {
	name string
	run  func(t reporter, ctx context.Context, make func() T) //nolint:revive // the reporter goes first, as everywhere in tests
}

func runAll[T any](t *testing.T, checks []check[T], newT func() T) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.guarded(t, t.Context(), newT) })
		})
	}
}

// guarded runs c and reports a panic, and goroutines that are left behind.
func (c check[T]) guarded(t reporter, ctx context.Context, newT func() T) {
	t.Helper()
	before := bubbleGoroutines()
	if reason := panicOf(func() { c.run(t, ctx, newT) }); reason != nil {
		t.Errorf("it panicked: %v", reason)
	}
	synctest.Wait()
	if n := bubbleGoroutines() - before; n > 0 {
		t.Errorf("%d goroutines were started and have not ended", n)
	}
}

// panicOf runs f and returns what it panicked with.
func panicOf(f func()) (reason any) {
	defer func() { reason = recover() }()
	f()
	return nil
}

// outcome is how a call on a goroutine of its own ended.
type outcome struct {
	err      error
	panicked any
	returned bool // else it panicked, or its goroutine exited
}

// apart runs f on a goroutine of its own, and returns how it ended, once it has.
func apart(f func() error) outcome {
	ended := make(chan outcome)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			ended <- o
		}()
		o.err = f()
		o.returned = true
	}()
	return <-ended
}

// bubbleGoroutines returns how many goroutines the caller's bubble has.
func bubbleGoroutines() int {
	own := make([]byte, 256)
	header, _, _ := bytes.Cut(own[:runtime.Stack(own, false)], []byte("\n"))
	_, bubble, ok := bytes.Cut(header, []byte("synctest bubble "))
	if !ok {
		return 0
	}
	all := make([]byte, 1<<20)
	all = all[:runtime.Stack(all, true)]
	return bytes.Count(all, fmt.Appendf(nil, "synctest bubble %s", bubble))
}

// counted returns a Func that counts how often it ran and ends as end does.
func counted(n *int, end resilience.Func) resilience.Func {
	return func(ctx context.Context) error {
		*n++
		return end(ctx)
	}
}
