package breaker_test

import (
	"context"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// apart runs f on a goroutine of its own, and returns what it panicked with, and whether it
// returned.
func apart(f func()) (reason any, returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { reason = recover() }()
		f()
		returned = true
	}()
	<-done
	return reason, returned
}

// Pins: a panic or Goexit goes on through Do as it came, and counts as a failure, closed and
// half-open.
func TestPanicAndGoexitAreFailures(t *testing.T) {
	for name, c := range map[string]struct {
		op   resilience.Func
		with any
	}{
		"panic":  {func(context.Context) error { panic("boom") }, "boom"},
		"goexit": {func(context.Context) error { runtime.Goexit(); return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 1, OpenFor: time.Second})
				for i := range 2 {
					reason, returned := apart(func() { _ = b.Do(t.Context(), c.op) })
					require.Equal(t, c.with, reason)
					require.False(t, returned)
					if i == 0 {
						require.EqualValues(t, 1, b.Counts().Failures)
					}
				}
				require.Equal(t, breaker.StateOpen, b.State())

				time.Sleep(b.RetryAfter())
				reason, returned := apart(func() { _ = b.Do(t.Context(), c.op) })
				require.Equal(t, c.with, reason)
				require.False(t, returned)
				require.Equal(t, breaker.StateOpen, b.State())

				time.Sleep(b.RetryAfter())
				require.NoError(t, b.Do(t.Context(), working))
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}

// Pins: the deferred calls of a Goexit run once, and its goroutine really ends.
func TestGoexitGoesOn(t *testing.T) {
	b := newBreaker(t, breaker.Config{})
	deferred := 0
	_, returned := apart(func() {
		defer func() { deferred++ }()
		_ = b.Do(t.Context(), func(context.Context) error {
			defer func() { deferred++ }()
			runtime.Goexit()
			return nil
		})
		t.Error("Do returned after a Goexit")
	})
	require.False(t, returned)
	require.Equal(t, 2, deferred)
}

// Pins: a classifier that panics in a half-open probe does not leave the breaker stuck.
func TestPanickingClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := false
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second,
			Classify: func(err error) resilience.Verdict {
				if on {
					panic("classify")
				}
				return resilience.Classify(err)
			}})
		times(t, 1, b, failing)
		time.Sleep(b.RetryAfter())
		on = true
		reason, _ := apart(func() { _ = b.Do(t.Context(), returning(io.ErrUnexpectedEOF)) })
		require.Equal(t, "classify", reason)
		on = false
		time.Sleep(time.Minute)
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}

// Pins: an observer that panics leaves no lock held, and does not hear that change again.
func TestPanickingObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Second})
		heard := 0
		linked := link(t, b, func(context.Context, resilience.Event) { heard++; panic("observer") })
		reason, _ := apart(func() { _ = linked.Do(t.Context(), failing) })
		require.Equal(t, "observer", reason)
		require.Equal(t, 1, heard)
		require.Equal(t, breaker.StateOpen, b.State())
		time.Sleep(time.Minute)
		reason, _ = apart(func() { _ = linked.Do(t.Context(), working) })
		require.Equal(t, "observer", reason)
		time.Sleep(time.Minute)
		require.NoError(t, b.Do(t.Context(), working))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}
