package holdfasthttp_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The function sees each response before the status counts, and may read some of its body; the
// caller gets the whole body.
func TestClassifyResponse(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	byBody := func(resp *http.Response) resilience.Verdict {
		text, _ := io.ReadAll(resp.Body)
		defer func() { _ = resp.Body.Close() }()
		switch {
		case strings.Contains(string(text), "secondary rate limit"):
			return resilience.Overload
		case strings.HasPrefix(string(text), `{"errors"`):
			return resilience.Transient
		case strings.HasPrefix(string(text), "gone"):
			return resilience.Success
		case strings.HasPrefix(string(text), "never"):
			return resilience.Permanent
		}
		return resilience.Unclassified
	}
	for name, c := range map[string]struct {
		code     int
		text     string
		attempts int
		failure  bool
	}{
		"GitHub's 403":       {403, "You have exceeded a secondary rate limit", 2, true},
		"an ordinary 403":    {403, "no", 1, false},
		"GraphQL's 200":      {200, `{"errors":[]}`, 2, true},
		"an ordinary 200":    {200, "{}", 1, false},
		"a 404 that is fine": {404, "gone", 1, false},
		"a 503 that is not":  {503, "never", 1, false},
		"a 503":              {503, "down", 2, true},
		"a long body":        {200, long, 1, false},
		"a long 503":         {503, long, 2, true},
		"no body":            {503, "", 2, true},
	} {
		overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
			answer := func(_ *faulty, w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.code)
				_, _ = io.WriteString(w, c.text)
			}
			server := newFaulty(t, nil, http2, answer, answer)
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			rt := newTransport(t, newPipeline(t, soon(1), gate, deadline.In(time.Minute)), holdfasthttp.WithBase(server.base(t, 0)),
				holdfasthttp.WithClassifyResponse(byBody))
			resp, err := (&http.Client{Transport: rt}).Get(server.URL)
			require.NoError(t, err, name)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, c.code, resp.StatusCode)
			require.Equal(t, c.text, string(text), name)
			require.Len(t, server.arrivals(), c.attempts, name)
			require.Equal(t, c.failure, gate.Counts().Failures > 0, name)
			require.Equal(t, c.failure, holdfasthttp.Stopped(resp) != nil, name)
		})
	}
}

// A verdict that says nothing about the server is ignored, and so is an invalid one: the status
// decides.
func TestClassifyResponseWithoutAWord(t *testing.T) {
	for _, word := range []resilience.Verdict{resilience.Unclassified, resilience.Canceled, resilience.Rejected, 99} {
		base := &answers{codes: []int{503, 200}}
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(base),
			holdfasthttp.WithClassifyResponse(func(*http.Response) resilience.Verdict { return word }))
		resp, err := rt.RoundTrip(newRequest(t, "GET", nil))
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode, "%v", word)
	}
}

// The attempt's deadline covers what the function reads. If the body fails, the caller gets the
// same error.
func TestClassifyResponseIsBounded(t *testing.T) {
	read := func(resp *http.Response) resilience.Verdict {
		_, err := io.ReadAll(resp.Body)
		if err != nil {
			return resilience.Transient
		}
		return resilience.Success
	}
	t.Run("a body that never comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var requests atomic.Int32
			for _, base := range []http.RoundTripper{serve(t, neverComes(true, &requests)), wrapping{serve2(t, neverComes(false, &requests))}} {
				start := time.Now()
				p := newPipeline(t, retry.Custom(1, ms, ms, false), deadline.In(second))
				_, err := newTransport(t, p, holdfasthttp.WithBase(base), holdfasthttp.WithClassifyResponse(read)).RoundTrip(newRequest(t, "GET", nil))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.LessOrEqual(t, time.Since(start), 2*second+300*ms)
			}
		})
	})
	t.Run("a body that breaks", func(t *testing.T) {
		server := newFaulty(t, nil, false, resetInBody, resetInBody)
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(server.base(t, 0)), holdfasthttp.WithClassifyResponse(read))
		resp, err := rt.RoundTrip(must(http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)))
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.Error(t, err)
		require.Equal(t, "half", string(text))
		require.NoError(t, resp.Body.Close())
		require.Len(t, server.arrivals(), 2)
	})
	t.Run("a panic", func(t *testing.T) {
		base := &answers{codes: []int{503}}
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(base),
			holdfasthttp.WithClassifyResponse(func(*http.Response) resilience.Verdict { panic("classify") }))
		require.PanicsWithValue(t, "classify", func() { _, _ = rt.RoundTrip(newRequest(t, "GET", nil)) })
		require.Equal(t, 1, base.bodies[0].closes())
	})
}
