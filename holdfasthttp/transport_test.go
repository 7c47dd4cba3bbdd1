package holdfasthttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
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
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Which statuses are retried, and which a breaker counts against the server.
func TestStatuses(t *testing.T) {
	for code, want := range map[int]struct{ retried, failure bool }{
		200: {false, false}, 204: {false, false}, 301: {false, false}, 304: {false, false},
		400: {false, false}, 401: {false, false}, 404: {false, false}, 409: {false, false}, 418: {false, false},
		408: {true, true}, 425: {true, true}, 429: {true, true}, 529: {true, true},
		500: {true, true}, 502: {true, true}, 503: {true, true}, 504: {true, true},
		501: {false, false}, 505: {false, false}, 507: {false, true}, 520: {false, true}, 600: {false, true}, 999: {false, true},
	} {
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		base := &answers{codes: []int{code}}
		rt := newTransport(t, newPipeline(t, soon(1), gate), holdfasthttp.WithBase(base))
		resp, err := rt.RoundTrip(newRequest(t, http.MethodGet, nil))
		require.NoError(t, err, "%d: a status is no error", code)
		require.Equal(t, code, resp.StatusCode)
		attempts := 1
		if want.retried {
			attempts = 2
		}
		require.Len(t, base.reqs, attempts, "%d", code)
		require.Equal(t, want.failure, gate.Counts().Failures > 0, "%d", code)
		require.Equal(t, want.failure, holdfasthttp.Stopped(resp) != nil, "%d", code)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "body", string(text), "%d: the last body is the caller's", code)
	}
}

func TestRetryStatuses(t *testing.T) {
	for _, c := range []struct {
		statuses       []int
		code, attempts int
	}{
		{[]int{404}, 404, 2},
		{[]int{501, 599}, 501, 2},
		{[]int{404}, 503, 1},
		{nil, 429, 1},
	} {
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		base := &answers{codes: []int{c.code}}
		rt := newTransport(t, newPipeline(t, soon(1), gate), holdfasthttp.WithBase(base), holdfasthttp.WithRetryStatuses(c.statuses...))
		resp, err := rt.RoundTrip(newRequest(t, http.MethodGet, nil))
		require.NoError(t, err)
		require.Equal(t, c.code, resp.StatusCode)
		require.Len(t, base.reqs, c.attempts, "%d with %v", c.code, c.statuses)
		require.EqualValues(t, c.attempts, gate.Counts().Failures, "%d is a failure, retried or not", c.code)
	}
}

func TestWhyItStopped(t *testing.T) {
	spent, err := budget.New(budget.Config{Initial: -1, Floor: -1})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		codes    []int
		method   string
		stages   []resilience.Stage
		reason   resilience.Reason
		is       error
		attempts int
	}{
		"exhausted":    {[]int{503}, "GET", []resilience.Stage{soon(2)}, resilience.ReasonExhausted, retry.ErrExhausted, 3},
		"budget":       {[]int{503}, "GET", []resilience.Stage{spent, soon(2)}, resilience.ReasonBudget, budget.ErrExhausted, 1},
		"breaker":      {[]int{503}, "GET", []resilience.Stage{soon(2), breaker.Config{ConsecutiveFailures: 2}}, resilience.ReasonBreakerOpen, breaker.ErrOpen, 2},
		"too late":     {[]int{503}, "GET", []resilience.Stage{deadline.In(time.Minute), retry.Config{BaseDelay: time.Hour, MaxDelay: time.Hour}}, resilience.ReasonTooLate, deadline.ErrTooLate, 1},
		"unsafe":       {[]int{503}, "POST", []resilience.Stage{soon(2)}, resilience.ReasonOutcomeUnknown, holdfasthttp.ErrNotIdempotent, 1},
		"unknown":      {[]int{503}, "POST", []resilience.Stage{soon(2)}, resilience.ReasonOutcomeUnknown, resilience.ErrOutcomeUnknown, 1},
		"not retried":  {[]int{507}, "GET", []resilience.Stage{soon(2)}, resilience.ReasonPermanent, nil, 1},
		"no loop":      {[]int{503}, "GET", []resilience.Stage{breaker.Config{}}, resilience.ReasonExhausted, nil, 1},
		"in the end":   {[]int{503, 507}, "GET", []resilience.Stage{soon(2)}, resilience.ReasonPermanent, retry.ErrNotRetryable, 2},
		"POST unknown": {[]int{507}, "POST", []resilience.Stage{soon(2)}, resilience.ReasonOutcomeUnknown, holdfasthttp.ErrNotIdempotent, 1},
	} {
		t.Run(name, func(t *testing.T) {
			base := &answers{codes: c.codes}
			client := &http.Client{Timeout: time.Hour, Transport: newTransport(t, newPipeline(t, c.stages...), holdfasthttp.WithBase(base))}
			resp, err := client.Do(newRequest(t, c.method, nil)) // a client with a Timeout wraps the body
			require.NoError(t, err)
			require.Equal(t, c.codes[len(c.codes)-1], resp.StatusCode)
			require.NoError(t, resp.Body.Close())
			why := holdfasthttp.Stopped(resp)
			require.Error(t, why)
			require.Equal(t, c.reason, resilience.ReasonOf(why))
			if c.is != nil {
				require.ErrorIs(t, why, c.is)
			}
			var status *holdfasthttp.StatusError
			require.ErrorAs(t, why, &status)
			require.Equal(t, resp.StatusCode, status.StatusCode)
			require.Len(t, base.reqs, c.attempts)
		})
	}
	require.NoError(t, holdfasthttp.Stopped(nil))
	require.NoError(t, holdfasthttp.Stopped(&http.Response{}))
}

// A 404 after a 503 ends the call, as a 200 does.
func TestAnOrdinaryEndAfterARetry(t *testing.T) {
	for _, code := range []int{200, 404} {
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(&answers{codes: []int{503, code}}))
		resp, err := rt.RoundTrip(newRequest(t, http.MethodGet, nil))
		require.NoError(t, err)
		require.Equal(t, code, resp.StatusCode)
		require.NoError(t, holdfasthttp.Stopped(resp))
	}
}

// The last attempt decides: if it had no response, an earlier response is not returned.
func TestAnErrorAfterAResponse(t *testing.T) {
	first := newBody("down")
	attempts := 0
	rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
		if attempts++; attempts == 1 {
			return response(503, first), nil
		}
		return nil, io.ErrUnexpectedEOF
	})))
	_, err := rt.RoundTrip(newRequest(t, http.MethodGet, nil))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, 1, first.closes())
}

func TestRefusalsAreErrors(t *testing.T) {
	gate, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	gate.Isolate()
	base := &answers{codes: []int{200}}
	rt := newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(base))
	b := newBody("order")
	req := newRequest(t, http.MethodPost, nil)
	req.Body = b
	_, err = rt.RoundTrip(req)
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.Empty(t, base.reqs)
	require.Equal(t, 1, b.closes(), "the body is closed though no attempt was made")
}

// Which requests are sent again after a 503.
func TestWhatMayBeRepeated(t *testing.T) {
	with := func(name, value string) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request { r.Header[name] = []string{value}; return r }
	}
	marked := func(is bool) func(*http.Request) *http.Request {
		mark := resilience.MarkOnce
		if is {
			mark = resilience.MarkIdempotent
		}
		return func(r *http.Request) *http.Request { return r.WithContext(mark(r.Context())) }
	}
	byPath := holdfasthttp.WithIdempotent(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/") && r.Method == "POST" })
	for _, c := range []struct {
		method   string
		change   func(*http.Request) *http.Request
		opts     []holdfasthttp.Option
		attempts int
	}{
		{"", nil, nil, 2},
		{"GET", nil, nil, 2},
		{"HEAD", nil, nil, 2},
		{"OPTIONS", nil, nil, 2},
		{"TRACE", nil, nil, 2},
		{"PUT", nil, nil, 2},
		{"DELETE", nil, nil, 2},
		{"PUT", with("If-Match", `"1"`), nil, 1},
		{"PUT", with("If-None-Match", "*"), nil, 1},
		{"PUT", with("if-none-match", "*"), nil, 1},
		{"PUT", with("X-Amz-If-Match-Size", "5"), nil, 1},
		{"PUT", with("X-If", "5"), nil, 2},
		{"PUT", with("Ifx", "5"), nil, 2},
		{"DELETE", with("If-Unmodified-Since", "Tue, 01 Dec 2026 00:00:00 GMT"), nil, 1},
		{"DELETE", with("If", "(<opaquelocktoken:1>)"), nil, 1},
		{"GET", with("If-None-Match", `"1"`), nil, 2},
		{"PUT", func(r *http.Request) *http.Request {
			r.Header = http.Header{"If-Match": {`"1"`}, "Idempotency-Key": {"1"}}
			return r
		}, nil, 2},
		{"POST", nil, nil, 1},
		{"PATCH", nil, nil, 1},
		{"CONNECT", nil, nil, 1},
		{"get", nil, nil, 1}, // methods are case-sensitive
		{"POST", with("Idempotency-Key", "1"), nil, 2},
		{"POST", with("Idempotency-Key", ""), nil, 1},
		{"POST", with("Idempotency-Key", " \t"), nil, 1},
		{"PATCH", with("Idempotency-Key", "1"), nil, 2},
		{"POST", with("X-Request-Id", "1"), nil, 1},
		{"POST", with("X-Request-Id", "1"), []holdfasthttp.Option{holdfasthttp.WithIdempotencyHeader("x-request-id")}, 2},
		{"POST", with("Idempotency-Key", "1"), []holdfasthttp.Option{holdfasthttp.WithIdempotencyHeader("x-request-id")}, 1},
		{"POST", marked(true), nil, 2},
		{"GET", marked(false), nil, 1},
		{"POST", nil, []holdfasthttp.Option{byPath}, 2},
		{"GET", nil, []holdfasthttp.Option{byPath}, 1},
		{"POST", marked(false), []holdfasthttp.Option{byPath}, 1},
	} {
		base := &answers{codes: []int{503}}
		// A RetryIf does not make an unsafe request safe.
		p := newPipeline(t, retry.Config{MaxRetries: 1, BaseDelay: 1, MaxDelay: 1, RetryIf: func(error) bool { return true }})
		req := newRequest(t, http.MethodGet, nil)
		req.Method = c.method
		if c.change != nil {
			req = c.change(req)
		}
		resp, err := newTransport(t, p, append(c.opts, holdfasthttp.WithBase(base))...).RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, 503, resp.StatusCode)
		require.Len(t, base.reqs, c.attempts, "%s", c.method)
	}
}

// No predicate of the pipeline, and no deadline of an attempt, makes a payment be sent twice,
// whatever the error is.
func TestAnUnsafeRequestIsNeverRepeated(t *testing.T) {
	always := retry.Config{MaxRetries: 3, BaseDelay: 1, MaxDelay: 1, RetryIf: func(error) bool { return true }}
	for name, failure := range map[string]func(*http.Request) error{
		"unknown":   func(*http.Request) error { return errors.New("who knows") },
		"reset":     func(*http.Request) error { return io.ErrUnexpectedEOF },
		"EOF":       func(*http.Request) error { return io.EOF },
		"marked":    func(*http.Request) error { return resilience.MarkTransient(errors.New("again")) },
		"timeout":   func(r *http.Request) error { <-r.Context().Done(); return context.Cause(r.Context()) },
		"http2 end": func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() },
		"nested": func(r *http.Request) error {
			<-r.Context().Done()
			return resilience.MarkTransient(context.DeadlineExceeded)
		},
		"its own": func(r *http.Request) error { <-r.Context().Done(); return errors.New("I was ended") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate, err := breaker.New(breaker.Config{})
				require.NoError(t, err)
				attempts := 0
				rt := newTransport(t, newPipeline(t, always, gate, deadline.In(time.Second)), holdfasthttp.WithBase(tripper(func(r *http.Request) (*http.Response, error) {
					attempts++
					return nil, failure(r)
				})))
				_, err = rt.RoundTrip(newRequest(t, http.MethodPost, strings.NewReader("charge")))
				require.Error(t, err)
				require.ErrorIs(t, err, holdfasthttp.ErrNotIdempotent)
				require.Equal(t, 1, attempts)
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.False(t, resilience.Unsent(err))
				require.EqualValues(t, 1, gate.Counts().Failures, "counts as a failure")
			})
		})
	}
}

// The caller's request is not changed, and its body is closed once.
func TestTheCallersRequestIsLeftAlone(t *testing.T) {
	base := &answers{codes: []int{503, 503, 200}}
	rt := newTransport(t, newPipeline(t, soon(2), deadline.In(time.Minute)), holdfasthttp.WithBase(base),
		holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader), holdfasthttp.WithTimeoutHeader(holdfasthttp.TimeoutHeader))
	original, replays := newBody("order"), 0
	req := newRequest(t, http.MethodPut, nil)
	req.Header.Set("Accept", "text/plain")
	req.Body = original
	req.GetBody = func() (io.ReadCloser, error) { replays++; return newBody("order"), nil }
	before := *req
	header := req.Header.Clone()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, header, req.Header)
	require.Equal(t, before.Body, req.Body)
	require.Equal(t, before.Context(), req.Context())
	require.Equal(t, 1, original.closes())
	require.Equal(t, 2, replays)
	for i, b := range base.bodies[:2] {
		require.Equal(t, 1, b.closes(), "response %d", i+1)
	}
	for i, want := range []string{"", "2", "3"} {
		require.Equal(t, want, base.reqs[i].Header.Get(holdfasthttp.AttemptHeader))
		require.Equal(t, "text/plain", base.reqs[i].Header.Get("Accept"))
		require.NotEmpty(t, base.reqs[i].Header.Get(holdfasthttp.TimeoutHeader))
	}
}

func TestBodies(t *testing.T) {
	boom := errors.New("the file is gone")
	for name, c := range map[string]struct {
		body    io.ReadCloser
		getBody func() (io.ReadCloser, error)
		sent    int
		is      error
	}{
		"none":             {nil, nil, 2, retry.ErrExhausted},
		"NoBody":           {http.NoBody, nil, 2, retry.ErrExhausted},
		"replayable":       {newBody("x"), func() (io.ReadCloser, error) { return newBody("x"), nil }, 2, retry.ErrExhausted},
		"of one use":       {newBody("x"), nil, 1, holdfasthttp.ErrNotReplayable},
		"fails to replay":  {newBody("x"), func() (io.ReadCloser, error) { return nil, boom }, 1, boom},
		"not used at once": {newBody(""), nil, 1, holdfasthttp.ErrNotReplayable},
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
				sent++
				return nil, io.ErrUnexpectedEOF
			})))
			req := newRequest(t, http.MethodPut, nil)
			req.Body, req.GetBody = c.body, c.getBody
			_, err := rt.RoundTrip(req)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.ErrorIs(t, err, c.is)
			require.Equal(t, c.sent, sent)
			if b, ok := c.body.(*body); ok {
				require.Equal(t, 1, b.closes())
			}
		})
	}
}

// However a call ends, its bodies are closed.
func TestBodiesAreClosedInEveryWay(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	panics := func(*http.Request) *holdfast.Pipeline { panic("choose") }
	for name, c := range map[string]struct {
		pipeline *holdfast.Pipeline
		opts     []holdfasthttp.Option
		ctx      context.Context
		panics   bool
	}{
		"the ctx had ended":        {newPipeline(t, soon(1)), nil, ended, false},
		"a bulkhead is full":       {full(t), nil, t.Context(), false},
		"choosing panics":          {nil, []holdfasthttp.Option{holdfasthttp.WithPipelines(panics)}, t.Context(), true},
		"a zero pipeline":          {nil, []holdfasthttp.Option{holdfasthttp.WithPipelines(func(*http.Request) *holdfast.Pipeline { return new(holdfast.Pipeline) })}, t.Context(), false},
		"no pipeline for the host": {nil, []holdfasthttp.Option{holdfasthttp.WithPipelines(func(*http.Request) *holdfast.Pipeline { return nil })}, t.Context(), false},
	} {
		t.Run(name, func(t *testing.T) {
			base := &answers{codes: []int{503}}
			b := newBody("order")
			req := newRequest(t, http.MethodPut, nil).WithContext(c.ctx)
			req.Body = b
			rt := newTransport(t, c.pipeline, append(c.opts, holdfasthttp.WithBase(base))...)
			send := func() {
				resp, err := rt.RoundTrip(req)
				if len(base.reqs) > 0 {
					require.NoError(t, err)
					require.Equal(t, 503, resp.StatusCode)
					return
				}
				require.Error(t, err)
			}
			if c.panics {
				require.Panics(t, send)
			} else {
				send()
			}
			require.Equal(t, 1, b.closes())
		})
	}
}

func full(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, err)
	require.NoError(t, b.Acquire(t.Context()))
	t.Cleanup(func() { b.Release(context.Background(), nil) })
	return newPipeline(t, b)
}

// A panic in a stage's callback leaves no response open.
func TestAPanicLeavesNothingOpen(t *testing.T) {
	base := &answers{codes: []int{503}}
	p := newPipeline(t, retry.Config{RetryIf: func(error) bool { panic("RetryIf") }})
	require.Panics(t, func() { _, _ = newTransport(t, p, holdfasthttp.WithBase(base)).RoundTrip(newRequest(t, "GET", nil)) })
	require.Equal(t, 1, base.bodies[0].closes())
}

// A caller whose ctx has ended gets an error, since the body of a response could not be read.
func TestTheCallerLeavesInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &answers{codes: []int{503}}
		rt := newTransport(t, newPipeline(t, retry.Config{BaseDelay: time.Minute, MaxDelay: time.Minute}), holdfasthttp.WithBase(base))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := rt.RoundTrip(newRequest(t, "GET", nil).WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		var status *holdfasthttp.StatusError
		require.ErrorAs(t, err, &status, "what the server had said is in it")
		require.Equal(t, 1, base.bodies[0].closes())
	})
}

// A base that breaks the contract of RoundTripper causes no panic.
func TestBasesThatBreakTheRules(t *testing.T) {
	rt := newTransport(t, newPipeline(t, soon(1), deadline.In(time.Minute)), holdfasthttp.WithBase(stub{}))
	_, err := rt.RoundTrip(newRequest(t, "GET", nil))
	require.ErrorContains(t, err, "neither a response nor an error")

	rt = newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(stub{&http.Response{StatusCode: 503}}))
	resp, err := rt.RoundTrip(newRequest(t, "GET", nil))
	require.NoError(t, err)
	require.NotNil(t, resp.Body)
	require.ErrorIs(t, holdfasthttp.Stopped(resp), retry.ErrExhausted)

	rt = newTransport(t, newPipeline(t, soon(1), deadline.In(time.Minute)), holdfasthttp.WithTimeoutHeader("T"))
	_, err = rt.RoundTrip(&http.Request{})
	require.Error(t, err)
}

// The stalled body of a discarded response does not delay a retry.
func TestDrainingIsBounded(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe()
			attempts := 0
			rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
				if attempts++; attempts == 1 {
					return response(503, r), nil // nothing ever comes
				}
				return response(200, newBody("ok")), nil
			})))
			start := time.Now()
			resp, err := rt.RoundTrip(newRequest(t, "GET", nil))
			require.NoError(t, err)
			require.Equal(t, 200, resp.StatusCode)
			require.Less(t, time.Since(start), time.Second)
			_, err = w.Write([]byte("x"))
			require.ErrorIs(t, err, io.ErrClosedPipe, "closed")
		})
	})
	t.Run("in bytes", func(t *testing.T) {
		for _, length := range []int64{-1, 1 << 30} {
			read := &long{}
			attempts := 0
			rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
				if attempts++; attempts == 1 {
					resp := response(503, io.NopCloser(read))
					resp.ContentLength = length
					return resp, nil
				}
				return response(200, newBody("ok")), nil
			})))
			_, err := rt.RoundTrip(newRequest(t, "GET", nil))
			require.NoError(t, err)
			require.LessOrEqual(t, read.n, 64<<10+1)
			require.Equal(t, length < 0, read.n > 0, "one that says that it is too long is not read")
		}
	})
}

// long is a body of 1 MiB.
type long struct{ n int }

func (l *long) Read(p []byte) (int, error) {
	if l.n >= 1<<20 {
		return 0, io.EOF
	}
	l.n += len(p)
	return len(p), nil
}

// A request uses the chosen pipeline, or the Transport's own. If both are nil, that is an error: a
// request is unprotected only on request.
func TestPipelinesByHost(t *testing.T) {
	a, b, own := newPipeline(t, soon(1)), newPipeline(t, soon(2)), newPipeline(t, soon(3))
	chosen := map[string]*holdfast.Pipeline{"a": a, "b": b, "plain": holdfast.None(), "zero": new(holdfast.Pipeline)}
	for name, c := range map[string]struct {
		p    *holdfast.Pipeline
		want map[string]int // attempts; 0: an error
	}{
		"with one of its own": {own, map[string]int{"a": 2, "b": 3, "plain": 1, "zero": 0, "other": 4}},
		"with none":           {holdfast.None(), map[string]int{"a": 2, "b": 3, "plain": 1, "zero": 0, "other": 1}},
		"without":             {nil, map[string]int{"a": 2, "b": 3, "plain": 1, "zero": 0, "other": 0}},
	} {
		for host, want := range c.want {
			base := &answers{codes: []int{503}}
			rt := newTransport(t, c.p, holdfasthttp.WithBase(base), holdfasthttp.WithPipelines(func(r *http.Request) *holdfast.Pipeline {
				return chosen[r.URL.Host]
			}))
			req := newRequest(t, "GET", nil)
			req.URL.Host = host
			body := newBody("order")
			if want == 0 {
				req.Body = body
			}
			resp, err := rt.RoundTrip(req)
			require.Len(t, base.reqs, want, "%s: %s", name, host)
			if want == 0 {
				require.ErrorContains(t, err, "holdfasthttp: the pipeline for this call is ", name)
				require.True(t, resilience.Unsent(err), name)
				require.Equal(t, 1, body.closes(), name)
				continue
			}
			require.NoError(t, err, name)
			require.Equal(t, 503, resp.StatusCode, name)
		}
	}
}

func TestOptions(t *testing.T) {
	p := newPipeline(t, soon(1))
	for want, c := range map[string]struct {
		p    *holdfast.Pipeline
		opts []holdfasthttp.Option
	}{
		"holdfasthttp: pipeline is nil; want one made by holdfast.New": {nil, nil},
		"pipeline is zero":      {new(holdfast.Pipeline), nil},
		"an option is nil":      {p, []holdfasthttp.Option{nil}},
		"WithBase is nil":       {p, []holdfasthttp.Option{holdfasthttp.WithBase((*http.Transport)(nil))}},
		"WithPipelines is nil":  {p, []holdfasthttp.Option{holdfasthttp.WithPipelines(nil)}},
		"WithIdempotent is nil": {p, []holdfasthttp.Option{holdfasthttp.WithIdempotent(nil)}},
		"WithRetryStatuses is 200; want a status from 400 to 599": {p, []holdfasthttp.Option{holdfasthttp.WithRetryStatuses(503, 200)}},
		"WithRetryStatuses is 600":                                {p, []holdfasthttp.Option{holdfasthttp.WithRetryStatuses(600)}},
		`WithIdempotencyHeader is ""`:                             {p, []holdfasthttp.Option{holdfasthttp.WithIdempotencyHeader("")}},
		`WithAttemptHeader is "a b"`:                              {p, []holdfasthttp.Option{holdfasthttp.WithAttemptHeader("a b")}},
		"WithClassifyResponse is nil":                             {p, []holdfasthttp.Option{holdfasthttp.WithClassifyResponse(nil)}},
		"WithBeforeAttempt is nil":                                {p, []holdfasthttp.Option{holdfasthttp.WithBeforeAttempt(nil)}},
		"WithBodyBuffer is 0; want a number of bytes above 0":     {p, []holdfasthttp.Option{holdfasthttp.WithBodyBuffer(0)}},
		"WithBodyBuffer is -1":                                    {p, []holdfasthttp.Option{holdfasthttp.WithBodyBuffer(-1)}},
		"WithUploadStall is 0s; want a positive duration":         {p, []holdfasthttp.Option{holdfasthttp.WithUploadStall(0)}},
		`WithTimeoutHeader is "ä"`:                                {p, []holdfasthttp.Option{holdfasthttp.WithTimeoutHeader("ä")}},
	} {
		_, err := holdfasthttp.NewClient(c.p, c.opts...)
		require.ErrorContains(t, err, want)
		var wrong *resilience.FieldError
		require.ErrorAs(t, err, &wrong)
	}
	_, err := holdfasthttp.NewTransport(nil, nil, holdfasthttp.WithBase(nil), holdfasthttp.WithRetryStatuses(1, 2))
	require.Equal(t, 5, strings.Count(err.Error(), "holdfasthttp: "), "all at once")
}

func TestCloseIdleConnections(t *testing.T) {
	base := &closer{}
	newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(base)).CloseIdleConnections()
	require.True(t, base.closed)
	newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(stub{})).CloseIdleConnections() // cannot
}

type closer struct {
	stub
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

// One Transport is used concurrently.
func TestConcurrentCalls(t *testing.T) {
	rt := newTransport(t, newPipeline(t, soon(3), deadline.In(time.Minute)), holdfasthttp.WithBase(tripper(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get(holdfasthttp.AttemptHeader) != "3" {
			return response(503, newBody("down")), nil
		}
		return response(200, newBody("ok")), nil
	})), holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader))
	failures := make(chan error)
	req := newRequest(t, "PUT", strings.NewReader(strings.Repeat("x", 100)))
	for range 20 {
		go func() {
			r := req.Clone(req.Context())
			r.Body, _ = req.GetBody()
			resp, err := rt.RoundTrip(r)
			if err == nil && resp.StatusCode != 200 {
				err = errors.New(resp.Status)
			}
			failures <- err
		}()
	}
	for range 20 {
		require.NoError(t, <-failures)
	}
}
