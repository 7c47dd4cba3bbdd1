package peers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The numbers of Critical, for the libraries that get the same stages.
const (
	presetLimit   = 10 * time.Second
	presetAttempt = time.Second
	presetRetries = 5
)

// A preset under a ctx without a deadline: what the README's first example does. Each call derives
// at least one ctx, and what the op does with that decides what it costs. The baseline is a bare
// gobreaker in all of them, whose op only runs.
var (
	presetBare         = presetScenario(bare, ask, true)
	presetBareDone     = presetScenario(bare, askDone, true)
	presetBareChild    = presetScenario(bare, askChild, true)
	presetRequest      = presetScenario(unbounded, ask, false)
	presetRequestDone  = presetScenario(unbounded, askDone, false)
	presetRequestChild = presetScenario(unbounded, askChild, false)
	presetServer       = presetScenario(served, ask, true)
	presetServerDone   = presetScenario(served, askDone, true)
	presetServerChild  = presetScenario(served, askChild, true)
)

func BenchmarkPresetBare(b *testing.B)         { presetBare.run(b) }
func BenchmarkPresetBareDone(b *testing.B)     { presetBareDone.run(b) }
func BenchmarkPresetBareChild(b *testing.B)    { presetBareChild.run(b) }
func BenchmarkPresetRequest(b *testing.B)      { presetRequest.run(b) }
func BenchmarkPresetRequestDone(b *testing.B)  { presetRequestDone.run(b) }
func BenchmarkPresetRequestChild(b *testing.B) { presetRequestChild.run(b) }
func BenchmarkPresetServer(b *testing.B)       { presetServer.run(b) }
func BenchmarkPresetServerDone(b *testing.B)   { presetServerDone.run(b) }
func BenchmarkPresetServerChild(b *testing.B)  { presetServerChild.run(b) }

// bare is the ctx of a caller who has none.
func bare(testing.TB) context.Context { return context.Background() }

// served is the ctx that net/http gives a handler: of a real request, which lasts as long as tb.
func served(tb testing.TB) context.Context {
	given, over := make(chan context.Context), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		given <- r.Context()
		<-over
	}))
	tb.Cleanup(server.Close)
	answered := make(chan error, 1)
	go func() {
		resp, err := server.Client().Get(server.URL)
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	tb.Cleanup(func() {
		close(over)
		require.NoError(tb, <-answered)
	})
	return <-given
}

// askDone is ask, of a client that waits for whichever comes first, the answer or the ctx's end.
//
//go:noinline
func askDone(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	default:
		return nil
	}
}

// askChild is askDone, of a client that derives a ctx of its own, as net/http and pgx do.
//
//go:noinline
func askChild(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return askDone(ctx)
}

// presetScenario is the same stages in each library, called with a ctx of that kind, around an op
// that asks the dependency in that way. With rivals, the libraries that have such a composition
// follow.
func presetScenario(ctx func(testing.TB) context.Context, ask func(context.Context) error, rivals bool) scenario {
	s := scenario{attempts: 1, ctx: ctx, candidates: []candidate{
		{"gobreaker", func(tb testing.TB) call { return goBreaker(tb, openFor, false) }},
		{"holdfast Critical", func(tb testing.TB) call { return holdfastAsks(newPipeline(tb, holdfast.Critical()...), ask) }},
		{"holdfast Standard", func(tb testing.TB) call { return holdfastAsks(newPipeline(tb, holdfast.Standard()...), ask) }},
	}}
	if rivals {
		s.candidates = append(s.candidates,
			candidate{"failsafe-go", func(testing.TB) call { return failsafePreset(ask) }},
			candidate{"fortify", func(testing.TB) call { return fortifyPreset(ask) }},
			candidate{"gobreaker with two WithTimeout", func(testing.TB) call { return goBreakerByHand(ask) }},
		)
	}
	return s
}

// holdfastAsks is the README's first example.
func holdfastAsks(p *holdfast.Pipeline, ask func(context.Context) error) call {
	return func(ctx context.Context) (attempts int, err error) {
		_, err = holdfast.Value(ctx, p, func(ctx context.Context) (string, error) {
			attempts++
			return "receipt", ask(ctx)
		})
		return attempts, err
	}
}

// Critical's stages but the bulkhead, in the same order. Each of its two timeouts derives a ctx, as
// ours would without a shorter one inside.
func failsafePreset(ask func(context.Context) error) call {
	executor := failsafe.With[string](
		fstimeout.New[string](presetLimit),
		retrypolicy.NewBuilder[string]().WithMaxRetries(presetRetries).WithBackoff(baseDelay, maxDelay).WithBudget(fsbudget.New()).Build(),
		newFailsafeBreaker[string](failureRatio, openFor),
		fstimeout.New[string](presetAttempt),
	)
	return func(ctx context.Context) (attempts int, err error) {
		_, err = executor.WithContext(ctx).GetWithExecution(func(exec failsafe.Execution[string]) (string, error) {
			attempts++
			return "receipt", ask(exec.Context())
		})
		return attempts, err
	}
}

// What a user of gobreaker writes: a deadline for the call, and one for its only attempt. There is
// no budget, and there are no retries.
func goBreakerByHand(ask func(context.Context) error) call {
	b := newGoBreaker(openFor)
	return func(ctx context.Context) (attempts int, err error) {
		ctx, cancel := context.WithTimeout(ctx, presetLimit)
		defer cancel()
		_, err = b.Execute(func() (string, error) {
			ctx, cancel := context.WithTimeout(ctx, presetAttempt)
			defer cancel()
			attempts++
			return "receipt", ask(ctx)
		})
		return attempts, err
	}
}

// Retries through a preset: the stages of Critical, but for pauses of 1 ns, and a budget and a
// breaker that let so many retries pass. The op ignores Done; it fails once, and five times, in
// each call.
var (
	presetRetry1 = presetRetry(1)
	presetRetry5 = presetRetry(5)
)

func BenchmarkPresetRetry1(b *testing.B) { presetRetry1.run(b) }
func BenchmarkPresetRetry5(b *testing.B) { presetRetry5.run(b) }

func presetRetry(failures int) scenario {
	fails := func(attempt int, err error) error { return failFirst(attempt, failures, err) }
	return scenario{attempts: failures + 1, ctx: unbounded, candidates: []candidate{
		{"holdfast", func(tb testing.TB) call {
			p := newPipeline(tb, patientCritical()...)
			return func(ctx context.Context) (attempts int, err error) {
				_, err = holdfast.Value(ctx, p, func(context.Context) (string, error) {
					attempts++
					return "receipt", fails(attempts, errTransient)
				})
				return attempts, err
			}
		}},
		{"failsafe-go", func(testing.TB) call {
			executor := failsafe.With[string](
				fstimeout.New[string](presetLimit),
				retrypolicy.NewBuilder[string]().WithMaxRetries(presetRetries).WithDelay(tick).WithBudget(fsbudget.New()).Build(),
				newFailsafeBreaker[string](1, openFor),
				fstimeout.New[string](presetAttempt),
			)
			return func(ctx context.Context) (attempts int, err error) {
				_, err = executor.WithContext(ctx).GetWithExecution(func(failsafe.Execution[string]) (string, error) {
					attempts++
					return "receipt", fails(attempts, errDown)
				})
				return attempts, err
			}
		}},
	}}
}

// failFirst is a dependency that fails so many times.
//
//go:noinline
func failFirst(attempt, failures int, err error) error {
	if attempt <= failures {
		return err
	}
	return nil
}

// patientCritical is Critical with hardly any pauses, a budget that pays for every retry, and a
// breaker that does not open.
func patientCritical() []resilience.Stage {
	stages := holdfast.Critical()
	stages[1] = budget.Config{Burst: 1_000_000, Ratio: 100}
	stages[2] = retry.Config{MaxRetries: presetRetries, BaseDelay: tick, MaxDelay: tick, Jitter: retry.NoJitter}
	stages[4] = breaker.Config{FailureRatio: 1, ConsecutiveFailures: -1}
	return stages
}

// The other libraries get Critical's numbers.
func TestPresetNumbers(t *testing.T) {
	stages := holdfast.Critical()
	require.Len(t, stages, 6)
	require.Equal(t, deadline.In(presetLimit), stages[0])
	require.Equal(t, presetRetries, stages[2].(retry.Config).MaxRetries)
	require.IsType(t, breaker.Config{}, stages[4])
	require.Equal(t, deadline.In(presetAttempt), stages[5])
}
