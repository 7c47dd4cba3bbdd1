package holdfasthttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// protected returns handler inside p.
func protected(t testing.TB, p *holdfast.Pipeline, handler http.HandlerFunc, opts ...holdfasthttp.Option) http.Handler {
	t.Helper()
	protect, err := holdfasthttp.Middleware(p, opts...)
	require.NoError(t, err)
	return protect(handler)
}

// served returns what handler answers to a GET.
func served(t *testing.T, handler http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orders", http.NoBody))
	return w
}

func answer(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// never is a handler that must not run.
func never(t *testing.T) http.HandlerFunc {
	t.Helper()
	return func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") }
}

// refuses is a Guard that lets nobody in.
type refuses struct{ err error }

func (g refuses) Acquire(context.Context) error             { return g.err }
func (refuses) Release(context.Context, error)              {}
func (g refuses) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }
func (g refuses) stage() resilience.Stage                   { return resilience.Prebuilt(g) }
func openFor(t *testing.T, d time.Duration) *breaker.Breaker {
	t.Helper()
	b, err := breaker.New(breaker.Config{ConsecutiveFailures: 1, OpenFor: d, MaxOpenFor: d})
	require.NoError(t, err)
	_ = b.Do(t.Context(), func(context.Context) error { return io.ErrUnexpectedEOF })
	return b
}

func fullBulkhead(t *testing.T) *bulkhead.Bulkhead {
	t.Helper()
	b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, err)
	require.NoError(t, b.Acquire(t.Context()))
	return b
}

// Pins: what a client is told of each refusal. The handler does not run.
func TestMiddlewareRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		isolated, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		isolated.Isolate()
		queue, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, err)
		require.NoError(t, queue.Acquire(t.Context()))
		errNo := errors.New("no")
		for _, c := range []struct {
			name  string
			stage resilience.Stage
			code  int
			after int // seconds
		}{
			{"rate limit, 2.5 s", emptied(t, 0.4), 429, 3},
			{"rate limit, 2 s", emptied(t, 0.5), 429, 2},
			{"rate limit, 1 ms", emptied(t, 1000), 429, 1},
			{"bulkhead", fullBulkhead(t), 503, 1},
			{"breaker", openFor(t, 90*second), 503, 90},
			{"isolated breaker", isolated, 503, 1},
			{"guard", refuses{errNo}.stage(), 503, 1},
			{"guard with a pause", refuses{&resilience.CallError{
				Err: errNo, Judgment: resilience.Judgment{Retry: resilience.Rejected}, Pause: 4001 * ms,
			}}.stage(), 503, 5},
			{"guard that is a rate limit", refuses{&resilience.CallError{Err: errNo, Reason: resilience.ReasonRateLimited}}.stage(), 429, 1},
			{"a queue, until the pipeline's time is over", queue, 503, 1},
		} {
			p := newPipeline(t, deadline.In(second), c.stage)
			began := time.Now()

			w := served(t, protected(t, p, never(t)))

			require.Equal(t, c.code, w.Code, c.name)
			after, err := strconv.Atoi(w.Header().Get("Retry-After"))
			require.NoError(t, err, c.name)
			if c.after == 90 { // and a breaker's jitter
				require.InDelta(t, 105, after, 15)
			} else {
				require.Equal(t, c.after, after, c.name)
			}
			require.Len(t, w.Header()["Retry-After"], 1)
			require.Equal(t, http.StatusText(c.code)+"\n", w.Body.String())
			require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			require.Empty(t, w.Header().Get(holdfasthttp.GaveUpHeader), "another try may help")
			if c.stage == resilience.Stage(queue) {
				require.Equal(t, second, time.Since(began))
			}
		}
	})
}

// emptied is a rate limit whose tokens are used up.
func emptied(t *testing.T, rate float64) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(ratelimit.Config{Rate: rate, Burst: 1})
	require.NoError(t, err)
	require.NoError(t, l.Acquire(t.Context()))
	return l
}

// Pins: a client whose own time is over in a queue gets 504, and one who has left 503; neither
// reaches the handler, or a breaker.
func TestMiddlewareTooLateInTheQueue(t *testing.T) {
	for name, c := range map[string]struct {
		limit time.Duration // of the ctx; 0: it is canceled
		code  int
	}{"late": {second, 504}, "left": {0, 503}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				full, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
				require.NoError(t, err)
				require.NoError(t, full.Acquire(t.Context()))
				p := newPipeline(t, full, breaker.Config{ConsecutiveFailures: 1})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				if c.limit > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), c.limit)
				} else {
					time.AfterFunc(second, cancel)
				}
				defer cancel()
				w := httptest.NewRecorder()
				protected(t, p, never(t)).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
				require.Equal(t, c.code, w.Code)
				require.Equal(t, breaker.StateClosed, p.Breakers()[0].State())
			})
		})
	}
}

// Pins: a pipeline that may run a handler twice is refused, in words that say what to do.
func TestMiddlewareTakesNoLoop(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"a loop":           {deadline.In(second), retry.Config{}},
		"a patient loop":   {deadline.In(second), retry.Config{Patient: true}},
		"one retry":        {deadline.In(second), retry.Config{MaxRetries: 1}},
		"a loop, prebuilt": {deadline.In(second), prebuiltLoop(t)},
	} {
		_, err := holdfasthttp.Middleware(newPipeline(t, stages...))
		require.EqualError(t, err, `holdfasthttp: pipeline is "payments", which has a retry loop (stage 2); want one without, `+
			"since a handler cannot run twice: leave retry.Config and budget.Config out", name)
	}
	_, err := holdfasthttp.Middleware(newPipeline(t, holdfast.Critical()...), holdfasthttp.WithBase(stub{}))
	require.ErrorContains(t, err, "has a retry loop")
	require.ErrorContains(t, err, "WithBase is given to Middleware")
	_, err = holdfasthttp.Middleware(newPipeline(t, budget.Config{}, retry.Config{MaxRetries: retry.None}))
	require.NoError(t, err, "it makes one attempt")
	for name, option := range map[string]holdfasthttp.Option{
		"WithRefusal":        holdfasthttp.WithRefusal(func(http.ResponseWriter, *http.Request, int, error) {}),
		"WithClassifyStatus": holdfasthttp.WithClassifyStatus(func(*http.Request, int) resilience.Verdict { return resilience.Success }),
	} {
		_, err = holdfasthttp.NewTransport(newPipeline(t, retry.Config{}), option)
		require.ErrorContains(t, err, name+" is given to a Transport; leave it out: it is for a Middleware")
	}
}

func prebuiltLoop(t *testing.T) resilience.Stage {
	t.Helper()
	loop, err := retry.New(retry.Config{})
	require.NoError(t, err)
	return loop
}

// Pins: a handler runs once, even in a pipeline with a loop that WithPipelines chose, or that an
// Update put there.
func TestAHandlerRunsOnce(t *testing.T) {
	loop := retry.Config{BaseDelay: 1, MaxDelay: 1, RetryIf: func(error) bool { return true }}
	updated := newPipeline(t, bulkhead.Config{})
	for name, p := range map[string]*holdfast.Pipeline{"chosen": newPipeline(t, loop), "updated": updated} {
		runs := 0
		option := holdfasthttp.WithPipelines(func(*http.Request) *holdfast.Pipeline { return p })
		handler := protected(t, updated, func(w http.ResponseWriter, _ *http.Request) {
			runs++
			w.WriteHeader(http.StatusBadGateway)
		}, option)
		require.NoError(t, updated.Update(loop))
		w := served(t, handler)
		require.Equal(t, 1, runs, name)
		require.Equal(t, http.StatusBadGateway, w.Code, name)
		require.Equal(t, p.Snapshot().Calls, p.Snapshot().Attempts, "%s: the loop does not even pause", name)
		require.NoError(t, updated.Update(bulkhead.Config{}))
	}
}

// Pins: a request without a pipeline fails, and one for which None was chosen is served.
func TestMiddlewareChooses(t *testing.T) {
	full := newPipeline(t, fullBulkhead(t))
	keyed, err := holdfast.NewKeyed[string]("routes", holdfast.KeyedConfig{}, bulkhead.Config{})
	require.NoError(t, err)
	choose := func(r *http.Request) *holdfast.Pipeline {
		switch r.URL.Path {
		case "/healthz":
			return holdfast.None()
		case "/total":
			return keyed.Total()
		case "/orders":
			return full
		}
		return nil
	}
	var said logged
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(before)
	handler := protected(t, nil, answer(http.StatusAccepted), holdfasthttp.WithPipelines(choose))
	for path, want := range map[string]int{"/healthz": 202, "/orders": 503, "/total": 500, "/": 500} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		require.Equal(t, want, w.Code, path)
		require.Equal(t, want == 503, w.Header().Get("Retry-After") != "", path)
	}
	require.Contains(t, said.String(), "path=/ error=\"the pipeline for this call is nil")
	require.Contains(t, said.String(), "path=/total")
	require.NotContains(t, said.String(), "path=/orders", "a refusal is no news")
	_, err = holdfasthttp.Middleware(nil)
	require.EqualError(t, err, "holdfasthttp: pipeline is nil; want one made by holdfast.New")
}

// Pins: WithRefusal's func answers in the place of the Middleware. If it writes nothing, that is no
// 200.
func TestWithRefusal(t *testing.T) {
	problem := func(w http.ResponseWriter, r *http.Request, status int, err error) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"detail":%q,"instance":%q}`, status, resilience.ReasonOf(err), r.URL.Path)
	}
	p := newPipeline(t, fullBulkhead(t))
	w := served(t, protected(t, p, never(t), holdfasthttp.WithRefusal(problem)))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"status":503,"detail":"bulkhead_full","instance":"/orders"}`, w.Body.String())

	w = served(t, protected(t, p, never(t), holdfasthttp.WithRefusal(func(w http.ResponseWriter, _ *http.Request, _ int, _ error) {
		w.Header().Del("Retry-After")
	})))
	require.Equal(t, 503, w.Code)
	require.Empty(t, w.Header().Get("Retry-After"))
	require.Equal(t, "Service Unavailable\n", w.Body.String())
}
