package holdfast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func well(context.Context) error { return nil }

func down(context.Context) error { return syscall.ECONNREFUSED }

// openBreaker returns a breaker that has just opened.
func openBreaker(t *testing.T, c breaker.Config) *breaker.Breaker {
	t.Helper()
	c.ConsecutiveFailures, c.HalfOpenProbes = 1, 1
	b, err := breaker.New(c)
	require.NoError(t, err)
	require.ErrorIs(t, b.Do(t.Context(), down), syscall.ECONNREFUSED)
	return b
}

func TestCheckOfABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBreaker(t, breaker.Config{OpenFor: 5 * time.Second})
		other := openBreaker(t, breaker.Config{Name: "other"})
		other.Isolate()
		p, both := newPipeline(t, b), newPipeline(t, b, other)

		<-time.After(b.RetryAfter() - 3200*time.Millisecond)
		s := holdfast.Check(t.Context(), p, nil)
		require.Equal(t, holdfast.Unhealthy, s.State)
		require.Equal(t, "breaker open, next probe in 3.2s, after 1 failure (ConsecutiveFailures is 1)", s.Why)
		require.Equal(t, "payments", s.Name)
		require.Len(t, s.Breakers, 1)
		require.Equal(t, 3200*time.Millisecond, s.Breakers[0].RetryAfter)
		require.Nil(t, s.Budget)
		require.NoError(t, s.Err)
		require.Equal(t, "breaker open, next probe in 3.2s, after 1 failure (ConsecutiveFailures is 1); breaker other isolated by hand",
			holdfast.Check(t.Context(), both, nil).Why)

		// A breaker that is due lets calls try, so the instance may come back into rotation.
		<-time.After(3200 * time.Millisecond)
		s = holdfast.Check(t.Context(), p, nil)
		require.Equal(t, holdfast.Degraded, s.State)
		require.Equal(t, "breaker half-open: a few calls may try", s.Why)

		s = holdfast.Check(t.Context(), both, nil)
		require.Equal(t, holdfast.Unhealthy, s.State, "the worst of the two")
		require.Equal(t, "breaker half-open: a few calls may try; breaker other isolated by hand", s.Why)

		// The probe of a check is the breaker's probe.
		s = holdfast.Check(t.Context(), p, well)
		require.Equal(t, holdfast.Healthy, s.State)
		require.Empty(t, s.Why)
	})
}

func TestCheckOfABudget(t *testing.T) {
	// draw empties the bank: three retries are asked for.
	draw := func(b *budget.Budget) {
		for range 3 {
			b.Allow()
		}
	}
	untouched := func(*budget.Budget) {}
	tests := map[string]struct {
		config budget.Config
		use    func(b *budget.Budget)
		want   holdfast.HealthState
		why    string
	}{
		"full": {budget.Config{Burst: 2}, untouched, holdfast.Healthy, ""},
		"spent, with a floor": {
			budget.Config{Burst: 2, Floor: 0.5}, draw, holdfast.Degraded,
			"retry budget empty (0 of 2 tokens), retries limited to 0.5/s",
		},
		"spent, without a floor": {
			budget.Config{Burst: 2, Floor: -1, Ratio: 0.96}, func(b *budget.Budget) { draw(b); b.Deposit() }, holdfast.Degraded,
			"retry budget empty (0.9 of 2 tokens), no retries",
		},
		"a token is back":                 {budget.Config{Burst: 2, Floor: -1, Ratio: 1}, func(b *budget.Budget) { draw(b); b.Deposit() }, holdfast.Healthy, ""},
		"began empty, and nothing failed": {budget.Config{Initial: -1, Floor: -1}, untouched, holdfast.Healthy, ""},
		"began empty, and refused": {
			budget.Config{Initial: -1, Floor: -1}, draw, holdfast.Degraded,
			"retry budget empty (0 of 10 tokens), no retries",
		},
		"in shadow":          {budget.Config{Burst: 2, Floor: -1, Shadow: true}, draw, holdfast.Healthy, ""},
		"never refilled":     {budget.Config{Initial: -1, Ratio: -1}, draw, holdfast.Healthy, ""},
		"a bank of one left": {budget.Config{Burst: 4, Floor: -1}, draw, holdfast.Healthy, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // so that the floor saves up nothing meanwhile
				bank, err := budget.New(test.config)
				require.NoError(t, err)
				p := newPipeline(t, bank, plain(1))
				test.use(bank)
				s := holdfast.Check(t.Context(), p, nil)
				require.Equal(t, test.want, s.State)
				require.Equal(t, test.why, s.Why)
				require.Equal(t, bank.Stats(), *s.Budget)
			})
		})
	}
}

func TestCheckProbes(t *testing.T) {
	canceled := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}
	live := func(t *testing.T) context.Context { t.Helper(); return t.Context() }
	declined := errors.New("unknown")
	recovering, _ := failing(2, errFlaky)
	tests := map[string]struct {
		ctx     func(t *testing.T) context.Context
		probe   resilience.Func
		want    holdfast.HealthState
		reason  resilience.Reason
		err     error
		elapsed time.Duration
	}{
		"well":         {live, well, holdfast.Healthy, resilience.ReasonNone, nil, 0},
		"retried":      {live, recovering, holdfast.Healthy, resilience.ReasonNone, nil, 300 * time.Millisecond},
		"down":         {live, down, holdfast.Unhealthy, resilience.ReasonExhausted, syscall.ECONNREFUSED, 300 * time.Millisecond},
		"not retried":  {live, func(context.Context) error { return errPassword }, holdfast.Unhealthy, resilience.ReasonPermanent, errPassword, 0},
		"unknown":      {live, func(context.Context) error { return declined }, holdfast.Unhealthy, resilience.ReasonUnclassified, declined, 0},
		"no time left": {canceled, well, holdfast.Unhealthy, resilience.ReasonCanceled, context.Canceled, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := holdfast.Check(test.ctx(t), newPipeline(t, plain(2)), test.probe)
				require.Equal(t, test.want, s.State)
				require.Equal(t, test.reason, s.Reason)
				require.Equal(t, test.elapsed, s.Elapsed)
				require.ErrorIs(t, s.Err, test.err)
				if test.err != nil {
					require.Equal(t, s.Err.Error(), s.Why)
				}
			})
		})
	}
}

// A probe that succeeds does not hide that the next retry will be refused.
func TestCheckIsDegradedAfterAGoodProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, budget.Config{Burst: 1, Floor: -1}, plain(3))
		probe, _ := failing(1, errFlaky)
		s := holdfast.Check(t.Context(), p, probe)
		require.NoError(t, s.Err)
		require.Equal(t, holdfast.Degraded, s.State)

		s = holdfast.Check(t.Context(), p, down)
		require.Equal(t, holdfast.Unhealthy, s.State)
		require.Equal(t, resilience.ReasonBudget, s.Reason)
	})
}

func TestCheckLetsAPanicThrough(t *testing.T) {
	p := newPipeline(t, plain(1))
	require.PanicsWithValue(t, "probe", func() {
		holdfast.Check(t.Context(), p, func(context.Context) error { panic("probe") })
	})
	require.Zero(t, p.Snapshot().Live)
}

// hollow is an error that panics if it is a nil pointer.
type hollow struct{ text string }

func (h *hollow) Error() string { return h.text }

func TestCheckSurvivesAnErrorThatIsANilPointer(t *testing.T) {
	p := newPipeline(t, holdfast.SilenceUnclassified(), plain(1))
	s := holdfast.Check(t.Context(), p, func(context.Context) error { return (*hollow)(nil) })
	require.Equal(t, holdfast.Unhealthy, s.State)
	require.Equal(t, "a *holdfast_test.hollow whose Error method panics", s.Why)
}

func TestCheckOfNoPipeline(t *testing.T) {
	for name, p := range map[string]*holdfast.Pipeline{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			s := holdfast.Check(t.Context(), p, well)
			require.Equal(t, holdfast.Unhealthy, s.State)
			require.ErrorContains(t, s.Err, "want one made by holdfast.New")
			require.Equal(t, s.Err.Error(), s.Why)
		})
	}
}

// served is the content of Health's JSON, as a user would decode it.
type served struct {
	State     string
	Pipelines []struct {
		Name, State, Why string
		Budget           *struct{ Tokens float64 }
		Breakers         []struct{ Name, State string }
	}
}

func get(t *testing.T, h http.Handler, method string) (*httptest.ResponseRecorder, served) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/health", http.NoBody))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var s served
	if w.Code != http.StatusMethodNotAllowed {
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &s), w.Body)
	}
	return w, s
}

func TestHealthIsAsBadAsTheWorst(t *testing.T) {
	fine := newPipeline(t, holdfast.Standard()...)
	spent := newPipeline(t, budget.Config{Burst: 1, Floor: -1}, retry.Config{})
	spent.Budget().Allow()
	broken := newPipeline(t, openBreaker(t, breaker.Config{Name: "charges", OpenFor: time.Hour}))

	tests := map[string]struct {
		pipelines []*holdfast.Pipeline
		code      int
		want      []string // of all, and of each
	}{
		"none":          {nil, http.StatusOK, []string{"healthy"}},
		"one":           {[]*holdfast.Pipeline{fine}, http.StatusOK, []string{"healthy", "healthy"}},
		"degraded":      {[]*holdfast.Pipeline{spent, fine}, http.StatusOK, []string{"degraded", "degraded", "healthy"}},
		"unhealthy":     {[]*holdfast.Pipeline{fine, broken, spent}, http.StatusServiceUnavailable, []string{"unhealthy", "healthy", "unhealthy", "degraded"}},
		"nil":           {[]*holdfast.Pipeline{nil, fine}, http.StatusServiceUnavailable, []string{"unhealthy", "unhealthy", "healthy"}},
		"the same name": {[]*holdfast.Pipeline{fine, fine}, http.StatusOK, []string{"healthy", "healthy", "healthy"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w, s := get(t, holdfast.Health(test.pipelines...), http.MethodGet)
			require.Equal(t, test.code, w.Code)
			require.NotNil(t, s.Pipelines)
			got := []string{s.State}
			for _, p := range s.Pipelines {
				got = append(got, p.State)
			}
			require.Equal(t, test.want, got)
		})
	}

	_, s := get(t, holdfast.Health(broken, spent), http.MethodGet)
	require.Equal(t, "payments", s.Pipelines[0].Name)
	require.Contains(t, s.Pipelines[0].Why, "breaker charges open, next probe in ")
	require.Equal(t, "charges", s.Pipelines[0].Breakers[0].Name)
	require.Equal(t, "open", s.Pipelines[0].Breakers[0].State)
	require.Nil(t, s.Pipelines[0].Budget)
	require.Zero(t, s.Pipelines[1].Budget.Tokens)
	require.Zero(t, fine.Snapshot().Calls+broken.Snapshot().Calls+spent.Snapshot().Calls, "nobody was asked")
}

func TestHealthMethods(t *testing.T) {
	h := holdfast.Health(newPipeline(t, openBreaker(t, breaker.Config{OpenFor: time.Hour})))
	for method, code := range map[string]int{
		http.MethodGet: http.StatusServiceUnavailable, http.MethodHead: http.StatusServiceUnavailable,
		http.MethodPost: http.StatusMethodNotAllowed, http.MethodOptions: http.StatusMethodNotAllowed,
	} {
		w, _ := get(t, h, method)
		require.Equal(t, code, w.Code, method)
		if code == http.StatusMethodNotAllowed {
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	}

	// The caller may change its slice later; what is served stays the same.
	pipelines := []*holdfast.Pipeline{newPipeline(t, retry.Config{})}
	h = holdfast.Health(pipelines...)
	pipelines[0] = nil
	w, _ := get(t, h, http.MethodGet)
	require.Equal(t, http.StatusOK, w.Code)
}

func TestStatusAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, holdfast.SilenceUnclassified(), retry.Config{})
		s := holdfast.Check(t.Context(), p, func(context.Context) error { return errors.New("no such table") })
		s.Elapsed = 1500
		text, err := json.Marshal(s)
		require.NoError(t, err)
		require.JSONEq(t, `{"name": "payments", "state": "unhealthy", "why": "no such table", "reason": "unclassified", "elapsed_seconds": 0.0000015,
			"recent": {"window_seconds": 10, "calls": 1, "failed": 1, "refused": 0, "permanent": 0, "canceled": 0, "last_ago_seconds": 0,
				"reasons": {"unclassified": 1}, "unclassified": ["*errors.errorString \"no such table\""]}}`, string(text))
	})
	require.Equal(t, "unknown", holdfast.HealthState(9).String())
}

// Health serves the state of pipelines, for a dashboard or an alert.
func ExampleHealth() {
	payments := holdfast.Must(holdfast.New("payments", holdfast.Critical()...))
	catalog := holdfast.Must(holdfast.New("catalog", holdfast.Standard()...))

	mux := http.NewServeMux()
	mux.Handle("/health", holdfast.Health(payments, catalog))

	_, _ = payments.Tune(context.Background(), holdfast.Tuning{Isolate: []string{"payments"}})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", http.NoBody))
	var answer struct {
		State     string
		Pipelines []struct{ Name, State, Why string }
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	fmt.Println(w.Code, answer.State)
	for _, p := range answer.Pipelines {
		fmt.Println(p.Name, p.State, p.Why)
	}
	// Output:
	// 503 unhealthy
	// payments unhealthy breaker payments isolated by hand
	// catalog healthy
}

// Check calls the dependency, through the pipeline.
func ExampleCheck() {
	database := holdfast.Must(holdfast.New("database", retry.Custom(2, time.Millisecond, time.Second, true)))
	ping := func(context.Context) error { return fmt.Errorf("dial database: %w", syscall.ECONNREFUSED) }

	s := holdfast.Check(context.Background(), database, ping)
	fmt.Println(s.Name, s.State, s.Reason, errors.Is(s.Err, syscall.ECONNREFUSED))
	// Output: database unhealthy retries_exhausted true
}

// A number that is not a state has a name as well, and does not panic.
func TestNamesOfHealthStates(t *testing.T) {
	for number := range 256 {
		state := holdfast.HealthState(number)
		require.Equal(t, number > int(holdfast.Unhealthy), state.String() == "unknown", number)
	}
}
