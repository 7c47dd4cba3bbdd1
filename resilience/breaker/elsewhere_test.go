package breaker_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// The cases of this file are what users of other circuit breakers reported as faults.

// However many come at the moment at which it is due, no more probes run than HalfOpenProbes says,
// none of the others waits, and as many as were asked for decide. (Polly 216, resilience4j 1090 and
// 1432: more calls than permitted passed.)
func TestNoMoreProbesThanSaid(t *testing.T) {
	for probes := 1; probes <= 4; probes++ {
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				b := due(t, breaker.Config{HalfOpenProbes: probes, MinRequests: 1000})
				var ran, refused atomic.Int32
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						err := b.Do(t.Context(), func(context.Context) error {
							ran.Add(1)
							time.Sleep(time.Second)
							return nil
						})
						if err != nil {
							refused.Add(1)
						}
					})
				}
				synctest.Wait()
				require.EqualValues(t, probes, ran.Load())
				require.EqualValues(t, 50-probes, refused.Load(), "at once")
				wg.Wait()
				require.Equal(t, breaker.StateClosed, b.State(), "though they are fewer than MinRequests")
			})
		}
	}
}

// Calls that began before it opened and fail afterwards, in whatever state it is by then, tell
// nobody of a second opening, make no pause longer, and leave nothing in the counts. (Polly 219:
// each of them told of an opening. envoy 18950: they took a count past its limit, and the host was
// not ejected again.)
func TestLateFailuresOpenNothingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(t, breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 1, OpenFor: time.Second, MaxOpenFor: time.Hour})
		var told []breaker.State
		linked := link(t, b, func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventBreaker {
				told = append(told, e.To)
			}
		})
		var wg sync.WaitGroup
		for i := range 60 { // two of them open it; the others end open, half-open and closed
			wg.Go(func() {
				_ = linked.Do(t.Context(), func(context.Context) error {
					time.Sleep(time.Duration(i+1) * 100 * time.Millisecond)
					return errDown
				})
			})
		}
		time.Sleep(3 * time.Second)
		require.Equal(t, breaker.StateHalfOpen, b.State())
		require.NoError(t, linked.Do(t.Context(), working))
		wg.Wait()
		require.Equal(t, []breaker.State{breaker.StateOpen, breaker.StateHalfOpen, breaker.StateClosed}, told)
		require.Equal(t, breaker.StateClosed, b.State())
		require.Zero(t, b.Counts())
	})
}

// The pause doubles whatever it was that failed the round. (envoy 26758: it grew after failures in
// a row only, and not after a share of them.)
func TestOpenForDoublesWhateverFailsARound(t *testing.T) {
	hang := func(b *breaker.Breaker) {
		go func() {
			_ = b.Do(context.Background(), func(context.Context) error { time.Sleep(24 * time.Hour); return nil })
		}()
		time.Sleep(10 * time.Second) // the default ProbeTimeout
	}
	for name, c := range map[string]struct {
		config breaker.Config
		op     resilience.Func // nil: a probe hangs
	}{
		"one failure": {breaker.Config{FailureRatio: -1}, failing},
		"in a row":    {breaker.Config{ConsecutiveFailures: 2}, failing},
		"a ratio":     {breaker.Config{ConsecutiveFailures: -1, MinRequests: 4}, failing},
		"slow": {breaker.Config{SlowCallDuration: time.Second, MinRequests: 4}, func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		}},
		"nobody answers": {breaker.Config{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.config.OpenFor, c.config.MaxOpenFor = time.Minute, 10*time.Minute
				b := newBreaker(t, c.config)
				for b.State() == breaker.StateClosed {
					if c.op == nil {
						times(t, 1, b, failing)
						continue
					}
					times(t, 1, b, c.op)
				}
				for _, least := range []time.Duration{1, 2, 4, 8, 10, 10} {
					require.Equal(t, breaker.StateOpen, b.State())
					least *= time.Minute
					require.GreaterOrEqual(t, b.RetryAfter(), least)
					require.LessOrEqual(t, b.RetryAfter(), least*5/4)
					time.Sleep(b.RetryAfter())
					if c.op == nil {
						hang(b)
						continue
					}
					for b.State() == breaker.StateHalfOpen {
						times(t, 1, b, c.op)
					}
				}
				time.Sleep(24 * time.Hour)
			})
		})
	}
}
