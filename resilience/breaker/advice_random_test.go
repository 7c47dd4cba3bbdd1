package breaker_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// anyPause is one that a fleet may say, or nobody.
func anyPause(r *rand.Rand) time.Duration {
	if r.IntN(8) == 0 {
		return []time.Duration{math.MinInt64, -1, 0, 1, math.MaxInt64}[r.IntN(5)]
	}
	return time.Duration(r.Int64N(int64(2 * time.Second)))
}

// anyAdvice gives a breaker any advice, or none.
func anyAdvice(r *rand.Rand, b *breaker.Breaker, hook advice.Breaker) {
	switch r.IntN(12) {
	case 0:
		hook.Hold(anyPause(r))
	case 1:
		hook.HoldAfter(anyPause(r), anyPause(r))
	case 2:
		hook.ProbeIn(anyPause(r))
	case 3:
		hook.Open(errFleet)
	case 4:
		if _, by := hook.Isolate(errFleet); r.IntN(2) == 0 {
			hook.Release(by)
		}
	case 5:
		b.Isolate()
	case 6:
		b.Reset()
	}
}

// anyEnd is how a call ends.
func anyEnd(r *rand.Rand) resilience.Func {
	end, lasts := r.IntN(6), time.Duration(r.Int64N(int64(3*time.Second)))
	return func(ctx context.Context) error {
		switch end {
		case 0:
			time.Sleep(lasts) // longer than a ProbeTimeout, perhaps
			return nil
		case 1:
			panic("an op's bug")
		case 2:
			return resilience.MarkRejected(errors.New("refused by somebody further in"))
		case 3:
			<-ctx.Done()
			return ctx.Err()
		case 4:
			return errDown
		}
		return nil
	}
}

// Whatever a fleet and hands say, and however probes end: a breaker that refuses says when it will
// probe, and does so then; and once nobody says anything, a dependency that is well is called
// again.
func TestAnyAdviceLeavesABreakerUsable(t *testing.T) {
	for name, c := range map[string]breaker.Config{
		"rounds":            {ConsecutiveFailures: 3, OpenFor: time.Second, MaxOpenFor: 4 * time.Second, HalfOpenProbes: 3, ProbeTimeout: 2 * time.Second},
		"one probe":         {ConsecutiveFailures: 3, OpenFor: time.Second, MaxOpenFor: time.Second, HalfOpenProbes: 1},
		"enough of several": {ConsecutiveFailures: 3, OpenFor: time.Second, HalfOpenProbes: 4, MinSuccesses: 2, ProbeTimeout: time.Second},
		"a MinOpenFor":      {ConsecutiveFailures: 3, OpenFor: time.Second, MinOpenFor: 20 * time.Millisecond, HalfOpenProbes: 3, ProbeTimeout: 2 * time.Second},
	} {
		for seed := range uint64(20) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 60))
				b := newBreaker(t, c)
				hook := advised(t, b)
				reader := hook.Reader()
				var all sync.WaitGroup
				call := func(op resilience.Func, lasts time.Duration) {
					all.Go(func() {
						defer func() { _ = recover() }()
						ctx, cancel := context.WithTimeout(t.Context(), lasts)
						defer cancel()
						_ = b.Do(ctx, op)
					})
				}
				for range 400 {
					anyAdvice(r, b, hook)
					reader.Read()
					if err := b.Ready(); err != nil {
						var open *breaker.OpenError
						require.ErrorAs(t, err, &open)
						if open.State == breaker.StateOpen {
							require.Positive(t, open.RetryAfter(), "%s, seed %d", name, seed)
						}
					}
					call(anyEnd(r), time.Duration(r.Int64N(int64(4*time.Second))))
					synctest.Wait()
					time.Sleep(time.Duration(r.Int64N(int64(300 * time.Millisecond))))
				}
				all.Wait()
				if s := b.State(); s == breaker.StateIsolated {
					hook.Reset()
				}
				hook.ProbeIn(time.Hour)
				hook.HoldAfter(time.Hour, 30*time.Minute)
				began := time.Now()
				for calls := 0; b.State() != breaker.StateClosed; calls++ {
					require.Less(t, calls, 40, "%s, seed %d", name, seed)
					if b.State() == breaker.StateOpen {
						wait := b.RetryAfter()
						require.Positive(t, wait)
						time.Sleep(wait)
						require.NoError(t, b.Ready(), "%s, seed %d: it said when", name, seed)
					}
					_ = b.Do(t.Context(), working)
				}
				require.LessOrEqual(t, time.Since(began), 2*time.Hour, "%s, seed %d", name, seed)
			})
		}
	}
}
