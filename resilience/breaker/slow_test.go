package breaker_test

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

func taking(d time.Duration, err error) resilience.Func {
	return func(context.Context) error { time.Sleep(d); return err }
}

func TestSlowCallsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{
			FailureRatio: -1, ConsecutiveFailures: -1, MinRequests: 5, Window: time.Minute,
			SlowCallDuration: 100 * time.Millisecond, SlowCallRatio: 0.6,
		})
		require.Equal(t, "breaker slow 60%>100ms", b.String())
		times(t, 2, b, taking(100*time.Millisecond, nil)) // as long as that is not longer
		times(t, 1, b, taking(100*time.Millisecond+1, nil))
		times(t, 1, b, taking(time.Second, errDown)) // a failure may be slow, too
		require.Equal(t, breaker.Counts{Requests: 4, Successes: 3, Failures: 1, Slow: 2, ConsecutiveFailures: 1}, b.Counts())
		require.Equal(t, breaker.StateClosed, b.State(), "2 of 4: fewer than MinRequests")
		times(t, 1, b, taking(time.Second, resilience.MarkRejected(errDown))) // not asked: neither slow nor a request
		require.EqualValues(t, 2, b.Counts().Slow)
		times(t, 1, b, taking(time.Second, resilience.MarkPermanent(errDown)))
		require.Equal(t, breaker.StateOpen, b.State())
		require.EqualError(t, b.Why(), "3 of 5 calls in 1m0s took longer than 100ms (60%; SlowCallRatio is 60%)")
	})
}

// A call that does not return is a failure, and slow if it took that long: closed and as a probe.
func TestSlowCallsThatDoNotReturn(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("op") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBreaker(t, breaker.Config{OpenFor: time.Second, SlowCallDuration: time.Millisecond})
				call := func(d time.Duration) {
					done := make(chan struct{})
					go func() {
						defer close(done)
						defer func() { _ = recover() }()
						_ = b.Do(t.Context(), func(context.Context) error { time.Sleep(d); leave(); return nil })
					}()
					<-done
				}
				call(time.Millisecond) // as long as that is not longer
				require.Equal(t, breaker.Counts{Requests: 1, Failures: 1, ConsecutiveFailures: 1}, b.Counts())
				call(time.Millisecond + 1)
				require.Equal(t, breaker.Counts{Requests: 2, Failures: 2, Slow: 1, ConsecutiveFailures: 2}, b.Counts())

				times(t, 8, b, failing)
				time.Sleep(b.RetryAfter())
				call(2 * time.Millisecond)
				require.Equal(t, breaker.StateHalfOpen, b.State())
				require.Equal(t, breaker.Counts{Requests: 1, Failures: 1, Slow: 1, ConsecutiveFailures: 1}, b.Counts())
			})
		})
	}
}

// What fills the window may be a quick success.
func TestSlowCallsAreDecidedAfterAQuickOneToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{MinRequests: 3, SlowCallDuration: time.Millisecond, SlowCallRatio: 0.5})
		times(t, 2, b, taking(time.Second, nil))
		require.Equal(t, breaker.StateClosed, b.State())
		times(t, 1, b, working)
		require.Equal(t, breaker.StateOpen, b.State())
		require.ErrorContains(t, b.Why(), "2 of 3 calls in 10s took longer than 1ms (66.7%; SlowCallRatio is 50%)")
	})
}

// Off, nothing is slow, however long it takes. The default ratio is all of them.
func TestSlowCallsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{MinRequests: 1})
		times(t, 9, b, taking(time.Second, nil))
		require.Zero(t, b.Counts().Slow)
		b = newBreaker(t, breaker.Config{MinRequests: 3, SlowCallDuration: time.Millisecond})
		times(t, 1, b, working)
		times(t, 9, b, taking(time.Second, nil))
		require.Equal(t, breaker.StateClosed, b.State(), "9 of 10")
		time.Sleep(time.Second)
		times(t, 1, b, taking(time.Second, nil))
		require.Equal(t, breaker.StateOpen, b.State(), "the quick one is forgotten")
	})
}

// Half-open, the same ratio decides.
func TestSlowProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{MinRequests: 1, SlowCallDuration: time.Millisecond, SlowCallRatio: 0.5, HalfOpenProbes: 4})
		times(t, 1, b, taking(time.Second, nil))
		require.Equal(t, breaker.StateOpen, b.State())
		time.Sleep(b.RetryAfter())
		times(t, 1, b, taking(time.Second, nil))
		require.Equal(t, breaker.StateHalfOpen, b.State(), "1 of 4")
		require.EqualValues(t, 1, b.Counts().Slow)
		times(t, 1, b, taking(time.Second, nil))
		require.Equal(t, breaker.StateOpen, b.State(), "2 of 4")
		require.ErrorContains(t, b.Why(), "2 of 4 probes took longer than 1ms (SlowCallRatio is 50%); it first opened after ")
		time.Sleep(b.RetryAfter())
		times(t, 1, b, taking(time.Second, nil))
		times(t, 3, b, working)
		require.Equal(t, breaker.StateClosed, b.State(), "1 of 4")
	})
}

func TestSlowCallConfig(t *testing.T) {
	for _, c := range []struct {
		config breaker.Config
		want   string
	}{
		{breaker.Config{SlowCallRatio: 0.5}, "breaker: SlowCallRatio is 0.5; want SlowCallDuration as well; it says what is slow"},
		{breaker.Config{SlowCallDuration: -2}, "breaker: SlowCallDuration is -2ns; want a positive duration, such as 500ms, or 0 or -1 to turn it off"},
		{breaker.Config{SlowCallDuration: 1, SlowCallRatio: -1}, "breaker: SlowCallRatio is -1; want a number above 0 and up to 1, or 0 for the default (1)"},
		{breaker.Config{SlowCallDuration: 1, SlowCallRatio: 1.1}, "breaker: SlowCallRatio is 1.1; want a number above 0 and up to 1, or 0 for the default (1)"},
		{breaker.Config{FailureRatio: -1, ConsecutiveFailures: -1}, "breaker: FailureRatio is -1; want at least one of FailureRatio, ConsecutiveFailures and SlowCallDuration on; else the breaker could never open"},
	} {
		_, err := breaker.New(c.config)
		require.EqualError(t, err, c.want)
	}
	off := newBreaker(t, breaker.Config{SlowCallDuration: -1, SlowCallRatio: 0.5}) // what a file turns off, it need not take apart
	times(t, 1, off, working)
	require.Equal(t, "breaker 50%/20", off.String())
	slowOnly := breaker.Config{FailureRatio: -1, ConsecutiveFailures: -1, SlowCallDuration: 2 * time.Second}
	require.Equal(t, "breaker slow 100%>2s", newBreaker(t, slowOnly).String())
	require.Equal(t, "breaker 50%/20, slow 100%>2s", newBreaker(t, breaker.Config{SlowCallDuration: 2 * time.Second}).String())
}
