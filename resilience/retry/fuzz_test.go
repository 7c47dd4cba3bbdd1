package retry_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast/resilience/retry"
)

func FuzzBackoff(f *testing.F) {
	f.Add(0, int64(100), int64(5000), 2.0, int64(0))
	f.Add(math.MaxInt/2, int64(1), int64(1<<63-1), 1e308, int64(1<<62))
	f.Add(63, int64(1<<62), int64(1<<63-1), 1.0000001, int64(5))
	f.Add(0, int64(1<<62+9), int64(1<<63-1), 81.0, int64(5)) // a base that a float64 cannot hold
	f.Fuzz(func(t *testing.T, n int, base, limit int64, multiplier float64, prev int64) {
		if n < 0 || base <= 0 || limit < base || !(multiplier >= 1) || prev < 0 {
			t.Skip("no loop asks that")
		}
		s := retry.Step{Retry: n, Base: time.Duration(base), Max: time.Duration(limit), Multiplier: multiplier, Prev: time.Duration(prev)}
		for _, b := range []retry.StandardBackoff{retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci} {
			d := b.Backoff(s)
			if d < s.Base || d > s.Max {
				t.Fatalf("%v of %+v is %d", b, s, d)
			}
			if next := s; n < math.MaxInt {
				next.Retry++
				if later := b.Backoff(next); later < d-d/1e9 { // floats round
					t.Fatalf("%v of %+v is %d, and %d one later", b, s, d, later)
				}
			}
			s.Delay = d
			for _, j := range []retry.Jitter{
				retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter,
				retry.AdditiveJitter(0.3), retry.AdditiveJitter(1), retry.ProportionalJitter(1),
			} {
				if d := j.Jitter(s); d < 0 {
					t.Fatalf("%v of %+v is %d", j, s, d)
				}
			}
		}
	})
}

// FuzzConfig: whatever the Config, New answers without a panic, and what it accepts works: no
// pause is negative, and the loop ends.
func FuzzConfig(f *testing.F) {
	f.Add(3, int64(100e6), int64(5e9), 2.0, uint8(0), uint8(0), 0.3, int64(0), int64(0), int64(0))
	f.Add(-1, int64(1), int64(-1), 1e308, uint8(4), uint8(2), 1.0, int64(1<<62), int64(-1), int64(1<<62))
	f.Fuzz(func(t *testing.T, retries int, base, limit int64, multiplier float64, backoff, jitter uint8, factor float64, minAttempt, maxHint, hint int64) {
		c := retry.Config{
			MaxRetries: retries, BaseDelay: time.Duration(base), MaxDelay: time.Duration(limit), Multiplier: multiplier,
			MinAttempt: time.Duration(minAttempt), MaxRetryAfter: time.Duration(maxHint),
		}
		if backoff > 0 {
			c.Backoff = retry.StandardBackoff(backoff)
		}
		switch {
		case jitter == 1:
			c.Jitter = retry.AdditiveJitter(factor)
		case jitter == 2:
			c.Jitter = retry.ProportionalJitter(factor)
		case jitter > 2:
			c.Jitter = retry.StandardJitter(jitter - 3)
		}
		p, err := retry.New(c)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error that says nothing")
			}
			return
		}
		if again, err := retry.New(p.Config()); err != nil || again.String() != p.String() {
			t.Fatalf("a resolved Config does not resolve to itself: %v, %v", again, err)
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			attempts, last := 0, time.Now()
			_ = p.Do(ctx, func(context.Context) error {
				pause, least := time.Since(last), time.Duration(0)
				if attempts%2 == 0 { // the attempt before was told a hint
					least = time.Duration(hint)
				}
				if attempts > 0 && pause < max(0, least) {
					t.Errorf("a pause of %v, and the hint was %v", pause, least)
				}
				last = time.Now()
				if attempts++; attempts == 50 {
					return nil
				}
				if attempts%2 == 0 {
					return hinted(time.Duration(hint))
				}
				return errDown
			})
			if ctx.Err() != nil {
				t.Error("the loop slept past the deadline")
			}
		})
	})
}
