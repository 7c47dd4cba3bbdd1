package retry_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// patient is a Patient loop that pauses for 100, 200, 400 ms.
func patient(c retry.Config) retry.Config {
	c.Patient = true
	return withoutJitter(c)
}

func built[P resilience.Policy](t *testing.T) func(P, error) P {
	t.Helper()
	return func(p P, err error) P {
		t.Helper()
		require.NoError(t, err)
		return p
	}
}

func stopOf(t *testing.T, err error) *retry.Error {
	t.Helper()
	var stop *retry.Error
	require.ErrorAs(t, err, &stop)
	return stop
}

// A retry that the budget does not pay for is asked for again after a pause.
func TestPatientWaitsForTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Ratio: 1})
		p := paying(t, bank, patient(retry.Config{MaxRetries: 3}))
		time.AfterFunc(150*time.Millisecond, bank.Deposit)
		s, begin := play(errDown), time.Now()
		require.NoError(t, p.Do(t.Context(), s.op))
		require.Equal(t, 2, s.attempts)
		require.Equal(t, 300*time.Millisecond, time.Since(begin), "100 ms, refused, 200 ms")
		require.Zero(t, bank.Tokens())
	})
}

// Refusals use up the turns of a call as failed attempts do, and the last one is why it ends.
func TestPatienceEndsWithTheTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1})
		s, begin := play(errDown, errDown), time.Now()
		err := paying(t, bank, patient(retry.Config{MaxRetries: 3})).Do(t.Context(), s.op)
		require.ErrorIs(t, err, budget.ErrExhausted)
		require.ErrorIs(t, err, errDown)
		require.NotErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, 1, s.attempts)
		require.Equal(t, 700*time.Millisecond, time.Since(begin))
		require.Equal(t, "retry budget exhausted (after 1 attempt and 3 waits in 700ms): connection refused", err.Error())
		require.Equal(t, resilience.Rejected, resilience.Classify(err))
	})
}

// An attempt that was made since is why it ends, and not the refusal before.
func TestPatienceForgetsARefusalAfterAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Ratio: 1})
		p := paying(t, bank, patient(retry.Config{MaxRetries: 2}))
		time.AfterFunc(150*time.Millisecond, bank.Deposit)
		s := play(errDown, errDown, errDown)
		require.ErrorIs(t, p.Do(t.Context(), s.op), retry.ErrExhausted)
		require.Equal(t, 2, s.attempts)
	})
}

// What an open breaker refuses waits until it probes, also a call's first attempt.
func TestPatientWaitsForTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := built[*breaker.Breaker](t)(breaker.New(breaker.Config{ConsecutiveFailures: 1, HalfOpenProbes: 1, OpenFor: time.Second}))
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Ratio: 1})
		do := resilience.Chain(bank, newPolicy(t, patient(retry.Config{})), b).Wrap
		require.ErrorIs(t, b.Do(t.Context(), failing), errDown)
		opens := b.RetryAfter()
		s, begin := play(), time.Now()
		require.NoError(t, do(s.op)(t.Context()))
		require.Equal(t, 1, s.attempts)
		require.GreaterOrEqual(t, time.Since(begin), opens)
		require.Equal(t, breaker.StateClosed, b.State())
		require.InDelta(t, 1, bank.Tokens(), 0, "its first attempt succeeded: it deposits, and paid for none")
	})
}

func TestPatientDoesNotWaitForWhatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := built[*breaker.Breaker](t)(breaker.New(breaker.Config{}))
		p := resilience.Chain(newPolicy(t, patient(retry.Config{})), b)
		b.Isolate()
		begin := time.Now()
		s := play()
		require.ErrorIs(t, p.Wrap(s.op)(t.Context()), breaker.ErrOpen)
		require.Zero(t, s.attempts)
		require.Zero(t, time.Since(begin))

		b.Reset()
		s = play(errDown)
		time.AfterFunc(time.Millisecond, b.Isolate)
		err := p.Wrap(s.op)(t.Context())
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 100*time.Millisecond, time.Since(begin), "it is asked after the pause")
	})
}

// A deadline that leaves no time for the breaker's next probe ends the call at once, for the
// breaker's reason.
func TestPatientDoesNotWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := built[*breaker.Breaker](t)(breaker.New(breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Minute, MaxOpenFor: time.Minute}))
		require.Error(t, b.Do(t.Context(), failing))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		err := resilience.Chain(newPolicy(t, patient(retry.Config{})), b).Wrap(failing)(ctx)
		require.Zero(t, time.Since(begin))
		stop := stopOf(t, err)
		require.Equal(t, resilience.ReasonBreakerOpen, stop.Reason)
		require.Zero(t, stop.Attempts)
		require.Equal(t, 1, stop.Waits, "it asks once, and does not use up its turns")
		require.True(t, stop.Unasked())
		require.True(t, stop.Unsent())
		require.Equal(t, resilience.Rejected, resilience.Classify(err))
		require.Equal(t, resilience.Canceled, stop.DependencyVerdict(), "it says nothing of the dependency")
		var open *breaker.OpenError
		require.ErrorAs(t, err, &open)
		require.Regexp(t, `^circuit breaker is open; next probe in 1m.* \(no attempt in 0s\)$`, err.Error())
	})
}

// A bulkhead that is full after its MaxWait is asked again after a pause.
func TestPatientWaitsForAPlace(t *testing.T) {
	for name, test := range map[string]struct {
		busyFor time.Duration
		retries int
		works   bool
	}{
		"as long as the bulkhead lets it": {900 * time.Millisecond, retry.None, true},
		"and no longer":                   {1100 * time.Millisecond, retry.None, false},
		"and again after a pause":         {2 * time.Second, 1, true},
		"and again, and no longer":        {2200 * time.Millisecond, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := built[*bulkhead.Bulkhead](t)(bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second}))
				do := resilience.Chain(newPolicy(t, patient(retry.Config{MaxRetries: test.retries})), gate).Wrap
				require.NoError(t, gate.Acquire(t.Context()))
				time.AfterFunc(test.busyFor, func() { gate.Release(t.Context(), nil) })
				s := play()
				err := do(s.op)(t.Context())
				if test.works {
					require.NoError(t, err)
					require.Equal(t, 1, s.attempts)
				} else {
					require.ErrorIs(t, err, bulkhead.ErrFull)
					require.Equal(t, resilience.ReasonBulkheadFull, stopOf(t, err).Reason)
					require.Zero(t, s.attempts)
				}
				time.Sleep(3 * time.Second)
				require.Zero(t, gate.Stats().InUse)
			})
		})
	}
}

func TestPatientWaitsForTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := built[*ratelimit.Limiter](t)(ratelimit.New(ratelimit.Config{Rate: 1, Burst: 1}))
		do := resilience.Chain(newPolicy(t, patient(retry.Config{})), limit).Wrap
		begin := time.Now()
		require.NoError(t, do(play().op)(t.Context()))
		require.NoError(t, do(play().op)(t.Context()))
		require.Equal(t, time.Second, time.Since(begin), "as long as the refusal says")
	})
}

// What another guard refuses, or an op says was refused, is final: nobody knows that it will pass.
func TestPatientDoesNotWaitForWhatItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := newPolicy(t, patient(retry.Config{})).Do(t.Context(), play(resilience.MarkRejected(errRefused)).op)
		require.ErrorIs(t, err, errRefused)
		require.Zero(t, time.Since(begin))
	})
}

func TestTheCallerGivesUpWhileACallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1})
		var heard recording
		p := watched(newPolicy(t, patient(retry.Config{MaxRetries: retry.Unlimited})), &heard, bank)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(250*time.Millisecond, cancel)
		begin := time.Now()
		err := p.Wrap(play(errDown).op)(ctx)
		require.ErrorIs(t, err, retry.ErrCanceled)
		require.Equal(t, 250*time.Millisecond, time.Since(begin))
		require.Equal(t, resilience.Canceled, resilience.Classify(err))
		require.Len(t, heard, 2)
	})
}

// One that has been carried out, as far as anybody knows, is not repeated, however patient.
func TestPatientRepeatsNoDoubtfulCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{})
		s := play(errDown)
		err := paying(t, bank, patient(retry.Config{})).Do(resilience.MarkOnce(t.Context()), func(ctx context.Context) error {
			_ = s.op(ctx)
			return resilience.MarkTransient(errors.New("connection reset"))
		})
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, 1, s.attempts)
	})
}

func TestEventsOfAPatientLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard recording
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Ratio: 1})
		p := watched(newPolicy(t, patient(retry.Config{})), &heard, bank)
		time.AfterFunc(150*time.Millisecond, bank.Deposit)
		require.NoError(t, p.Wrap(play(errDown).op)(t.Context()))
		of := resilience.Event{Pipeline: "payments", Stage: "retry", Verdict: resilience.Transient, Attempt: 1}
		waits, retries := of, of
		waits.Kind, waits.Reason, waits.Delay, waits.Err = resilience.EventWait, resilience.ReasonBudget, 200*time.Millisecond, budget.ErrExhausted
		retries.Kind, retries.Delay, retries.Err = resilience.EventRetry, 300*time.Millisecond, errDown
		require.Equal(t, recording{waits, retries}, heard)
	})
}

// QueueLimit bounds how many calls wait: one more fails as without patience.
func TestQueueLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1})
		p := newPolicy(t, patient(retry.Config{QueueLimit: 2}))
		do := resilience.Chain(bank, p).Wrap(failing)
		var took [4]time.Duration
		var calls sync.WaitGroup
		for i := range took {
			calls.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				begin := time.Now()
				assertExhausted(t, do(t.Context()))
				took[i] = time.Since(begin)
			})
		}
		time.Sleep(200 * time.Millisecond) // the first two wait by now
		require.Equal(t, &retry.Waits{Waiting: 2, QueueLimit: 2}, p.Stats().Waits)
		calls.Wait()
		require.Equal(t, &retry.Waits{QueueLimit: 2}, p.Stats().Waits)
		require.Equal(t, [4]time.Duration{700 * time.Millisecond, 700 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond}, took)

		begin := time.Now() // those that waited have left
		assertExhausted(t, do(t.Context()))
		require.Equal(t, 700*time.Millisecond, time.Since(begin))
	})
}

func assertExhausted(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, budget.ErrExhausted) {
		t.Errorf("%v; want a spent budget", err)
	}
}

// A panic leaves nobody in the queue, and no token out of the bank.
func TestAPanicOfAPatientLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: 1, Floor: -1})
		panics := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventWait || e.Kind == resilience.EventRetry {
				panic("observer")
			}
		})
		p := newPolicy(t, patient(retry.Config{QueueLimit: 1}))
		loud := watched(p, panics, bank)
		require.Panics(t, func() { _ = loud.Wrap(failing)(t.Context()) })
		require.InDelta(t, 1, bank.Tokens(), 0, "the retry that it paid for was never made")
		require.True(t, bank.Allow())
		require.Panics(t, func() { _ = loud.Wrap(failing)(t.Context()) })
		begin := time.Now()
		assertExhausted(t, resilience.Chain(bank, p).Wrap(failing)(t.Context()))
		require.Equal(t, 700*time.Millisecond, time.Since(begin), "the queue is free again")
	})
}

func TestPatientConfig(t *testing.T) {
	r, err := retry.Config{Patient: true}.Resolve()
	require.NoError(t, err)
	require.Equal(t, 1000, r.QueueLimit)
	r, err = retry.Config{Patient: true, QueueLimit: -1}.Resolve()
	require.NoError(t, err)
	require.Equal(t, -1, r.QueueLimit)
	again, err := r.Resolve()
	require.NoError(t, err)
	require.Equal(t, r.QueueLimit, again.QueueLimit)
	r, err = retry.Config{}.Resolve()
	require.NoError(t, err)
	require.Equal(t, 1000, r.QueueLimit)
	r, err = retry.Config{QueueLimit: 5}.Resolve() // a file may turn Patient off further down
	require.NoError(t, err)
	require.Equal(t, 5, r.QueueLimit)
	_, err = retry.Config{Patient: true, QueueLimit: -2}.Resolve()
	require.ErrorContains(t, err, "QueueLimit is -2")
}

// Turns that passed in waiting are named, where the call ends for another reason.
func TestAnErrorSaysHowOftenACallWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank := newBudget(t, budget.Config{Initial: -1, Floor: -1, Ratio: 1})
		time.AfterFunc(150*time.Millisecond, bank.Deposit)
		err := paying(t, bank, patient(retry.Config{MaxRetries: 2})).Do(t.Context(), play(errDown, errDown, errDown).op)
		require.Equal(t, 1, stopOf(t, err).Waits)
		require.Equal(t, "retries exhausted (after 2 attempts and 1 wait in 300ms): connection refused", err.Error())
	})
}
