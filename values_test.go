package holdfast_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/holdfastprom"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// built has a policy of every built-in stage.
type built interface {
	resilience.Stage
	resilience.Policy
}

// unmade are the stages that no New made.
var unmade = map[string]built{
	"zero breaker": &breaker.Breaker{}, "nil breaker": (*breaker.Breaker)(nil),
	"zero budget": &budget.Budget{}, "nil budget": (*budget.Budget)(nil),
	"zero bulkhead": &bulkhead.Bulkhead{}, "nil bulkhead": (*bulkhead.Bulkhead)(nil),
	"zero deadline": &deadline.Policy{}, "nil deadline": (*deadline.Policy)(nil),
	"zero retry": &retry.Policy{}, "nil retry": (*retry.Policy)(nil),
}

func TestStagesThatNoNewMade(t *testing.T) {
	loop, err := retry.New(plain(1))
	require.NoError(t, err)
	for name, stage := range unmade {
		t.Run(name, func(t *testing.T) {
			_, err := stage.Build()
			require.ErrorContains(t, err, "make one with ")

			for how, stages := range map[string][]resilience.Stage{
				"alone":            {stage},
				"in a loop":        {retry.Config{}, stage},
				"around a loop":    {stage, retry.Config{}},
				"prebuilt":         {resilience.Prebuilt(stage)},
				"prebuilt, a loop": {resilience.Prebuilt(stage), retry.Config{}},
			} {
				p, err := holdfast.New("payments", stages...)
				require.Error(t, err, how)
				require.Nil(t, p, how)
				_, err = holdfast.NewKeyed[int]("hosts", holdfast.KeyedConfig{}, stages...)
				require.Error(t, err, how)
				good := newPipeline(t, retry.Config{})
				require.Error(t, good.Update(stages...), how)
				require.NoError(t, good.Do(t.Context(), succeed))
			}

			ran := false
			op := func(context.Context) error { ran = true; return errFlaky }
			for how, policy := range map[string]resilience.Policy{
				"bare": stage, "chain": resilience.Chain(stage),
				"inside a loop": resilience.Chain(loop, stage), "around a loop": resilience.Chain(stage, loop),
				"around a pipeline": resilience.Chain(stage, newPipeline(t, plain(1))),
			} {
				require.ErrorContains(t, policy.Wrap(op)(t.Context()), "make one with ", how)
				require.False(t, ran, how)
			}
		})
	}
}

// A chain with a stage that no New made refuses to run, and does not panic, whatever its other
// stages are.
func TestStagesThatNoNewMadeBesideOthers(t *testing.T) {
	neighbors := maps.Clone(unmade)
	for name, stage := range map[string]resilience.Stage{
		"breaker": breaker.Config{}, "budget": budget.Config{}, "bulkhead": bulkhead.Config{},
		"deadline": deadline.In(time.Second), "retry": plain(1),
	} {
		p, err := stage.Build()
		require.NoError(t, err)
		neighbors[name] = p.(built)
	}
	op := func(context.Context) error { return errFlaky }
	for name, stage := range unmade {
		for beside, neighbor := range neighbors {
			require.NotPanics(t, func() {
				for _, c := range []resilience.Policy{resilience.Chain(stage, neighbor), resilience.Chain(neighbor, stage)} {
					err := c.Wrap(op)(t.Context())
					if neighbor == neighbors["budget"] && strings.Contains(err.Error(), "no retry loop stands inside it") {
						continue // which is right as well
					}
					require.ErrorContains(t, err, "make one with ")
				}
			}, "%s beside %s", name, beside)
		}
	}
}

func TestABudgetThatNoNewMade(t *testing.T) {
	_, err := holdfast.New("payments", &budget.Budget{}, retry.Config{})
	require.ErrorContains(t, err, "budget: a zero Budget; make one with budget.New")

	var zero budget.Budget
	require.False(t, zero.Allow())
	zero.Deposit()
	zero.OnArrival()
	zero.OnSuccess()
	require.Zero(t, zero.Tokens())
	require.Equal(t, budget.Stats{Refused: 1}, zero.Stats())
	require.Equal(t, budget.Config{}, zero.Config())
	require.Equal(t, "budget 0%", zero.String())
	require.ErrorContains(t, zero.Update(budget.Config{}), "budget.New")
	_, _, err = zero.Modify(func(*budget.Config) {})
	require.ErrorContains(t, err, "budget.New")
}

func TestPipelinesThatNoNewMade(t *testing.T) {
	for name, p := range map[string]*holdfast.Pipeline{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			ran := false
			op := func(context.Context) error { ran = true; return nil }
			const want = "holdfast: the pipeline is nil or zero; want one made by holdfast.New"
			require.EqualError(t, p.Do(t.Context(), op), want)
			require.EqualError(t, p.Wrap(op)(t.Context()), want)
			require.EqualError(t, resilience.Chain(p).Wrap(op)(t.Context()), want)
			v, err := holdfast.Value(t.Context(), p, func(context.Context) (int, error) { ran = true; return 1, nil })
			require.EqualError(t, err, want)
			require.Zero(t, v)
			require.EqualError(t, p.Update(retry.Config{}), want)
			_, err = p.Tune(t.Context(), holdfast.Tuning{})
			require.EqualError(t, err, want)
			require.False(t, ran)

			require.Empty(t, p.Name())
			require.Equal(t, "no pipeline: nil or zero", p.String())
			require.Empty(t, p.Stages())
			require.Nil(t, p.Budget())
			require.Zero(t, p.Snapshot().Calls)
			require.Empty(t, p.Lint())
			p.Watch(earless{})()
			require.EqualError(t, holdfast.Check(t.Context(), p, op).Err, want)
			w, _ := get(t, holdfast.Health(p), http.MethodGet)
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
		})
	}
}

// nothings are typed nil pointers to this module's errors, as an op may return by mistake.
var nothings = map[string]error{
	"resilience.Error":      (*resilience.Error)(nil),
	"resilience.FieldError": (*resilience.FieldError)(nil),
	"retry.Error":           (*retry.Error)(nil),
	"deadline.Error":        (*deadline.Error)(nil),
	"breaker.OpenError":     (*breaker.OpenError)(nil),
	"bulkhead.FullError":    (*bulkhead.FullError)(nil),
}

func TestTypedNilErrorsCrashNobody(t *testing.T) {
	for name, nothing := range nothings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { crashNobody(t, name, nothing) })
		})
	}
}

func crashNobody(t *testing.T, name string, nothing error) {
	t.Helper()
	loop, err := retry.New(plain(1))
	require.NoError(t, err)
	door, err := breaker.New(breaker.Config{ConsecutiveFailures: 1000, FailureRatio: -1})
	require.NoError(t, err)
	room, err := bulkhead.New(bulkhead.Config{})
	require.NoError(t, err)
	limit, err := deadline.New(deadline.In(time.Hour))
	require.NoError(t, err)
	bank, err := budget.New(budget.Config{})
	require.NoError(t, err)
	metrics, err := holdfastprom.New()
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	logs := resilience.NewLogObserver(slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	watched := newPipeline(t, append([]resilience.Stage{holdfast.Observe(metrics, logs)}, holdfast.Critical()...)...)
	page, err := holdfastdash.Handler([]*holdfast.Pipeline{watched})
	require.NoError(t, err)
	defer page.Close()

	op := func(context.Context) error { return nothing }
	for how, policy := range map[string]resilience.Policy{
		"loop": loop, "breaker": door, "bulkhead": room, "deadline": limit,
		"chain": resilience.Chain(bank, loop, door, limit), "nested loops": resilience.Chain(loop, loop),
		"pipeline": newPipeline(t, retry.Config{}, deadline.In(time.Hour)), "watched pipeline": watched,
		"pipeline in a loop": resilience.Chain(loop, watched),
	} {
		for _, mark := range []func(error) error{
			func(err error) error { return err }, resilience.MarkTransient, resilience.MarkPermanent,
			func(err error) error { return resilience.MarkNoRetry(err, resilience.Transient) },
		} {
			got := policy.Wrap(func(ctx context.Context) error { return mark(op(ctx)) })(t.Context())
			require.ErrorIs(t, got, nothing, how)
			require.NotEmpty(t, got.Error(), how)
		}
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, resilience.Canceled, resilience.Judge(ended, nil, nothing))
	require.Equal(t, resilience.Unclassified, resilience.Judge(t.Context(), nil, nothing), "it says nothing")
	require.Equal(t, resilience.ReasonUnclassified, resilience.ReasonOf(nothing))
	require.False(t, resilience.NoRetry(nothing))
	require.False(t, resilience.Unsent(nothing))
	require.False(t, resilience.Unasked(nothing))
	require.Zero(t, resilience.RetryAfter(nothing))
	require.Contains(t, resilience.DescribeError(nothing), name)
	for _, target := range []error{breaker.ErrOpen, bulkhead.ErrFull, context.DeadlineExceeded, context.Canceled} {
		require.NotErrorIs(t, nothing, target)
	}
	if timeout, ok := nothing.(interface{ Timeout() bool }); ok { //nolint:errorlint // this very one
		require.False(t, timeout.Timeout())
	}

	require.NotEmpty(t, watched.Snapshot().Unclassified)
	require.Equal(t, holdfast.Unhealthy, holdfast.Check(t.Context(), watched, op).State)
	_, err = registry.Gather()
	require.NoError(t, err)
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	require.Equal(t, http.StatusOK, w.Code)
}

// earless is an Observer that does nothing.
type earless struct{}

func (earless) Observe(context.Context, resilience.Event) {}
