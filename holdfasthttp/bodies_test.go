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

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A body without GetBody is sent again as a whole if it fits into the buffer.
func TestBodyBuffer(t *testing.T) {
	for name, c := range map[string]struct {
		size, length int // length -1: not said
		attempts     int
	}{
		"small":                    {10, -1, 2},
		"empty":                    {0, -1, 2},
		"as large as the buffer":   {1000, 1000, 2},
		"of that size, not said":   {1000, -1, 2},
		"larger by a byte":         {1001, 1001, 1},
		"larger, and does not say": {1001, -1, 1},
		"much larger":              {100_000, -1, 1},
	} {
		overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
			text := strings.Repeat("x", c.size)
			server := newFaulty(t, nil, http2, status(503))
			rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(server.base(t, 0)), holdfasthttp.WithBodyBuffer(1000))
			b := newBody(text)
			req := must(http.NewRequestWithContext(t.Context(), "PUT", server.URL, nil))
			req.Body, req.ContentLength = b, int64(c.length)
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
			arrived := server.arrivals()
			require.Len(t, arrived, c.attempts, name)
			for _, a := range arrived {
				require.Equal(t, text, a.body, name)
			}
			require.Eventually(t, func() bool { return b.closes() == 1 }, 5*second, ms, name)
			if c.attempts == 1 {
				require.ErrorIs(t, holdfasthttp.Stopped(resp), holdfasthttp.ErrNotReplayable)
			}
		})
	}
}

// An error while a body is read into the buffer is the caller's fault: nothing is sent. The
// deadlines bound the reading.
func TestABodyThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		r, w := io.Pipe()
		for name, c := range map[string]struct {
			body io.ReadCloser
			is   error
		}{
			"fails":  {io.NopCloser(io.MultiReader(strings.NewReader("10"), failing{gone})), gone},
			"blocks": {r, context.DeadlineExceeded},
		} {
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			base := &answers{codes: []int{200}}
			rt := newTransport(t, newPipeline(t, deadline.In(3*second), retry.Custom(1, ms, ms, false), gate, deadline.In(second)), holdfasthttp.WithBase(base), holdfasthttp.WithBodyBuffer(1000))
			req := newRequest(t, "POST", nil)
			req.Body, req.ContentLength = c.body, -1
			start := time.Now()
			_, err = rt.RoundTrip(req)
			require.ErrorIs(t, err, c.is, name)
			require.Empty(t, base.reqs, name)
			require.True(t, resilience.Unsent(err), "%s: %v", name, err)
			require.LessOrEqual(t, time.Since(start), 3*second, name)
		}
		_ = w.Close()
	})
}

// The function is called for each attempt, with a copy of the request that it may sign anew.
func TestBeforeAttempt(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		server := newFaulty(t, nil, http2, status(503), status(503))
		rt := newTransport(t, newPipeline(t, soon(2), deadline.In(time.Minute)), holdfasthttp.WithBase(server.base(t, 0)),
			holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader),
			holdfasthttp.WithBeforeAttempt(func(req *http.Request, attempt int) error {
				req.Header.Set("Authorization", "signed "+strings.Repeat("!", attempt)+req.Header.Get(holdfasthttp.AttemptHeader))
				req.URL.Path = "/signed"
				return nil
			}))
		req := must(http.NewRequestWithContext(t.Context(), "PUT", server.URL, strings.NewReader("order")))
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Empty(t, req.Header)
		require.Empty(t, req.URL.Path)
		var got []string
		for _, a := range server.arrivals() {
			require.Equal(t, "order", a.body)
			got = append(got, a.header.Get("Authorization"))
		}
		require.Equal(t, []string{"signed !", "signed !!2", "signed !!!3"}, got)
	})
}

// If the function returns an error, nothing is sent, and the server is not at fault. A Transient
// error is retried, with the same body.
func TestBeforeAttemptFails(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		attempts int
	}{
		"nobody knows it": {errors.New("no key"), 1},
		"Permanent":       {resilience.MarkPermanent(errors.New("no key")), 1},
		"Transient":       {resilience.MarkTransient(errors.New("token service is down")), 2},
		"a timeout":       {context.DeadlineExceeded, 2},
	} {
		for _, always := range []bool{true, false} {
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			base := &answers{codes: []int{200}}
			attempts := 0
			rt := newTransport(t, newPipeline(t, soon(1), gate, deadline.In(time.Minute)), holdfasthttp.WithBase(base),
				holdfasthttp.WithBeforeAttempt(func(*http.Request, int) error {
					if attempts++; attempts > 1 && !always {
						return nil
					}
					return c.err
				}))
			b := newBody("order")
			req := newRequest(t, "POST", nil)
			req.Body = b // without GetBody
			_, err = rt.RoundTrip(req)
			require.Equal(t, c.attempts, attempts, name)
			require.Equal(t, 1, b.closes(), name)
			require.Zero(t, gate.Counts().Failures, name)
			if c.attempts == 2 && !always {
				require.NoError(t, err, name)
				require.Len(t, base.reqs, 1, name)
				continue
			}
			require.ErrorIs(t, err, c.err, name)
			require.True(t, resilience.Unsent(err), name)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown, name)
			require.Empty(t, base.reqs, name)
		}
	}
	rt := newTransport(t, newPipeline(t, soon(1), deadline.In(time.Minute)), holdfasthttp.WithBase(&answers{codes: []int{200}}),
		holdfasthttp.WithBeforeAttempt(func(*http.Request, int) error { panic("hook") }))
	b := newBody("order")
	req := newRequest(t, "POST", nil)
	req.Body = b
	require.PanicsWithValue(t, "hook", func() { _, _ = rt.RoundTrip(req) })
	require.Equal(t, 1, b.closes())
}

// drip is a body of n bytes, one each second.
type drip struct{ n int }

func (d *drip) Read(p []byte) (int, error) {
	if d.n == 0 {
		return 0, io.EOF
	}
	<-time.After(second)
	d.n--
	p[0] = 'x'
	return 1, nil
}

// With the option, an upload that makes progress outlives the attempt's deadline; one that stalls
// does not. The time for the response begins at the upload's end.
func TestUploadStall(t *testing.T) {
	for name, c := range map[string]struct {
		stall    time.Duration // 0: without the option
		answerIn time.Duration
		took     time.Duration
		err      error
	}{
		"covered by the deadline": {0, 0, 3 * second, context.DeadlineExceeded},
		"makes progress":          {1500 * ms, 0, 10 * second, nil},
		"and the answer is slow":  {1500 * ms, 2 * second, 12 * second, nil},
		"and the answer hangs":    {1500 * ms, time.Hour, 13 * second, context.DeadlineExceeded},
		"stalls":                  {500 * ms, 0, 3 * second, context.DeadlineExceeded},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(name+"/"+protocol(http2), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					handler := func(_ http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						select {
						case <-time.After(c.answerIn):
						case <-r.Context().Done():
						}
					}
					base := serve(t, handler)
					if http2 {
						base = serve2(t, handler)
					}
					opts := []holdfasthttp.Option{holdfasthttp.WithBase(base)}
					if c.stall > 0 {
						opts = append(opts, holdfasthttp.WithUploadStall(c.stall))
					}
					rt := newTransport(t, newPipeline(t, retry.Custom(0, 1, 1, false), deadline.In(3*second)), opts...)
					start := time.Now()
					resp, err := rt.RoundTrip(newRequest(t, "PUT", &drip{10}))
					require.ErrorIs(t, err, c.err)
					if err == nil {
						require.NoError(t, resp.Body.Close())
					}
					require.InDelta(t, c.took.Seconds(), time.Since(start).Seconds(), 1.1, "HTTP/1.1 waits for the body's Read")
					<-time.After(time.Minute) // for the body's own goroutine
				})
			})
		}
	}
}

// The ctx of the caller still ends an upload.
func TestTheCallerEndsAnUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		rt := newTransport(t, newPipeline(t, retry.Custom(0, 1, 1, false), deadline.In(second)), holdfasthttp.WithBase(base), holdfasthttp.WithUploadStall(time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), 5*second)
		defer cancel()
		start := time.Now()
		_, err := rt.RoundTrip(newRequest(t, "PUT", &drip{10}).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.InDelta(t, 5, time.Since(start).Seconds(), 1.1)
		<-time.After(time.Minute) // for the body's own goroutine
	})
}
