package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// There are two ways through a row of stages, run and runStraight, and the second keeps the call's
// deadline as a number while no ctx needs it. Callers must not see a difference: not in the errors,
// the events, the counts, nor in what an op finds in its ctx. The other pipeline is the same one
// with a Guard between its deadlines. A Guard may wait, so there a ctx has the deadline, and run is
// used.
func TestBothWaysAreOne(t *testing.T) {
	for seed := range uint64(suite.Tries(3000)) {
		synctest.Test(t, func(t *testing.T) {
			var says [2][]string
			for i := range says {
				says[i] = play(t, seed, i == 1)
			}
			require.Equal(t, says[1], says[0], "seed %d", seed)
		})
	}
}

// play makes a few calls, and returns all that can be observed of them.
func play(t *testing.T, seed uint64, guarded bool) (seen []string) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1))
	say := func(format string, args ...any) { seen = append(seen, fmt.Sprintf(format, args...)) }
	limit := upTo(300, dice)
	b, err := breaker.New(breaker.Config{ConsecutiveFailures: -1, FailureRatio: 1, MinRequests: 1000})
	require.NoError(t, err)
	bank, err := budget.New(budget.Config{
		Burst: 1000, Initial: 900, Ratio: 0.5,
		DepositOn: budget.DepositOn(dice.IntN(3)), SlowCost: 1 + float64(dice.IntN(3)), RefundOnSuccess: dice.IntN(2) == 0,
	})
	require.NoError(t, err)
	places, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, err)
	whole := limit + upTo(400, dice)
	stages := []resilience.Stage{deadline.In(whole)}
	if guarded {
		stages = append(stages, resilience.Prebuilt(&open{}))
	}
	if dice.IntN(2) == 0 {
		stages = append(stages, places)
	}
	if dice.IntN(3) == 0 {
		stages = append(stages, adaptive(dice, limit))
	}
	if dice.IntN(4) > 0 {
		stages = append(stages, bank, retry.Config{
			MaxRetries: 1 + dice.IntN(4), BaseDelay: upTo(100, dice), Jitter: retry.NoJitter, MinAttempt: upTo(2, dice),
		})
	}
	if dice.IntN(3) == 0 {
		stages = append(stages, adaptive(dice, limit))
	}
	stages = append(stages, b)
	if dice.IntN(3) == 0 {
		stages = append(stages, adaptive(dice, limit))
	}
	stages = append(stages, deadline.In(limit))
	if dice.IntN(2) == 0 {
		stages = append([]resilience.Stage{holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			say("event %v attempt %d of %d: %v, %v after %v, %v; limit %d, %v", e.Kind, e.Attempt, e.Attempts, e.Verdict, e.Reason, e.Elapsed, e.Err,
				e.Limit, e.Why)
		}))}, stages...)
	}
	p := newPipeline(t, append([]resilience.Stage{holdfast.Classify(resilience.Errors(resilience.Permanent, errOdd))}, stages...)...)
	for range 3 {
		ctx, end := callersCtx(dice, whole)
		began := time.Now()
		err := attempt(func() error {
			return p.Do(ctx, func(ctx context.Context) error {
				at, _ := ctx.Deadline()
				say("attempt at %v until %v", time.Since(began), at.Sub(began))
				err := act(ctx, dice)
				say("it ends with %v at %v: %v, %v", err, time.Since(began), ctx.Err(), context.Cause(ctx))
				return err
			})
		})
		var stopped *retry.Error
		errors.As(err, &stopped)
		say("call: %v at %v, %v %+v", err, time.Since(began), resilience.Classify(err), stopped != nil)
		if stopped != nil {
			say("%d attempts in %v, because %v", stopped.Attempts, stopped.Elapsed, stopped.Cause)
		}
		say("deadline exceeded %t, canceled %t", errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled))
		say("breaker %+v, budget %+v, bulkhead %+v", b.Counts(), bank.Stats(), places.Stats())
		s := p.Snapshot()
		say("%d calls, %d attempts, %d failed", s.Calls, s.Attempts, s.Failed)
		for _, s := range s.Bulkheads {
			say("bulkhead %+v", s)
		}
		end()
	}
	return seen
}

// adaptive returns a bulkhead that is cut soon, and has a limit now and then.
func adaptive(dice *rand.Rand, limit time.Duration) bulkhead.Config {
	return bulkhead.Config{
		MaxConcurrent: dice.IntN(3), MaxWait: time.Duration(dice.IntN(2)) * limit,
		Adaptive: &bulkhead.Adaptive{
			SlowFailures: 1 + dice.IntN(3), CutEvery: upTo(100, dice), CalmFor: upTo(300, dice), Times: float64(dice.IntN(2) * 2),
		},
	}
}

// upTo returns a random time of at most so many milliseconds, in nanoseconds, so that no two things
// happen at one moment.
func upTo(ms int64, dice *rand.Rand) time.Duration {
	return time.Duration(1 + dice.Int64N(ms*int64(time.Millisecond)))
}

// callersCtx returns a ctx as callers have it, and its cancel. A caller that gives up does so
// before the limit: if nobody looks at the ctx in between, it is not defined which of the two came
// first.
func callersCtx(dice *rand.Rand, limit time.Duration) (context.Context, func()) {
	d, early := upTo(600, dice), upTo(limit.Milliseconds(), dice)
	switch dice.IntN(6) {
	case 0:
		return context.WithTimeout(context.Background(), d)
	case 1:
		return context.WithTimeoutCause(context.Background(), d, errors.New("the caller's limit"))
	case 2: // gives up meanwhile
		ctx, cancel := context.WithCancelCause(context.Background())
		t := time.AfterFunc(early, func() { cancel(errors.New("the caller has had enough")) })
		return ctx, func() { t.Stop(); cancel(nil) }
	case 3:
		ctx, cancel := context.WithCancel(context.Background())
		t := time.AfterFunc(early, cancel)
		return ctx, func() { t.Stop(); cancel() }
	case 4:
		return context.WithCancel(context.Background())
	}
	return context.Background(), func() {}
}

// act is what an op does.
func act(ctx context.Context, dice *rand.Rand) error {
	d := upTo(200, dice)
	ctx.Done() // a ctx whose Done was never called does not know what came first
	switch dice.IntN(12) {
	case 0: // waits for its ctx
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(3 * d):
			return errFlaky
		}
	case 1: // with an error that does not say so
		<-ctx.Done()
		return errors.New("connection lost")
	case 2:
		<-ctx.Done()
		return context.Cause(ctx)
	case 3: // ignores its ctx
		time.Sleep(4 * d)
		return resilience.MarkTransient(errFlaky)
	case 4:
		time.Sleep(4 * d)
		return nil
	case 5, 6, 7:
		time.Sleep(d)
		return resilience.MarkTransient(errFlaky)
	case 8:
		time.Sleep(d)
		return errOdd
	case 9:
		return errors.New("unknown")
	case 10:
		time.Sleep(d)
		panic("odd")
	case 11: // a client that comes back just before
		child, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		<-child.Done()
		return child.Err()
	}
	return nil
}

// attempt returns what f returns, and a panic as an error.
func attempt(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// open is a Guard that admits every call.
type open struct{}

func (*open) Wrap(next resilience.Func) resilience.Func { return next }
func (*open) Acquire(context.Context) error             { return nil }
func (*open) Release(context.Context, error)            {}
