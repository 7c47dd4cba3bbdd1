package peers

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	eabreaker "github.com/eapache/go-resiliency/breaker"
	eadeadline "github.com/eapache/go-resiliency/deadline"
	earetrier "github.com/eapache/go-resiliency/retrier"
	easemaphore "github.com/eapache/go-resiliency/semaphore"
	"github.com/failsafe-go/failsafe-go"
	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	fsbulkhead "github.com/failsafe-go/failsafe-go/bulkhead"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	fbulkhead "github.com/felixgeelhaar/fortify/bulkhead"
	fmiddleware "github.com/felixgeelhaar/fortify/middleware"
	ftimeout "github.com/felixgeelhaar/fortify/timeout"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Everything around a critical call, which succeeds at once: a deadline for the call, a
// bulkhead, a retry budget, a retry loop, a breaker, a deadline for each attempt. The
// baseline is a breaker and nothing else.
var pipeline = scenario{attempts: 1, ctx: inherited, candidates: []candidate{
	{"gobreaker", func(tb testing.TB) call { return goBreaker(tb, openFor, false) }},
	{"holdfast Do", func(tb testing.TB) call { return holdfastDo(newPipeline(tb, wholePipeline()...)) }},
	{"holdfast Value", func(tb testing.TB) call { return holdfastValue(newPipeline(tb, wholePipeline()...)) }},
	{"holdfast Do observed", func(tb testing.TB) call { return holdfastDo(newObserved(tb)) }},
	{"holdfast Value observed", func(tb testing.TB) call { return holdfastValue(newObserved(tb)) }},
	{"holdfast Do with holdfastprom", func(tb testing.TB) call { return holdfastDo(newMetered(tb)) }},

	{"failsafe-go", func(testing.TB) call { return failsafePipeline(nil) }},
	{"failsafe-go observed", func(testing.TB) call { return failsafePipeline(new(counter)) }},

	// No budget. The parts do not know each other, so the nesting is by hand, and the op's
	// deadline is a channel instead of a ctx; each of the two deadlines starts a goroutine.
	// The semaphore may wait: with a wait of 0, its timer competes with a free ticket.
	{"eapache", func(testing.TB) call {
		var (
			total   = eadeadline.New(totalLimit)
			tickets = easemaphore.New(maxConcurrent, time.Second)
			retrier = earetrier.New(earetrier.LimitedExponentialBackoff(maxRetries, baseDelay, maxDelay), nil)
			circuit = eabreaker.New(minRequests, probes, openFor)
			attempt = eadeadline.New(attemptLimit)
		)
		return func(ctx context.Context) (attempts int, err error) {
			err = total.Run(func(<-chan struct{}) error {
				if err := tickets.Acquire(); err != nil {
					return err
				}
				defer tickets.Release()
				return retrier.RunCtx(ctx, func(ctx context.Context) error {
					return circuit.Run(func() error {
						return attempt.Run(func(<-chan struct{}) error {
							attempts++
							return ask(ctx)
						})
					})
				})
			})
			return attempts, err
		}
	}},

	// No budget; the rest in the same order, in its own chain, which puts itself together in each
	// call. Both of its timeouts derive a context, even where the caller's deadline is nearer.
	{"fortify", func(testing.TB) call {
		chain := fmiddleware.New[string]().
			WithTimeout(ftimeout.New[string](ftimeout.Config{}), totalLimit).
			WithBulkhead(fbulkhead.New[string](fbulkhead.Config{MaxConcurrent: maxConcurrent})).
			WithRetry(newFortifyRetry(maxRetries, baseDelay)).
			WithCircuitBreaker(newFortifyBreaker(openFor)).
			WithTimeout(ftimeout.New[string](ftimeout.Config{}), attemptLimit)
		return fortifyChain(chain, ask)
	}},

	// A command is timeout, bulkhead and breaker at once; hystrix has no retry and no budget.
	{"hystrix", func(tb testing.TB) call {
		name := newHystrixCommand(tb, openFor)
		return func(ctx context.Context) (attempts int, err error) {
			err = hystrix.DoC(ctx, name, func(ctx context.Context) error {
				attempts++
				return ask(ctx)
			}, nil)
			return attempts, err
		}
	}},
}}

// All six parts, in the same order; its budget belongs to the retry policy. A timeout of
// failsafe-go cannot see that the caller's deadline is nearer, so that both start a timer
// and derive a context per call. The op gets the attempt's ctx by way of the execution. Who counts
// is told of every attempt and every call, as our observers are; nil for nobody.
func failsafePipeline(count *counter) call {
	retries := failsafePolicy().WithBudget(fsbudget.New())
	if count != nil {
		attempt := func(failsafe.ExecutionEvent[any]) { count.events.Add(1) }
		retries = retries.OnSuccess(attempt).OnFailure(attempt)
	}
	executor := failsafe.With[any](
		fstimeout.New[any](totalLimit),
		fsbulkhead.New[any](maxConcurrent),
		retries.Build(),
		newFailsafeBreaker[any](failureRatio, openFor),
		fstimeout.New[any](attemptLimit),
	)
	if count != nil {
		executor = executor.OnDone(func(failsafe.ExecutionDoneEvent[any]) { count.events.Add(1) })
	}
	return func(ctx context.Context) (attempts int, err error) {
		err = executor.WithContext(ctx).RunWithExecution(func(exec failsafe.Execution[any]) error {
			attempts++
			return ask(exec.Context())
		})
		return attempts, err
	}
}

func wholePipeline() []resilience.Stage {
	return []resilience.Stage{
		deadline.In(totalLimit),
		bulkhead.Config{MaxConcurrent: maxConcurrent},
		budget.Config{},
		retry.Config{MaxRetries: maxRetries, BaseDelay: baseDelay, MaxDelay: maxDelay, Jitter: retry.NoJitter},
		breaker.Config{
			FailureRatio: failureRatio, MinRequests: minRequests, Window: window, Buckets: int(window / bucket),
			OpenFor: openFor, HalfOpenProbes: probes,
		},
		deadline.In(attemptLimit),
	}
}

func newPipeline(tb testing.TB, stages ...resilience.Stage) *holdfast.Pipeline {
	p, err := holdfast.New("peers", stages...)
	require.NoError(tb, err)
	return p
}

func newObserved(tb testing.TB) *holdfast.Pipeline {
	return newPipeline(tb, append([]resilience.Stage{holdfast.Observe(new(counter))}, wholePipeline()...)...)
}

// newMetered is counted for Prometheus.
func newMetered(tb testing.TB) *holdfast.Pipeline {
	metrics, err := holdfastprom.New()
	require.NoError(tb, err)
	return newPipeline(tb, append([]resilience.Stage{holdfast.Observe(metrics)}, wholePipeline()...)...)
}

// counter is about the least that an observer can do.
type counter struct{ events atomic.Int64 }

func (c *counter) Observe(context.Context, resilience.Event) { c.events.Add(1) }

func holdfastDo(p *holdfast.Pipeline) call {
	return func(ctx context.Context) (attempts int, err error) {
		err = p.Do(ctx, func(ctx context.Context) error {
			attempts++
			return ask(ctx)
		})
		return attempts, err
	}
}

func holdfastValue(p *holdfast.Pipeline) call {
	return func(ctx context.Context) (attempts int, err error) {
		_, err = holdfast.Value(ctx, p, func(ctx context.Context) (string, error) {
			attempts++
			return "receipt", ask(ctx)
		})
		return attempts, err
	}
}
