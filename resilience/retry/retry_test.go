package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errRefused = errors.New("connection refused")
	errDown    = resilience.MarkTransient(errRefused)
)

func failing(context.Context) error { return errDown }

func newPolicy(t *testing.T, c retry.Config) *retry.Policy {
	t.Helper()
	p, err := retry.New(c)
	require.NoError(t, err)
	return p
}

// script is an op that returns its errors one after the other, and nil when they are used up.
type script struct {
	errs     []error
	attempts int
	began    []time.Duration // when each attempt began
	start    time.Time
}

func play(errs ...error) *script { return &script{errs: errs, start: time.Now()} }

func (s *script) op(context.Context) error {
	s.began = append(s.began, time.Since(s.start))
	s.attempts++
	if s.attempts > len(s.errs) {
		return nil
	}
	return s.errs[s.attempts-1]
}

func withoutJitter(c retry.Config) retry.Config {
	c.Jitter = retry.NoJitter
	return c
}

// The seed's figures: "Delay Accumulation".
func TestSeedAccumulation(t *testing.T) {
	for name, c := range map[string]struct {
		config   retry.Config
		attempts int
		total    time.Duration
	}{
		"default":    {retry.Default(), 4, 700 * time.Millisecond},
		"aggressive": {retry.Aggressive(), 6, 1550 * time.Millisecond},
		"gentle":     {retry.Gentle(), 3, 1500 * time.Millisecond},
		"zero value": {retry.Config{}, 4, 700 * time.Millisecond},
		"custom":     {retry.Custom(2, time.Second, 1500*time.Millisecond, false), 3, 2500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, attempts := time.Now(), 0
				err := retry.Do(t.Context(), withoutJitter(c.config), func(context.Context) error {
					attempts++
					return errDown
				})
				require.ErrorIs(t, err, retry.ErrExhausted)
				require.Equal(t, c.attempts, attempts)
				require.Equal(t, c.total, time.Since(start))
			})
		})
	}
}

func TestPresets(t *testing.T) {
	jitter := retry.AdditiveJitter(0.3)
	require.Equal(t, retry.Config{MaxRetries: 3, BaseDelay: 100 * time.Millisecond, MaxDelay: 5 * time.Second, Multiplier: 2, Jitter: jitter}, retry.Default())
	require.Equal(t, retry.Config{MaxRetries: 5, BaseDelay: 50 * time.Millisecond, MaxDelay: 5 * time.Second, Multiplier: 2, Jitter: jitter}, retry.Aggressive())
	require.Equal(t, retry.Config{MaxRetries: 2, BaseDelay: 500 * time.Millisecond, MaxDelay: 3 * time.Second, Multiplier: 2, Jitter: jitter}, retry.Gentle())
	zero, err := retry.Config{}.Resolve()
	require.NoError(t, err)
	preset, err := retry.Default().Resolve()
	require.NoError(t, err)
	require.Equal(t, preset, zero, "retry.Config{} is retry.Default()")
}

func TestSuccessAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(errDown, errDown)
		require.NoError(t, newPolicy(t, withoutJitter(retry.Default())).Do(t.Context(), s.op))
		require.Equal(t, []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond}, s.began)
	})
}

func TestFirstErrorComesBackUntouched(t *testing.T) {
	for _, err := range []error{
		errors.New("unknown"), resilience.MarkPermanent(errRefused), resilience.MarkRejected(errRefused),
	} {
		s := play(err)
		require.True(t, newPolicy(t, retry.Config{}).Do(t.Context(), s.op) == err, "%v", err) //nolint:testifylint // identity
		require.Equal(t, 1, s.attempts)
	}
}

// What comes back, and after how many attempts, does not hang on how many retries there might have
// been, none and any number among them. (cenkalti/backoff 177: a wrapper came out with one attempt
// only; avast/retry-go 84, 110: without a limit neither RetryIf nor a final error was heeded.)
func TestTheEndIsTheSameWhateverMaxRetries(t *testing.T) {
	no := func(error) bool { return false }
	for _, retries := range []int{retry.None, 1, 2, retry.Unlimited} {
		synctest.Test(t, func(t *testing.T) {
			for _, err := range []error{
				errors.New("unknown"), resilience.MarkPermanent(errRefused), resilience.MarkRejected(errRefused),
			} {
				for _, c := range []retry.Config{{}, {RetryIf: no}} {
					c.MaxRetries = retries
					s := play(err, err, err)
					require.True(t, newPolicy(t, c).Do(t.Context(), s.op) == err, "%d: %v", retries, err) //nolint:testifylint // identity
					require.Equal(t, 1, s.attempts)
				}
			}

			s := play(errDown, errDown, errDown)
			err := newPolicy(t, retry.Config{MaxRetries: retries, RetryIf: no}).Do(t.Context(), s.op)
			require.ErrorIs(t, err, retry.ErrNotRetryable)
			require.ErrorIs(t, err, errRefused)
			require.Equal(t, 1, s.attempts)

			ctx, cancel := context.WithCancel(t.Context())
			attempts := 0
			err = newPolicy(t, retry.Config{MaxRetries: retries}).Do(ctx, func(context.Context) error {
				attempts++
				cancel()
				return errDown
			})
			require.ErrorIs(t, err, retry.ErrCanceled)
			require.ErrorIs(t, err, errRefused, "the dependency's last error stays beside the cancel")
			require.Equal(t, 1, attempts)
		})
	}
}

// Each value that MaxRetries can have, in a Config and as an argument of Custom: what is not said
// is the default, what is said is meant, and what could be taken for None and for Unlimited is
// refused.
func TestWhatMaxRetriesMeans(t *testing.T) {
	const wrong = -2
	for value, want := range map[int]struct{ config, custom int }{
		0:                {3, retry.None},
		1:                {1, 1},
		math.MaxInt - 1:  {math.MaxInt - 1, math.MaxInt - 1},
		retry.None:       {retry.None, retry.None},
		retry.Unlimited:  {retry.Unlimited, retry.Unlimited},
		-1:               {wrong, wrong},
		-retry.Unlimited: {wrong, wrong}, // one more than None
	} {
		for _, said := range []struct {
			config retry.Config
			want   int
		}{
			{retry.Config{MaxRetries: value}, want.config},
			{retry.Custom(value, time.Second, time.Second, false), want.custom},
		} {
			r, err := said.config.Resolve()
			if said.want == wrong {
				require.EqualError(t, err, fmt.Sprintf("retry: MaxRetries is %d; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited", value))
				continue
			}
			require.NoError(t, err)
			require.Equal(t, said.want, r.MaxRetries)
			again, err := r.Resolve()
			require.NoError(t, err)
			require.Equal(t, said.want, again.MaxRetries, "resolved twice")
		}
	}
}

func TestNone(t *testing.T) {
	for name, c := range map[string]retry.Config{
		"None": {MaxRetries: retry.None}, "Custom(0)": retry.Custom(0, time.Second, time.Second, true),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, start := play(errDown), time.Now()
				err := newPolicy(t, c).Do(t.Context(), s.op)
				require.ErrorIs(t, err, retry.ErrExhausted)
				require.ErrorIs(t, err, errRefused)
				require.Equal(t, 1, s.attempts)
				require.Zero(t, time.Since(start))
			})
		})
	}
}

func TestWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		attempts := 0
		err := newPolicy(t, withoutJitter(retry.Config{MaxRetries: retry.Unlimited, MaxDelay: time.Minute})).
			Do(ctx, func(context.Context) error { attempts++; return errDown })
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.Greater(t, attempts, 24*60)
	})
}

func TestMaxDelayOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := play(errDown, errDown, errDown, errDown, errDown, errDown, errDown, errDown)
		require.NoError(t, newPolicy(t, withoutJitter(retry.Config{MaxRetries: 8, MaxDelay: -1, BaseDelay: time.Hour})).Do(t.Context(), s.op))
		require.Equal(t, 255*time.Hour, s.began[8])
	})
}

func TestRetryIf(t *testing.T) {
	odd := errors.New("odd")
	only := func(target error) func(error) bool {
		return func(err error) bool { return errors.Is(err, target) }
	}
	for name, c := range map[string]struct {
		retryIf  func(error) bool
		errs     []error
		attempts int
	}{
		"makes an unknown error retryable":  {only(odd), []error{odd, odd}, 3},
		"makes a permanent error retryable": {only(odd), []error{resilience.MarkPermanent(odd)}, 2},
		"keeps a transient error from it":   {only(odd), []error{errDown, errDown}, 1},
		"later in the loop":                 {only(odd), []error{odd, errDown, odd}, 2},
		"not asked about a refusal":         {func(error) bool { return true }, []error{resilience.MarkRejected(odd)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(c.errs...)
				_ = newPolicy(t, retry.Config{RetryIf: c.retryIf}).Do(t.Context(), s.op)
				require.Equal(t, c.attempts, s.attempts)
			})
		})
	}
}

func TestOwnClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errDeclined := errors.New("declined")
		s := play(errRefused, errDown, io.ErrUnexpectedEOF, errDeclined)
		err := newPolicy(t, retry.Config{MaxRetries: 9, Classify: resilience.Classifiers(
			resilience.Errors(resilience.Transient, errRefused), // errDown explains itself, and of EOF they have no word
			resilience.Errors(resilience.Permanent, errDeclined),
		)}).Do(t.Context(), s.op)
		require.ErrorIs(t, err, retry.ErrNotRetryable)
		require.NotErrorIs(t, err, retry.ErrUnclassified)
		require.Equal(t, 4, s.attempts)
	})
}

func TestRetryAfter(t *testing.T) {
	hint := func(d time.Duration) error { return resilience.MarkOverload(errRefused, d) }
	for name, c := range map[string]struct {
		config retry.Config
		errs   []error
		began  []time.Duration
		reason resilience.Reason
	}{
		"is the least delay":             {retry.Config{}, []error{hint(3 * time.Second)}, []time.Duration{0, 3 * time.Second}, 0},
		"does not shorten the delay":     {retry.Config{}, []error{hint(time.Millisecond)}, []time.Duration{0, 100 * time.Millisecond}, 0},
		"may be above MaxDelay":          {retry.Config{}, []error{hint(time.Minute)}, []time.Duration{0, time.Minute}, 0},
		"not above MaxRetryAfter":        {retry.Config{}, []error{hint(time.Minute + 1)}, []time.Duration{0}, resilience.ReasonRetryAfterTooLong},
		"own MaxRetryAfter":              {retry.Config{MaxRetryAfter: time.Second}, []error{hint(2 * time.Second)}, []time.Duration{0}, resilience.ReasonRetryAfterTooLong},
		"no MaxRetryAfter":               {retry.Config{MaxRetryAfter: -1}, []error{hint(100 * time.Hour)}, []time.Duration{0, 100 * time.Hour}, 0},
		"of an Error":                    {retry.Config{}, []error{&resilience.Error{Kind: resilience.KindRateLimit, RetryAfter: time.Second}}, []time.Duration{0, time.Second}, 0},
		"of the last error only":         {retry.Config{}, []error{hint(time.Second), errDown}, []time.Duration{0, time.Second, 1200 * time.Millisecond}, 0},
		"attempts are left out of it":    {retry.Config{MaxRetries: 1}, []error{errDown, hint(time.Hour)}, []time.Duration{0, 100 * time.Millisecond}, resilience.ReasonExhausted},
		"overload without a retry-after": {retry.Config{}, []error{hint(0)}, []time.Duration{0, 100 * time.Millisecond}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := play(c.errs...)
				err := newPolicy(t, withoutJitter(c.config)).Do(t.Context(), s.op)
				require.Equal(t, c.began, s.began)
				require.Equal(t, c.reason, resilience.ReasonOf(err))
				if c.reason == resilience.ReasonRetryAfterTooLong {
					require.ErrorIs(t, err, retry.ErrRetryAfterTooLong)
					require.ErrorIs(t, err, errRefused)
				}
			})
		})
	}
}

func TestDeadline(t *testing.T) {
	for name, c := range map[string]struct {
		left       time.Duration
		minAttempt time.Duration
		attempts   int
	}{
		"room for one more":         {101 * time.Millisecond, 0, 2},
		"ends with the pause":       {100 * time.Millisecond, 0, 1},
		"no room for MinAttempt":    {150 * time.Millisecond, 50 * time.Millisecond, 1},
		"just room for MinAttempt":  {150*time.Millisecond + 1, 50 * time.Millisecond, 2},
		"a MinAttempt out of reach": {time.Hour, 1<<63 - 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				s := play(errDown, errDown, errDown, errDown)
				err := newPolicy(t, withoutJitter(retry.Config{MinAttempt: c.minAttempt})).Do(ctx, s.op)
				require.ErrorIs(t, err, deadline.ErrTooLate)
				require.ErrorIs(t, err, errRefused)
				require.Equal(t, c.attempts, s.attempts)
				require.NoError(t, ctx.Err(), "it answered before the deadline")
			})
		})
	}
}

// An attempt during which the ctx ends is the last one; the error says so and why.
func TestCtxEndsDuringAnAttempt(t *testing.T) {
	gone := errors.New("the user closed the page")
	for name, c := range map[string]struct {
		ctx    func(t *testing.T) context.Context
		reason resilience.Reason
		is     error
	}{
		"canceled": {func(t *testing.T) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(gone) })
			return ctx
		}, resilience.ReasonCanceled, retry.ErrCanceled},
		"timed out": {func(t *testing.T) context.Context {
			t.Helper()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
			t.Cleanup(cancel)
			return ctx
		}, resilience.ReasonTooLate, deadline.ErrTooLate},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, attempts := c.ctx(t), 0
				err := newPolicy(t, retry.Config{}).Do(ctx, func(ctx context.Context) error {
					attempts++
					<-ctx.Done()
					return errDown
				})
				require.Equal(t, 1, attempts)
				require.ErrorIs(t, err, c.is)
				require.ErrorIs(t, err, errRefused)
				require.ErrorIs(t, err, gone, "the cause")
				require.Equal(t, c.reason, resilience.ReasonOf(err))
			})
		})
	}
}

// A bare loop reads the clock when its first attempt has failed, and not before.
func TestElapsed(t *testing.T) {
	slow := func(context.Context) error { time.Sleep(time.Second); return errDown }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, ctx := range []context.Context{t.Context(), ctx} {
			var stop *retry.Error
			require.ErrorAs(t, newPolicy(t, withoutJitter(retry.Config{})).Do(ctx, slow), &stop)
			require.Equal(t, 3700*time.Millisecond, stop.Elapsed)
			require.ErrorAs(t, retry.Do(ctx, withoutJitter(retry.Config{}), slow), &stop)
			require.Equal(t, 3700*time.Millisecond, stop.Elapsed)
		}
	})
}

func TestValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		v, err := retry.Value(t.Context(), retry.Config{}, func(context.Context) (string, error) {
			if attempts++; attempts < 3 {
				return "half a receipt", errDown
			}
			return "receipt", nil
		})
		require.NoError(t, err)
		require.Equal(t, "receipt", v)

		v, err = retry.Value(t.Context(), retry.Config{}, func(context.Context) (string, error) { return "partial", errDown })
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, "partial", v, "what the last attempt returned")

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		v, err = retry.Value(ended, retry.Config{}, func(context.Context) (string, error) { return "never", nil })
		require.ErrorIs(t, err, context.Canceled)
		require.Empty(t, v)
	})
}

func TestDoRefusesAWrongConfig(t *testing.T) {
	err := retry.Do(t.Context(), retry.Config{MaxRetries: -2}, func(context.Context) error { t.Error("it ran"); return nil })
	var wrong *resilience.FieldError
	require.ErrorAs(t, err, &wrong)
	_, err = retry.Value(t.Context(), retry.Config{MaxRetries: -2}, func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
	require.ErrorAs(t, err, &wrong)
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := retry.New(retry.Config{
		MaxRetries: -7, BaseDelay: 200 * time.Millisecond, MaxDelay: 50 * time.Millisecond, Multiplier: 0.5,
		Jitter: retry.AdditiveJitter(2), Backoff: retry.StandardBackoff(9), MinAttempt: -5, MaxRetryAfter: -5,
	})
	require.EqualError(t, err, `retry: MaxRetries is -7; want 1 or more, 0 for the default (3), retry.None, or retry.Unlimited
retry: MaxDelay is 50ms; want at least BaseDelay (200ms)
retry: Multiplier is 0.5; want 1 or more, or 0 for the default (2)
retry: Jitter is AdditiveJitter(2); want a number above 0 and up to 1, or NoJitter for none
retry: Backoff is 9; want Exponential, Constant, Linear or Fibonacci
retry: MinAttempt is -5ns; want a positive duration, such as 500ms, or 0 for any time at all
retry: MaxRetryAfter is -5ns; want a positive duration, 0 for the default (1m0s), or -1 for no limit`)
}

func TestConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank, err := budget.New(budget.Config{Burst: 1000})
		require.NoError(t, err)
		p := paying(t, bank, retry.Config{MaxRetries: 4, Jitter: retry.DecorrelatedJitter})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				s := play(errDown, errDown, errDown, errDown, errDown)
				err := p.Do(t.Context(), s.op)
				var stop *retry.Error
				if s.attempts != 5 || !errors.As(err, &stop) || stop.Attempts != 5 {
					t.Errorf("%d attempts: %v", s.attempts, err)
				}
			})
		}
		wg.Wait()
		require.InDelta(t, 600, bank.Tokens(), 0)
	})
}

func TestBuildOfNil(t *testing.T) {
	var p *retry.Policy
	_, err := p.Build()
	require.Error(t, err)
}

func TestString(t *testing.T) {
	for want, c := range map[string]retry.Config{
		"retry 5× 50ms…5s":             retry.Aggressive(),
		"no retry":                     {MaxRetries: retry.None},
		"retry without limit 100ms…5s": {MaxRetries: retry.Unlimited},
		"retry 3× 100ms…":              {MaxDelay: -1},
	} {
		require.Equal(t, want, newPolicy(t, c).String())
	}
}
