package holdfasthttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// blamed returns how many failures p's breaker has counted.
func blamed(p *holdfast.Pipeline) int { return int(p.Breakers()[0].Counts().Failures) }

// Pins: what a handler's response is to a breaker.
func TestWhatAHandlersResponseMeans(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		word    resilience.Verdict // of WithClassifyStatus; Unclassified: without
		failed  bool
		counted bool // as a success or as a failure
	}{
		"nothing written":      {func(http.ResponseWriter, *http.Request) {}, resilience.Unclassified, false, true},
		"200":                  {answer(200), resilience.Unclassified, false, true},
		"404":                  {answer(404), resilience.Unclassified, false, true},
		"429":                  {answer(429), resilience.Unclassified, false, true},
		"499":                  {answer(499), resilience.Unclassified, false, true},
		"500":                  {answer(500), resilience.Unclassified, true, true},
		"501":                  {answer(501), resilience.Unclassified, false, true},
		"502":                  {answer(502), resilience.Unclassified, true, true},
		"505":                  {answer(505), resilience.Unclassified, false, true},
		"599":                  {answer(599), resilience.Unclassified, true, true},
		"500 after 200":        {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x"); w.WriteHeader(500) }, resilience.Unclassified, false, true},
		"500 after hints":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(500) }, resilience.Unclassified, true, true},
		"500, said to be fine": {answer(500), resilience.Success, false, true},
		"500, not its fault":   {answer(500), resilience.Permanent, false, true},
		"500, said nothing":    {answer(500), resilience.Canceled, false, false},
		"500, Rejected":        {answer(500), resilience.Rejected, true, true},
		"404, said to be bad":  {answer(404), resilience.Transient, true, true},
		"200, overload":        {answer(200), resilience.Overload, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPipeline(t, breaker.Config{ConsecutiveFailures: 1000})
			var opts []holdfasthttp.Option
			if c.word != resilience.Unclassified {
				opts = append(opts, holdfasthttp.WithClassifyStatus(func(*http.Request, int) resilience.Verdict { return c.word }))
			}
			served(t, protected(t, p, c.handler, opts...))
			counts := p.Breakers()[0].Counts()
			require.Equal(t, c.failed, counts.Failures == 1)
			require.Equal(t, c.counted, counts.Requests == 1)
		})
	}
}

// odd is an error that cannot be compared.
type odd []int

func (odd) Error() string { return "odd" }

// Pins: a client that is gone says nothing about the server: whatever the handler writes then, and
// whoever's clock it was. A hostile header cannot open a breaker.
func TestAClientThatIsGoneCountsAsNothing(t *testing.T) {
	outer, err := deadline.New(deadline.In(ms)) // of a Middleware around this one
	require.NoError(t, err)
	for name, gone := range map[string]func(*http.Request) *http.Request{
		"left, with an odd cause": func(r *http.Request) *http.Request {
			ctx, cancel := context.WithCancelCause(r.Context())
			time.AfterFunc(ms, func() { cancel(odd{1}) })
			return r.WithContext(ctx)
		},
		"left, with a cause that says that nothing was asked": func(r *http.Request) *http.Request {
			ctx, cancel := context.WithCancelCause(r.Context())
			time.AfterFunc(ms, func() {
				cancel(&resilience.CallError{Err: io.EOF, Effect: resilience.EffectUnsent, Judgment: resilience.Judgment{Retry: resilience.Rejected}})
			})
			return r.WithContext(ctx)
		},
		"a deadline further out": func(r *http.Request) *http.Request {
			ctx, cancel := context.WithTimeoutCause(r.Context(), ms, outer.Cause())
			time.AfterFunc(second, cancel)
			return r.WithContext(ctx)
		},
		"left": func(r *http.Request) *http.Request {
			ctx, cancel := context.WithCancel(r.Context())
			time.AfterFunc(ms, cancel)
			return r.WithContext(ctx)
		},
		"its time is over": func(r *http.Request) *http.Request {
			r.Header.Set(holdfasthttp.TimeoutHeader, "1")
			return r
		},
	} {
		for what, handle := range map[string]http.HandlerFunc{
			"500":     answer(500),
			"nothing": func(http.ResponseWriter, *http.Request) {},
			"abort":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, // as a ReverseProxy does
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPipeline(t, ratelimit.Config{Rate: 1e-6, Burst: 3}, bulkhead.Config{MaxConcurrent: 1},
						breaker.Config{ConsecutiveFailures: 1}, deadline.In(second))
					handler := protected(t, p, func(w http.ResponseWriter, r *http.Request) {
						<-r.Context().Done()
						handle(w, r)
					}, holdfasthttp.WithClassifyStatus(func(*http.Request, int) resilience.Verdict {
						t.Error("there is nothing to classify")
						return resilience.Transient
					}))
					for range 3 {
						r := gone(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
						serve := func() { handler.ServeHTTP(httptest.NewRecorder(), r) }
						if what == "abort" {
							require.PanicsWithValue(t, http.ErrAbortHandler, serve)
						} else {
							serve()
						}
					}
					require.Zero(t, p.Breakers()[0].Counts().Requests)
					require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
					require.Less(t, p.Snapshot().RateLimits[0].Tokens, 1.0, "the handlers have run")
					require.Equal(t, uint64(3), p.Snapshot().Failed, "the caller did not get what it asked for")
				})
			})
		}
	}
}

// framework is a writer that knows its status, as gin's. Its handlers write to it directly.
type framework struct{ *httptest.ResponseRecorder }

func (w framework) Status() int   { return w.Code }
func (w framework) Written() bool { return w.Body.Len() > 0 }

// Pins: a late response that the handler wrote around the Middleware's writer is not written over.
func TestALateResponseOfAFramework(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := framework{httptest.NewRecorder()}
		p := newPipeline(t, breaker.Config{ConsecutiveFailures: 9}, deadline.In(second))
		protected(t, p, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			fmt.Fprint(w, "late")
		}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		require.Equal(t, "200 late", fmt.Sprint(w.Code, " ", w.Body.String()))
		require.Equal(t, 1, blamed(p))
	})
}

// Pins: if the server's own deadline was over before the client left, it is the server's failure.
func TestAClientThatLeavesAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, breaker.Config{ConsecutiveFailures: 9}, deadline.In(second))
		ctx, cancel := context.WithTimeout(t.Context(), 2*second)
		defer cancel()
		w := httptest.NewRecorder()
		protected(t, p, func(http.ResponseWriter, *http.Request) { <-time.After(3 * second) }).
			ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
		require.Equal(t, http.StatusGatewayTimeout, w.Code)
		require.Equal(t, 1, blamed(p))
	})
}

// Pins: a panic passes through as it is, and no place stays taken. It is a failure, whether the
// client is gone or not, except http.ErrAbortHandler when it is.
func TestAPanicLeavesNothingTaken(t *testing.T) {
	errBug := errors.New("a bug")
	for _, thrown := range []any{errBug, "text", []int{1}, http.ErrAbortHandler} {
		for _, gone := range []bool{false, true} {
			if err, ok := thrown.(error); ok && gone && err == http.ErrAbortHandler {
				continue
			}
			p := newPipeline(t, bulkhead.Config{MaxConcurrent: 1}, breaker.Config{ConsecutiveFailures: 9})
			ctx, cancel := context.WithCancel(t.Context())
			handler := protected(t, p, func(http.ResponseWriter, *http.Request) {
				if gone {
					cancel()
				}
				panic(thrown)
			})
			var caught any
			func() {
				defer func() { caught = recover() }()
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
			}()
			require.Equal(t, thrown, caught)
			cancel()
			require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
			require.Equal(t, 1, blamed(p))
		}
	}
}

// Pins: a deadline ends the ctx. It abandons no handler, as http.TimeoutHandler does
// (golang/go#34608, #9162): what it writes later is the response, and a panic is not lost.
func TestADeadlineAbandonsNoHandler(t *testing.T) {
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		opts   []holdfasthttp.Option
		code   int
		body   string
		failed bool
	}{
		"nothing written": {func(http.ResponseWriter, *http.Request) {}, nil, 504, "Gateway Timeout\n", true},
		"it answers late": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "late") }, nil, 200, "late", true},
		"it says 503":     {answer(503), nil, 503, "", true},
		"it is told that this is fine": {func(http.ResponseWriter, *http.Request) {}, []holdfasthttp.Option{
			holdfasthttp.WithClassifyStatus(func(_ *http.Request, status int) resilience.Verdict {
				if status != http.StatusGatewayTimeout {
					return resilience.Unclassified
				}
				return resilience.Success
			}),
		}, 504, "Gateway Timeout\n", false},
		"an answer of its own": {func(http.ResponseWriter, *http.Request) {}, []holdfasthttp.Option{
			holdfasthttp.WithRefusal(func(w http.ResponseWriter, _ *http.Request, status int, err error) {
				w.WriteHeader(status)
				fmt.Fprint(w, err)
			}),
		}, 504, "payments: deadline of 1s exceeded", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipeline(t, bulkhead.Config{}, breaker.Config{ConsecutiveFailures: 9}, deadline.In(second))
				began, inUse := time.Now(), 0
				var cause error
				w := served(t, protected(t, p, func(w http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					cause = context.Cause(r.Context())
					<-time.After(second) // it does not heed its ctx
					inUse = p.Snapshot().Bulkheads[0].InUse
					c.handle(w, r)
				}, c.opts...))
				require.ErrorIs(t, cause, context.DeadlineExceeded)
				require.Equal(t, 1, inUse, "its place is taken while it runs")
				require.Equal(t, 2*second, time.Since(began))
				require.Equal(t, c.code, w.Code)
				require.Equal(t, c.body, w.Body.String())
				require.Equal(t, c.failed, blamed(p) == 1)
				require.Zero(t, p.Snapshot().Bulkheads[0].InUse)

				require.PanicsWithValue(t, "late", func() {
					served(t, protected(t, p, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); panic("late") }))
				})
			})
		})
	}
}

// Pins: a refusal further in, of a route's own Middleware or of a client that the handler uses, is
// the handler's response to the outer one. It gives back its place (apache/dubbo#16455: a limit
// that was reached further in leaked it).
func TestALimitFurtherIn(t *testing.T) {
	full, limited := newPipeline(t, fullBulkhead(t)), newPipeline(t, emptied(t, 0.1))
	for name, c := range map[string]struct {
		handler http.Handler
		code    int
		failed  int
	}{
		"a route that is full":    {protected(t, full, never(t)), 503, 1},
		"a route's rate limit":    {protected(t, limited, never(t)), 429, 0},
		"a client's bulkhead":     {asks(full), 503, 1},
		"a client's rate limit":   {asks(limited), 503, 1},
		"a route without a limit": {protected(t, holdfast.None(), answer(http.StatusAccepted)), 202, 0},
	} {
		p := newPipeline(t, ratelimit.Config{Rate: 1e-6, Burst: 1}, bulkhead.Config{MaxConcurrent: 1}, breaker.Config{ConsecutiveFailures: 9})
		w := served(t, protected(t, p, c.handler.ServeHTTP))
		require.Equal(t, c.code, w.Code, name)
		require.Len(t, w.Header()["Retry-After"], min(1, c.code/400), name)
		require.Zero(t, p.Snapshot().Bulkheads[0].InUse, name)
		require.Equal(t, c.failed, blamed(p), name)
		require.Less(t, p.Snapshot().RateLimits[0].Tokens, 1.0, "%s: the handler has run, and its token is used", name)
	}
}

// asks is a handler that calls a dependency through p.
func asks(p *holdfast.Pipeline) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		holdfasthttp.WriteError(w, p.Do(r.Context(), func(context.Context) error { return nil }))
	}
}
