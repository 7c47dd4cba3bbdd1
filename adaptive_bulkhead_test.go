package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// hang waits for the attempt's time to run out.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func limitOf(p *holdfast.Pipeline) int { return p.Snapshot().Bulkheads[0].Limit }

// The first cut goes by how many are in flight, though nobody counted them: the pipeline knows. It
// holds inside a loop and outside, with a breaker and without.
func TestTheFirstCutKnowsWhatIsInFlight(t *testing.T) {
	a := bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}
	once := retry.Config{MaxRetries: retry.None}
	closed := breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1000}
	for name, stages := range map[string][]resilience.Stage{
		"outside of the loop": {a, once, deadline.In(time.Second)},
		"inside the loop":     {once, a, deadline.In(time.Second)},
		"around a breaker":    {once, a, closed, deadline.In(time.Second)},
		"in a breaker":        {once, closed, a, deadline.In(time.Second)},
		"with a queue":        {once, bulkhead.Config{MaxWait: time.Hour, Adaptive: a.Adaptive}, deadline.In(time.Second)},
		"not the usual form":  {resilience.Prebuilt(&open{}), once, a, deadline.In(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t, stages...)
				for range 100 {
					go func() { _ = p.Do(context.Background(), hang) }()
					time.Sleep(time.Microsecond) // so that they end one after the other
				}
				time.Sleep(999 * time.Millisecond)
				require.Equal(t, 100, p.Snapshot().Bulkheads[0].InUse)
				require.Zero(t, limitOf(p))
				time.Sleep(2 * time.Millisecond)
				synctest.Wait()
				require.InDelta(t, 68, limitOf(p), 2, "0.7 of what was in flight at the fifth")
				require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
				for range 200 {
					go func() { _ = p.Do(context.Background(), hang) }()
				}
				synctest.Wait()
				s := p.Snapshot().Bulkheads[0]
				require.Equal(t, s.Limit, s.InUse)
				time.Sleep(time.Hour)
				if s.Waiting == 0 {
					require.Equal(t, uint64(200-s.Limit), s.Rejected)
				}
			})
		})
	}
}

// Calls in a pause of a loop are in nobody's way: a cut inside the loop does not count them.
func TestAPauseIsNotInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, retry.Config{MaxRetries: 1, BaseDelay: time.Hour, MaxDelay: time.Hour},
			bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}, deadline.In(time.Second))
		for range 1000 {
			go func() {
				n := 0
				_ = p.Do(context.Background(), func(context.Context) error { n++; return []error{errFlaky, nil}[n-1] })
			}()
		}
		synctest.Wait()
		for range 20 {
			go func() { _ = p.Do(context.Background(), hang) }()
		}
		time.Sleep(2 * time.Second)
		require.InDelta(t, 12, limitOf(p), 2)
		time.Sleep(3 * time.Hour)
	})
}

// A bulkhead in two pipelines counts both.
func TestASharedAdaptiveBulkheadCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := bulkhead.New(bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})
		require.NoError(t, err)
		one, other := newPipeline(t, b, deadline.In(time.Second)), newPipeline(t, b, deadline.In(time.Hour))
		for range 90 {
			go func() { _ = other.Do(context.Background(), hang) }()
		}
		for range 10 {
			go func() { _ = one.Do(context.Background(), hang) }()
		}
		synctest.Wait()
		require.Equal(t, 100, b.Stats().InUse)
		time.Sleep(2 * time.Second)
		require.InDelta(t, 67, b.Stats().Limit, 2)
		require.Equal(t, 90, b.Stats().InUse)
		time.Sleep(time.Hour)
	})
}

func TestEventsOfALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		p := newPipeline(t, holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventLimit {
				seen = append(seen, fmt.Sprintf("%s %s %d %v", e.Pipeline, e.Stage, e.Limit, e.Why))
			}
		})), bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 2}}, deadline.In(time.Second))
		fail := func() { require.Error(t, p.Do(t.Context(), hang)) }
		fail()
		require.Empty(t, seen)
		fail()
		require.Equal(t, []string{"payments bulkhead 1 2 slow failures in a row"}, seen)
		require.Equal(t, holdfast.Degraded, holdfast.Check(t.Context(), p, nil).State)
		require.Contains(t, holdfast.Check(t.Context(), p, nil).Why, "bulkhead limited to 1, cut after 2 slow failures in a row")
		fail()
		require.Len(t, seen, 2)
		time.Sleep(11 * time.Second)
		require.NoError(t, p.Do(t.Context(), succeed))
		require.Equal(t, []string{
			"payments bulkhead 1 2 slow failures in a row", "payments bulkhead 1 3 slow failures in a row", "payments bulkhead 0 <nil>",
		}, seen)
		require.Equal(t, holdfast.Healthy, holdfast.Check(t.Context(), p, nil).State)
	})
}

// An observer of a cut may call into the pipeline: it has the place that was given back.
func TestAnObserverOfACutMayCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *holdfast.Pipeline
		var inside []error
		p = newPipeline(t, holdfast.Observe(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
			if e.Kind == resilience.EventLimit {
				inside = append(inside, p.Do(context.Background(), succeed))
			}
		})), bulkhead.Config{MaxWait: -1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}, deadline.In(time.Second))
		require.Error(t, p.Do(t.Context(), hang))
		require.Equal(t, []error{nil}, inside)
		require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
	})
}

// Who waits inside the loop waits no longer than the call's deadline, though no ctx had that.
func TestAWaitEndsWithTheCallsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, deadline.In(3*time.Second), retry.Config{MaxRetries: retry.None},
			bulkhead.Config{MaxWait: -1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}, deadline.In(2*time.Second))
		require.Error(t, p.Do(context.Background(), hang))
		release := make(chan struct{})
		go func() { _ = p.Do(context.Background(), func(context.Context) error { <-release; return nil }) }()
		synctest.Wait()
		began := time.Now()
		err := p.Do(context.Background(), succeed)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began))
		require.Equal(t, resilience.ReasonTooLate, resilience.ReasonOf(err))

		// One that gets its place after 2.5 s has half a second left, and not the attempt's 2 s.
		time.AfterFunc(2500*time.Millisecond, func() { close(release) })
		began = time.Now()
		require.ErrorIs(t, p.Do(context.Background(), hang), context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began))
		require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
	})
}

// An update keeps the limit, whatever the numbers, as long as there is to be one.
func TestUpdateOfAnAdaptiveBulkhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := func(n int) bulkhead.Config {
			return bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: n}}
		}
		p := newPipeline(t, a(5), deadline.In(time.Second))
		for range 5 {
			require.Error(t, p.Do(t.Context(), hang))
		}
		require.Equal(t, 1, limitOf(p))
		require.NoError(t, p.Update(a(0), deadline.In(time.Minute)))
		require.Equal(t, 1, limitOf(p))
		require.NoError(t, p.Update(a(6), deadline.In(time.Minute)))
		require.Equal(t, 1, limitOf(p))
		require.NoError(t, p.Update(bulkhead.Config{}, deadline.In(time.Minute)))
		require.Zero(t, limitOf(p))
	})
}

// Each key has a limit of its own, and the overflow, where keys have nothing to do with each other,
// has none.
func TestAdaptiveBulkheadsOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := newKeyed[string](t, holdfast.KeyedConfig{Size: 2}, bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}, deadline.In(time.Second))
		require.Error(t, hosts.Do(t.Context(), "a", hang))
		require.NoError(t, hosts.Do(t.Context(), "b", succeed))
		require.Equal(t, 1, limitOf(hosts.Get("a")))
		require.Zero(t, limitOf(hosts.Get("b")))
		require.Error(t, hosts.Overflow().Do(t.Context(), hang))
		require.Zero(t, limitOf(hosts.Overflow()))
	})
}

// The bulkhead goes by the pipeline's classifier.
func TestAnAdaptiveBulkheadAsksTheClassifier(t *testing.T) {
	mine := errors.New("mine")
	for verdict, want := range map[resilience.Verdict]int{
		resilience.Overload: 1, resilience.Transient: 0, resilience.Permanent: 0, resilience.Rejected: 0,
	} {
		p := newPipeline(t, holdfast.Classify(resilience.Errors(verdict, mine)), bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return mine }))
		require.Equal(t, want, limitOf(p), "%v", verdict)
	}
}
