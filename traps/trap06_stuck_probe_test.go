package traps_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// openBreaker returns a breaker that has just opened, and the call it stands around.
func openBreaker(t *testing.T, assemble func(...resilience.Stage) resilience.Policy, c breaker.Config) (*breaker.Breaker, resilience.Policy) {
	t.Helper()
	b, err := breaker.New(c)
	require.NoError(t, err)
	call := assemble(b)
	for b.State() == breaker.StateClosed {
		require.ErrorIs(t, call.Wrap(failing)(t.Context()), errRefused)
	}
	require.Equal(t, breaker.StateOpen, b.State())
	return b, call
}

// Pins: a probe that panics or exits its goroutine opens the breaker again, and the next round of
// probes can still close it: nothing is stuck.
func TestProbeThatNeverReturnsDoesNotStick(t *testing.T) {
	for name, op := range map[string]resilience.Func{
		"panic":  func(context.Context) error { panic("boom") },
		"goexit": func(context.Context) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
				b, call := openBreaker(t, assemble, breaker.Config{
					ConsecutiveFailures: 2, HalfOpenProbes: 1, OpenFor: time.Second, ProbeTimeout: -1,
				})
				for range 5 {
					time.Sleep(b.RetryAfter())
					require.Equal(t, breaker.StateHalfOpen, b.State())
					apart(func() {
						defer func() { _ = recover() }()
						_ = call.Wrap(op)(t.Context())
						t.Error("the op's end was swallowed")
					})
					require.Equal(t, breaker.StateOpen, b.State())
					require.ErrorIs(t, call.Wrap(working)(t.Context()), breaker.ErrOpen)
				}
				time.Sleep(b.RetryAfter())
				require.NoError(t, call.Wrap(working)(t.Context()))
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}

// Pins: a probe that hangs is given up after ProbeTimeout, and what it says later counts as
// nothing.
func TestHungProbeDoesNotStick(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		b, call := openBreaker(t, assemble, breaker.Config{
			ConsecutiveFailures: 2, HalfOpenProbes: 1, OpenFor: time.Second, ProbeTimeout: 3 * time.Second,
		})
		time.Sleep(b.RetryAfter())
		hang := make(chan struct{})
		go func() { _ = call.Wrap(func(context.Context) error { <-hang; return nil })(t.Context()) }()
		synctest.Wait()

		time.Sleep(3*time.Second - 1)
		require.ErrorIs(t, call.Wrap(working)(t.Context()), breaker.ErrOpen)
		require.Equal(t, breaker.StateHalfOpen, b.State(), "the probe still has its time")
		time.Sleep(1)
		require.ErrorIs(t, call.Wrap(working)(t.Context()), breaker.ErrOpen)
		require.Equal(t, breaker.StateOpen, b.State())

		close(hang)
		synctest.Wait()
		require.Equal(t, breaker.StateOpen, b.State(), "the late answer closed the breaker")
		time.Sleep(b.RetryAfter())
		require.NoError(t, call.Wrap(working)(t.Context()))
		require.Equal(t, breaker.StateClosed, b.State())
	})
}
