package docs

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func chargeError(status int, retryAfter time.Duration, err error) error {
	switch {
	case err != nil:
		return &resilience.Error{Kind: resilience.KindNetwork, Service: "payments", Op: "charge", Err: err}
	case status == http.StatusUnprocessableEntity:
		return &resilience.Error{Kind: resilience.KindValidation, Service: "payments", Op: "charge", Status: status}
	case status >= 400:
		return &resilience.Error{
			Kind: resilience.KindExternalAPI, Service: "payments", Op: "charge", Status: status, RetryAfter: retryAfter,
		}
	}
	return nil
}

func patientPayments() (*holdfast.Pipeline, error) {
	payments, err := holdfast.New("payments",
		deadline.In(10*time.Second),
		budget.Config{},
		retry.Config{Patient: true}, // what budget and breaker refuse now is asked for again
		breaker.Config{MinOpenFor: 100 * time.Millisecond, OpenFor: time.Second},
		deadline.In(time.Second),
	)
	return payments, err
}

func quickPayments() []resilience.Stage {
	quick := holdfast.Critical()
	for i, s := range quick {
		if loop, ok := s.(retry.Config); ok {
			loop.Patient = false
			quick[i] = loop
		}
	}
	return quick
}

// A patient pipeline rides out what is over within its pauses; one that fails fast does not.
func TestWaitOrFailFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		patient, err := patientPayments()
		require.NoError(t, err)
		quick, err := holdfast.New("payments", quickPayments()...)
		require.NoError(t, err)
		for _, p := range []*holdfast.Pipeline{patient, quick} {
			begin := time.Now()
			down := func(context.Context) error {
				if time.Since(begin) < time.Second {
					return syscall.ECONNREFUSED
				}
				return nil
			}
			for range 50 { // one after the other opens the breaker and spends the budget
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				require.Error(t, p.Do(ctx, down))
				cancel()
			}
			<-time.After(700 * time.Millisecond)
			asked, err := time.Now(), p.Do(t.Context(), down)
			if p == quick {
				require.ErrorIs(t, err, breaker.ErrOpen)
				require.Zero(t, time.Since(asked))
			} else {
				require.NoError(t, err)
			}
		}
	})
}

func formerCritical() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(10 * time.Second),                   // Background: 30 s
		budget.Config{Ratio: 0.3, Floor: 0.5, Burst: 5}, // Floor: 0.2 in Standard, -1 in Background
		retry.Aggressive(),                              // Standard: retry.Default(), Background: retry.Gentle()
		breaker.Config{
			FailureRatio: 0.8, ConsecutiveFailures: 20,
			OpenFor: time.Second, MaxOpenFor: 1500 * time.Millisecond,
		},
		deadline.In(time.Second), // Standard: 2 s, Background: 8 s
	}
}

// The changelog says how to go back to the presets of 0.1.0.
func TestFormerPreset(t *testing.T) {
	_, err := holdfast.New("payments", formerCritical()...)
	require.NoError(t, err)
}

func slowCost() (*budget.Budget, error) {
	bank, err := budget.New(budget.Config{
		Ratio: 3, Burst: 5, SlowCost: 5, // a slow retry takes the whole bank
		DepositOn:       budget.AnySuccess, // retries that succeed deposit as well,
		RefundOnSuccess: true,              // and get their price back
	})
	return bank, err
}

// A quick retry costs one token and a slow one the whole bank, and what succeeds is given back.
func TestSlowCost(t *testing.T) {
	bank, err := slowCost()
	require.NoError(t, err)
	bank.OnRetrySuccess(bank.Withdraw())
	require.InDelta(t, 5, bank.Tokens(), 0)
	require.Equal(t, budget.FromBank, bank.WithdrawSlow().Payer)
	require.Zero(t, bank.Tokens())
}

// The bucket that docs/storms.md compares with what was published holds five retries, and no floor.
func TestPublishedBucket(t *testing.T) {
	bank, err := budget.New(budget.Config{Ratio: 0.1, Burst: 5, Floor: -1, DepositOn: budget.Arrival})
	require.NoError(t, err)
	for range 5 {
		require.Equal(t, budget.FromBank, bank.Withdraw().Payer)
	}
	require.Equal(t, budget.Refused, bank.Withdraw().Payer)
}

// TestGuideErrors holds the guide's table of Kinds to the code.
func TestGuideErrors(t *testing.T) {
	tests := map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"network":                  {chargeError(0, 0, errors.New("odd")), resilience.Transient},
		"declined":                 {chargeError(422, 0, nil), resilience.Permanent},
		"500":                      {chargeError(500, 0, nil), resilience.Transient},
		"408":                      {chargeError(408, 0, nil), resilience.Transient},
		"503 with a retry-after":   {chargeError(503, time.Second, nil), resilience.Overload},
		"429":                      {chargeError(429, 0, nil), resilience.Overload},
		"404":                      {chargeError(404, 0, nil), resilience.Permanent},
		"ok":                       {chargeError(200, 0, nil), resilience.Success},
		"network with retry-after": {&resilience.Error{Kind: resilience.KindNetwork, RetryAfter: 1}, resilience.Overload},
		"database":                 {&resilience.Error{Kind: resilience.KindDatabase, Err: syscall.ECONNRESET}, resilience.Transient},
		"database, unknown":        {&resilience.Error{Kind: resilience.KindDatabase, Err: errors.New("odd")}, resilience.Unclassified},
		"no kind":                  {&resilience.Error{Err: syscall.ECONNRESET}, resilience.Transient},
		"API without status":       {&resilience.Error{Kind: resilience.KindExternalAPI, Err: syscall.ECONNRESET}, resilience.Transient},
		"internal":                 {&resilience.Error{Kind: resilience.KindInternal, Err: syscall.ECONNRESET}, resilience.Permanent},
		"canceled":                 {&resilience.Error{Kind: resilience.KindNetwork, Err: context.Canceled}, resilience.Canceled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, resilience.Classify(test.err))
		})
	}
}

func TestGuideChainAround(t *testing.T) {
	ctx, entered := t.Context(), 0
	payments := holdfast.Must(holdfast.New("payments", retry.Default()))
	tracing := resilience.PolicyFunc(func(next resilience.Func) resilience.Func {
		return func(ctx context.Context) error {
			entered++
			return next(ctx)
		}
	})
	charge := func(context.Context) error { return nil }

	traced := resilience.Chain(tracing, payments).Wrap(charge)
	err := traced(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, entered)
}

func TestGuideShared(t *testing.T) {
	share := func() error {
		bank, err := budget.New(budget.Config{Ratio: 0.1, Burst: 20})
		if err != nil {
			return err
		}
		charges, err := holdfast.New("charges",
			deadline.In(10*time.Second), bank, retry.Aggressive(), breaker.Config{}, deadline.In(time.Second))
		if err != nil {
			return err
		}
		refunds, err := holdfast.New("refunds",
			deadline.In(5*time.Second), bank, retry.Default(), breaker.Config{}, deadline.In(time.Second))
		if err != nil {
			return err
		}
		require.True(t, bank.Allow())
		require.InDelta(t, 19, charges.Snapshot().Budget.Tokens, 0)
		require.InDelta(t, 19, refunds.Snapshot().Budget.Tokens, 0)
		return nil
	}
	require.NoError(t, share())
}

// quota admits so many calls, and no more.
type quota struct{ left atomic.Int64 }

var errQuota = errors.New("quota used up")

func (q *quota) Acquire(context.Context) error {
	if q.left.Add(-1) < 0 {
		return errQuota
	}
	return nil
}

func (q *quota) Release(context.Context, error) {}

func (q *quota) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(q, next) }

func (q *quota) Build() (resilience.Policy, error) { return q, nil }

func TestGuideGuard(t *testing.T) {
	q := &quota{}
	q.left.Store(1)
	payments := holdfast.Must(holdfast.New("payments", q, retry.Default()))
	op := func(context.Context) error { return nil }
	require.NoError(t, payments.Do(t.Context(), op))
	err := payments.Do(t.Context(), op)
	require.ErrorIs(t, err, errQuota)
	require.Equal(t, resilience.ReasonRejected, resilience.ReasonOf(err))
}

func TestGuideObserveAndUpdate(t *testing.T) {
	logger, kinds := slog.New(slog.DiscardHandler), []resilience.EventKind{}
	counter := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) { kinds = append(kinds, e.Kind) })

	payments, err := holdfast.New("payments", slices.Concat(
		[]resilience.Stage{holdfast.Observe(resilience.NewLogObserver(logger), counter)},
		holdfast.Critical(),
	)...)
	require.NoError(t, err)
	require.NoError(t, payments.Do(t.Context(), func(context.Context) error { return nil }))
	require.Equal(t, []resilience.EventKind{resilience.EventAttempt, resilience.EventCall}, kinds)

	update := func() error {
		err := payments.Update(
			holdfast.Observe(counter),
			deadline.In(2*time.Second),
			budget.Config{Ratio: 0.05}, // the bank keeps its tokens
			retry.Default(),
			breaker.Config{}, // it stays open, if it is
		)
		return err
	}
	require.NoError(t, update())
	require.Equal(t, resilience.EventUpdate, kinds[2])
}

func TestGuideChainOfStages(t *testing.T) {
	ctx := t.Context()
	bank, err := budget.New(budget.Config{Burst: 1, Floor: -1})
	require.NoError(t, err)
	loop, err := retry.New(retry.Custom(5, time.Microsecond, time.Millisecond, false))
	require.NoError(t, err)
	gate, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	charge := func(context.Context) error { return syscall.ECONNREFUSED }

	chained := func() error {
		call := resilience.Chain(bank, loop, gate).Wrap(charge)
		err := call(ctx)
		return err
	}
	require.ErrorIs(t, chained(), budget.ErrExhausted)
	require.EqualValues(t, 2, gate.Counts().Failures)
}

func TestHangingPaymentsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments, err := holdfast.New("payments",
			deadline.In(2*time.Second),
			budget.Config{},
			retry.Custom(5, 100*time.Millisecond, 5*time.Second, false), // no jitter: exact times
			breaker.Config{},
			deadline.In(500*time.Millisecond),
		)
		require.NoError(t, err)

		start, attempts := time.Now(), 0
		err = payments.Do(t.Context(), func(ctx context.Context) error {
			attempts++
			<-ctx.Done() // a service that hangs
			return ctx.Err()
		})

		// Attempts at 0, 600 ms and 1300 ms. The next would begin at 2200 ms, so the call ends
		// when the third does, rather than sleep until the deadline.
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, resilience.ReasonTooLate, resilience.ReasonOf(err))
		require.Equal(t, 3, attempts)
		require.Equal(t, 1800*time.Millisecond, time.Since(start))
	})
}

func TestPaymentsRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments, err := holdfast.New("payments",
			retry.Custom(1, 100*time.Millisecond, time.Second, false),
			breaker.Config{ConsecutiveFailures: 2, OpenFor: 5 * time.Second, HalfOpenProbes: 1},
		)
		require.NoError(t, err)
		down := func(context.Context) error { return syscall.ECONNREFUSED }
		well := func(context.Context) error { return nil }

		require.ErrorIs(t, payments.Do(t.Context(), down), retry.ErrExhausted) // two failures in a row
		require.ErrorIs(t, payments.Do(t.Context(), well), breaker.ErrOpen)    // not asked
		time.Sleep(payments.Snapshot().Breakers[0].RetryAfter)                 // in the bubble
		require.NoError(t, payments.Do(t.Context(), well))                     // the probe
		require.Equal(t, breaker.StateClosed, payments.Snapshot().Breakers[0].State)
	})
}

// A Rejected error of an inner pipeline ends the outer loop; an exhausted one does not.
func TestGuideNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := holdfast.Must(holdfast.New("inner", retry.Custom(1, time.Second, time.Second, false)))
		outer := holdfast.Must(holdfast.New("outer", retry.Custom(1, time.Second, time.Second, false)))
		runs := 0
		err := outer.Do(t.Context(), func(ctx context.Context) error {
			return inner.Do(ctx, func(context.Context) error {
				runs++
				return syscall.ECONNREFUSED
			})
		})
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, 4, runs)
	})
}

func TestGuideKeepsARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payments, err := holdfast.New("payments",
			ratelimit.Config{Rate: 100, Burst: 20, MaxWait: 50 * time.Millisecond},
			deadline.In(2*time.Second),
			retry.Config{},
		)
		require.NoError(t, err)
		for range 25 {
			require.NoError(t, payments.Do(t.Context(), func(context.Context) error { return nil }))
		}
		require.Zero(t, payments.Snapshot().RateLimits[0].Rejected)
	})
}

func TestGuideFindsALimit(t *testing.T) {
	payments, err := holdfast.New("payments",
		deadline.In(10*time.Second),
		retry.Default(),
		bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}, // inside the loop: it counts attempts
		deadline.In(2*time.Second),                      // what is slow is measured by this
	)
	require.NoError(t, err)
	require.Equal(t, "payments: deadline 10s → retry 3× 100ms…5s → bulkhead adaptive → deadline 2s", payments.String())
}

func TestGuideSlowCost(t *testing.T) {
	rich := func() (*budget.Budget, error) {
		bank, err := budget.New(budget.Config{
			Ratio: 3, Burst: 5, SlowCost: 5, // a slow retry takes the whole bank
			DepositOn:       budget.AnySuccess, // retries that succeed deposit as well,
			RefundOnSuccess: true,              // and get their price back
		})
		return bank, err
	}
	bank, err := rich()
	require.NoError(t, err)
	require.True(t, bank.WithdrawSlow().Allowed())
	require.Zero(t, bank.Tokens())
}
