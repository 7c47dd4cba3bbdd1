package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func succeed(context.Context) error { return nil }

func newPipeline(t *testing.T, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments", stages...)
	require.NoError(t, err)
	return p
}

// events collects what a pipeline reports of a kind.
type events struct {
	kind resilience.EventKind
	all  []resilience.Event
}

func (o *events) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == o.kind {
		o.all = append(o.all, e)
	}
}

func TestARefusalInAPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &events{kind: resilience.EventReject}
		p := newPipeline(t, holdfast.Observe(seen), ratelimit.Config{Rate: 1}, deadline.In(sec), retry.Config{})
		require.NoError(t, p.Do(t.Context(), succeed))
		err := p.Do(t.Context(), func(context.Context) error { panic("ran") })
		require.ErrorIs(t, err, ratelimit.ErrLimited)
		require.Equal(t, sec, resilience.RetryAfter(err))
		require.Len(t, seen.all, 1)
		require.Equal(t, []any{"ratelimit", resilience.ReasonRateLimited, resilience.Rejected, err},
			[]any{seen.all[0].Stage, seen.all[0].Reason, seen.all[0].Verdict, seen.all[0].Err})

		s := p.Snapshot()
		require.Equal(t, []ratelimit.Stats{{Rate: 1, Burst: 1, Rejected: 1}}, s.RateLimits)
		require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonRateLimited: 1}, s.Denials)
		require.EqualValues(t, 1, s.Attempts)
		require.Equal(t, "payments: ratelimit 1/s → deadline 1s → retry 3× 100ms…5s", p.String())
	})
}

// Outside of the deadline, the wait is no part of the call's time; inside of it, it is, and a token
// that comes too late is not waited for.
func TestOutsideAndInsideTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := ratelimit.Config{Rate: 1, MaxWait: -1}
		left := func(ctx context.Context) error {
			end, _ := ctx.Deadline()
			require.Equal(t, 500*ms, time.Until(end))
			return nil
		}
		outside := newPipeline(t, limit, deadline.In(500*ms))
		for range 3 {
			require.NoError(t, outside.Do(t.Context(), left))
		}
		inside := newPipeline(t, deadline.In(500*ms), limit)
		require.NoError(t, inside.Do(t.Context(), succeed))
		start := time.Now()
		require.ErrorIs(t, inside.Do(t.Context(), succeed), ratelimit.ErrLimited)
		require.Zero(t, time.Since(start))
		time.Sleep(600 * ms)
		require.NoError(t, inside.Do(t.Context(), succeed))
		require.Equal(t, sec, time.Since(start))
	})
}

// Inside the loop each attempt takes a token, and one that finds none ends the call.
func TestInsideTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flaky := func(context.Context) error { return errFlaky }
		p := newPipeline(t, retry.Custom(5, ms, ms, false), ratelimit.Config{Rate: 1, Burst: 3})
		err := p.Do(t.Context(), flaky)
		var gaveUp *retry.Error
		require.ErrorAs(t, err, &gaveUp)
		require.Equal(t, 3, gaveUp.Attempts)
		require.ErrorIs(t, err, ratelimit.ErrLimited)
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, resilience.ReasonRateLimited, resilience.ReasonOf(err))

		patient := newPipeline(t, retry.Custom(5, ms, ms, false), ratelimit.Config{Rate: 1, Burst: 3, MaxWait: -1})
		start := time.Now()
		require.ErrorAs(t, patient.Do(t.Context(), flaky), &gaveUp)
		require.Equal(t, 6, gaveUp.Attempts)
		require.Equal(t, 3*sec, time.Since(start))
	})
}

// What a stage further in refuses gives its token back; what it let pass once does not.
func TestRefusedFurtherIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 5})
		room, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
		require.NoError(t, err)
		p := newPipeline(t, l, retry.Custom(1, ms, ms, false), breaker.Config{ConsecutiveFailures: 2, FailureRatio: -1, OpenFor: time.Hour, MaxOpenFor: time.Hour}, room)
		require.NoError(t, room.Acquire(t.Context()))
		require.ErrorIs(t, p.Do(t.Context(), succeed), bulkhead.ErrFull)
		require.InDelta(t, 5, l.Stats().Tokens, 0)
		room.Release(t.Context(), nil)

		require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }), "two attempts, and the breaker opens")
		require.InDelta(t, 4, l.Stats().Tokens, 0.01)
		for range 10 {
			require.ErrorIs(t, p.Do(t.Context(), succeed), breaker.ErrOpen)
		}
		require.InDelta(t, 4, l.Stats().Tokens, 0.01)
	})
}

// A ctx that ends in the moment in which a token comes costs none.
func TestEndedWhenTheTokenComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, MaxWait: -1})
		p := newPipeline(t, l)
		require.NoError(t, p.Do(t.Context(), succeed))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(sec, cancel)
		ran := false
		err := p.Do(ctx, func(context.Context) error { ran = true; return nil })
		if !ran {
			require.ErrorIs(t, err, context.Canceled)
			require.InDelta(t, 1, l.Stats().Tokens, 0)
		}
		require.Zero(t, p.Snapshot().Denials[resilience.ReasonRateLimited])
	})
}

// An observer that panics on the way leaves nothing taken but the token of a call that ran.
func TestAnObserverThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 2, MaxWait: -1})
		p := newPipeline(t, holdfast.Observe(panics{}), l)
		require.Panics(t, func() { _ = p.Do(t.Context(), succeed) })
		require.InDelta(t, 1, l.Stats().Tokens, 0)
		require.NoError(t, l.Acquire(t.Context()))
		hasty, cancel := context.WithTimeout(t.Context(), ms)
		defer cancel()
		require.Panics(t, func() { _ = p.Do(hasty, succeed) }, "of the refusal")
		require.NoError(t, l.Acquire(t.Context()), "no lock is held")
		require.Zero(t, l.Stats().Waiting)
	})
}

type panics struct{}

func (panics) Observe(context.Context, resilience.Event) { panic(errFull) }

// An update, and a changed file, keep the tokens and those who wait.
func TestUpdateOfAPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, ratelimit.Config{Rate: 0.1, MaxWait: -1}, retry.Config{})
		require.NoError(t, p.Do(t.Context(), succeed))
		done := make(chan time.Time, 1)
		go func() {
			_ = p.Do(t.Context(), succeed)
			done <- time.Now()
		}()
		time.Sleep(sec)
		require.Error(t, p.Update(ratelimit.Config{Rate: 5}, retry.Config{}, retry.Config{}), "refused: nothing changes")
		require.InDelta(t, 0.1, p.Snapshot().RateLimits[0].Rate, 0)
		start := time.Now()
		require.NoError(t, p.Update(ratelimit.Config{Rate: 1, MaxWait: -1}, retry.Default()))
		require.Equal(t, 900*ms, (<-done).Sub(start), "a tenth of a token was there")
		require.Zero(t, p.Snapshot().RateLimits[0].Tokens)
		require.Equal(t, []resilience.Stage{ratelimit.Config{Rate: 1, Burst: 1, MaxWait: -1}}, p.Stages()[:1])
		require.NoError(t, p.Update(retry.Default()))
		require.Empty(t, p.Snapshot().RateLimits)
	})
}

// Each key has a bucket of its own.
func TestKeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, ratelimit.Config{Rate: 1, Burst: 2})
		require.NoError(t, err)
		passed := map[string]int{}
		for range 5 {
			for _, host := range []string{"a", "b", "c"} {
				if hosts.Get(host).Do(t.Context(), succeed) == nil {
					passed[host]++
				}
			}
		}
		require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2}, passed)

		quota := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 2})
		shared, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, quota)
		require.NoError(t, err)
		n := 0
		for _, host := range []string{"a", "b", "c"} {
			if shared.Get(host).Do(t.Context(), succeed) == nil {
				n++
			}
		}
		require.Equal(t, 2, n)
		require.Len(t, shared.Total().Snapshot().RateLimits, 1)
	})
}

// A key whose bucket is not full is not the first to be forgotten: a new one in its place would let
// another burst pass.
func TestAKeyThatUsedItsBurstIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts, err := holdfast.NewKeyed[int]("hosts", holdfast.KeyedConfig{Size: 4}, ratelimit.Config{Rate: 1e-3, Burst: 1})
		require.NoError(t, err)
		require.NoError(t, hosts.Get(0).Do(t.Context(), succeed))
		for key := 1; key <= 20; key++ {
			hosts.Get(key)
		}
		require.ErrorIs(t, hosts.Get(0).Do(t.Context(), succeed), ratelimit.ErrLimited)
	})
}

func TestHealthAndTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, ratelimit.Config{Rate: 1e-3, Burst: 1})
		for range 50 {
			_ = p.Do(t.Context(), succeed)
		}
		s := holdfast.Check(t.Context(), p, nil)
		require.Equal(t, holdfast.Degraded, s.State)
		require.Contains(t, s.Why, "calls in 10 s were refused: rate_limited")
		require.Len(t, s.RateLimits, 1)
		w := httptest.NewRecorder()
		holdfast.Health(p).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		require.Contains(t, w.Body.String(), `"rate_limits": [`)

		l := newLimiter(t, ratelimit.Config{Rate: 1})
		_, err := holdfast.New("payments", l, retry.Config{}, l)
		require.ErrorContains(t, err, "stage 3: the same ratelimit as stage 1; want one of its own at each place")
		_, err = holdfast.New("payments", ratelimit.Config{}, retry.Config{})
		require.ErrorContains(t, err, "payments: stage 1: ratelimit: Rate is 0; want 1e-06 to 1e+09, or -1 for no limit")
		_, err = holdfast.New("payments", &ratelimit.Limiter{})
		require.ErrorContains(t, err, "ratelimit: a zero Limiter; make one with ratelimit.New")
		_, err = holdfast.New("payments", resilience.Prebuilt(&ratelimit.Limiter{}), retry.Config{})
		require.ErrorContains(t, err, "ratelimit: a zero Limiter; make one with ratelimit.New")
		_, err = holdfast.New("payments", (*ratelimit.Limiter)(nil))
		require.Error(t, err)
	})
}

// The error that a caller sees may be a nil pointer of this type, by mistake: nobody falls over it.
func TestATypedNilError(t *testing.T) {
	var nothing *ratelimit.LimitedError
	p := newPipeline(t, holdfast.SilenceUnclassified(), retry.Config{}, breaker.Config{}, ratelimit.Config{Rate: 100})
	err := p.Do(t.Context(), func(context.Context) error { return nothing })
	require.ErrorIs(t, err, nothing)
}
