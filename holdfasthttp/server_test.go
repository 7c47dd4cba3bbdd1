package holdfasthttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newMiddleware(t *testing.T, opts ...holdfasthttp.Option) func(http.Handler) http.Handler {
	t.Helper()
	m, err := holdfasthttp.Middleware(holdfast.None(), opts...)
	require.NoError(t, err)
	return m
}

func TestMiddleware(t *testing.T) {
	for name, c := range map[string]struct {
		timeout, attempt []string
		own              time.Duration // the request's deadline without the header
		left             time.Duration // 0: none
		nth              int           // 0: the handler does not run
	}{
		"nothing":               {nil, nil, 0, 0, 1},
		"a timeout":             {[]string{"250"}, nil, 0, 250 * ms, 1},
		"it only shortens":      {[]string{"99999"}, nil, second, second, 1},
		"sooner than its own":   {[]string{"250"}, nil, second, 250 * ms, 1},
		"over":                  {[]string{"0"}, nil, 0, 0, 0},
		"its own is over":       {nil, nil, -second, 0, 0},
		"negative":              {[]string{"-1"}, nil, 0, 0, 1},
		"a fraction":            {[]string{"1.5"}, nil, 0, 0, 1},
		"empty":                 {[]string{""}, nil, 0, 0, 1},
		"twice":                 {[]string{"1", "2"}, nil, 0, 0, 1},
		"huge":                  {[]string{"99999999999999999999999999"}, nil, 0, 1_000_000 * second, 1},
		"the second attempt":    {nil, []string{"2"}, 0, 0, 2},
		"the first":             {nil, []string{"1"}, 0, 0, 1},
		"none that there is":    {nil, []string{"0"}, 0, 0, 1},
		"words":                 {nil, []string{"second"}, 0, 0, 1},
		"a timeout and a retry": {[]string{"250"}, []string{"3"}, 0, 250 * ms, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(t.Context())
				r.Header[holdfasthttp.TimeoutHeader], r.Header[holdfasthttp.AttemptHeader] = c.timeout, c.attempt
				if c.own != 0 {
					ctx, cancel := context.WithTimeout(r.Context(), c.own)
					defer cancel()
					r = r.WithContext(ctx)
				}
				nth, left := 0, time.Duration(0)
				handler := newMiddleware(t)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					nth = holdfasthttp.Attempt(r.Context())
					if at, ok := r.Context().Deadline(); ok {
						left = time.Until(at)
					}
				}))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				require.Equal(t, c.nth, nth)
				require.Equal(t, c.left, left)
				code := http.StatusOK
				if c.nth == 0 {
					code = http.StatusGatewayTimeout
				}
				require.Equal(t, code, w.Code)
			})
		})
	}
	require.Equal(t, 1, holdfasthttp.Attempt(t.Context()), "where there is no Middleware")
	for want, h := range map[int]http.Header{
		2: {"X-Envoy-Attempt-Count": {"2"}},
		3: {"X-Envoy-Attempt-Count": {"1"}, holdfasthttp.AttemptHeader: {"3"}},
		4: {"X-Envoy-Attempt-Count": {"4"}, holdfasthttp.AttemptHeader: {"3"}},
		1: {"X-Envoy-Attempt-Count": {"many"}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header = h
		got := 0
		newMiddleware(t)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = holdfasthttp.Attempt(r.Context())
		})).ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, want, got)
	}
}

func TestMiddlewareOptions(t *testing.T) {
	handler := newMiddleware(t, holdfasthttp.WithAttemptHeader("x-try"), holdfasthttp.WithTimeoutHeader("x-left"))(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, limited := r.Context().Deadline()
		fmt.Fprint(w, holdfasthttp.Attempt(r.Context()), limited)
	}))
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("X-Try", "4")
	r.Header.Set("X-Left", "1000")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, "4 true", w.Body.String())

	_, err := holdfasthttp.Middleware(holdfast.None(), nil, holdfasthttp.WithBase(stub{}), holdfasthttp.WithRetryStatuses(503), holdfasthttp.WithAttemptHeader(":"))
	for _, want := range []string{
		"an option is nil", "WithBase is given to Middleware; leave it out: it is for a Transport",
		"WithRetryStatuses is given to Middleware", `WithAttemptHeader is ":"`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestAHandlersPanicPasses(t *testing.T) {
	handler := newMiddleware(t)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	})
}

// Transport and Middleware, at both ends of a connection.
func TestClientAndServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		handler := newMiddleware(t)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			at, _ := r.Context().Deadline()
			got = append(got, fmt.Sprint(holdfasthttp.Attempt(r.Context()), " ", time.Until(at)))
			if len(got) < 3 {
				holdfasthttp.WriteError(w, resilience.MarkOverload(errors.New("no"), 1500*ms))
				return
			}
			fmt.Fprint(w, "ok")
		}))
		client, err := holdfasthttp.NewClient(
			newPipeline(t, deadline.In(10*second), retry.Custom(3, ms, ms, false), deadline.In(5*second)),
			holdfasthttp.WithBase(serve(t, handler.ServeHTTP)),
			holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader), holdfasthttp.WithTimeoutHeader(holdfasthttp.TimeoutHeader),
		)
		require.NoError(t, err)
		resp, err := client.Get("http://payments.example/")
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "ok", string(text))
		require.Equal(t, []string{"1 5s", "2 5s", "3 5s"}, got, "after pauses of 2 s, which 1.5 s is rounded up to")
	})
}

func TestWriteError(t *testing.T) {
	open := newPipeline(t, breaker.Config{ConsecutiveFailures: 1, OpenFor: time.Hour})
	_ = open.Do(t.Context(), func(context.Context) error { return io.ErrUnexpectedEOF })
	refusal := open.Do(t.Context(), func(context.Context) error { return nil })
	require.ErrorIs(t, refusal, breaker.ErrOpen)
	for name, c := range map[string]struct {
		err   error
		code  int
		after bool
	}{
		"nil":                 {nil, 200, false},
		"an open breaker":     {refusal, 503, true},
		"rejected":            {resilience.MarkRejected(errors.New("no")), 503, true},
		"overload":            {resilience.MarkOverload(errors.New("no"), 0), 429, false},
		"overload, come back": {resilience.MarkOverload(errors.New("no"), second), 429, true},
		"transient":           {io.ErrUnexpectedEOF, 502, false},
		"a timeout":           {os.ErrDeadlineExceeded, 504, false},
		"a deadline":          {context.DeadlineExceeded, 504, false},
		"permanent":           {errors.New("bug"), 500, false},
		"canceled":            {context.Canceled, 500, false},
	} {
		w := httptest.NewRecorder()
		holdfasthttp.WriteError(w, c.err)
		require.Equal(t, c.code, w.Code, name)
		require.Equal(t, c.after, w.Header().Get("Retry-After") != "", name)
		if c.err != nil {
			require.Equal(t, http.StatusText(c.code)+"\n", w.Body.String(), name)
		}
	}
	for pause, want := range map[time.Duration]string{1: "1", second: "1", second + 1: "2", 90 * second: "90"} {
		w := httptest.NewRecorder()
		holdfasthttp.WriteError(w, resilience.MarkOverload(errors.New("no"), pause))
		require.Equal(t, want, w.Header().Get("Retry-After"), "%v", pause)
	}
}
