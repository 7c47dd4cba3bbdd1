package holdfasthttp_test

import (
	"bufio"
	"context"
	"fmt"
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
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// If a server hangs, the attempt ends exactly at its deadline, and the request is sent again.
func TestSlowHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if requests++; requests <= 2 {
				<-r.Context().Done()
				return
			}
			fmt.Fprint(w, "ok")
		})
		p := newPipeline(t, deadline.In(time.Minute), retry.Custom(3, second, second, false), deadline.In(500*ms))
		start := time.Now()
		req := newRequest(t, "GET", nil)
		resp, err := newTransport(t, p, holdfasthttp.WithBase(base)).RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, 200, resp.StatusCode)
		require.Same(t, req, resp.Request, "the caller's, not the attempt's")
		require.Equal(t, 3*second, time.Since(start), "two attempts of 500 ms, two pauses of 1 s")
		require.NoError(t, resp.Body.Close())

		requests = -10
		start = time.Now()
		_, err = newTransport(t, p, holdfasthttp.WithBase(base)).RoundTrip(newRequest(t, "GET", nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, 5*second, time.Since(start), "four attempts, three pauses")
	})
}

// The same over real connections.
func TestSlowHeadersOverTCP(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		server := newFaulty(t, nil, http2, hang)
		rt := newTransport(t, newPipeline(t, soon(50), deadline.In(second)), holdfasthttp.WithBase(server.base(t, 0)))
		resp, err := (&http.Client{Transport: rt}).Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
		require.GreaterOrEqual(t, len(server.arrivals()), 2)
	})
}

// slowly sends the headers at once and a line each second.
func slowly(lines int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for range lines {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(second):
				fmt.Fprintln(w, "line")
			case <-r.Context().Done():
				return
			}
		}
	}
}

// The deadlines bound the headers; the body is read under the caller's ctx.
func TestABodyOutlivesTheDeadlines(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"of the attempt": {retry.Config{}, deadline.In(second)},
		"of the call":    {deadline.In(second), retry.Config{}},
		"of both":        {deadline.In(2 * second), retry.Config{}, deadline.In(second)},
		"of a client":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &http.Client{}
				if stages == nil {
					client.Timeout = time.Hour
					stages = []resilience.Stage{retry.Config{}, deadline.In(second)}
				}
				client.Transport = newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(serve(t, slowly(10))))
				start := time.Now()
				resp, err := client.Get("http://payments.example/")
				require.NoError(t, err)
				require.Zero(t, time.Since(start))
				text, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, strings.Repeat("line\n", 10), string(text))
				require.Equal(t, 10*second, time.Since(start))
			})
		})
	}
}

func TestTheCallersEndCutsTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := newTransport(t, newPipeline(t, retry.Config{}, deadline.In(second)), holdfasthttp.WithBase(serve(t, slowly(10))))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3500*ms, cancel)
		start := time.Now()
		resp, err := rt.RoundTrip(newRequest(t, "GET", nil).WithContext(ctx))
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, strings.Repeat("line\n", 3), string(text))
		require.Equal(t, 3500*ms, time.Since(start))
		require.NoError(t, resp.Body.Close())
	})
}

// The same over real connections, HTTP/2 too: the attempt's ctx has ended when RoundTrip returns,
// and the body comes after that.
func TestASlowBodyIsReadWhole(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		gate := make(chan struct{})
		server := newFaulty(t, nil, http2, slowBody(gate))
		p := newPipeline(t, soon(1), deadline.In(time.Minute))
		rt := newTransport(t, p, holdfasthttp.WithBase(server.base(t, 0)))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		close(gate)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "slow", string(text))
		require.Len(t, server.arrivals(), 1)
	})
}

// A client's Timeout bounds the retries too: a pause that would outlast it is not begun.
func TestAClientsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { requests++; w.WriteHeader(503) })
		p := newPipeline(t, retry.Custom(9, second, time.Minute, false))
		client := &http.Client{Timeout: 5 * second, Transport: newTransport(t, p, holdfasthttp.WithBase(base))}
		start := time.Now()
		resp, err := client.Get("http://payments.example/")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 503, resp.StatusCode)
		require.ErrorIs(t, holdfasthttp.Stopped(resp), deadline.ErrTooLate)
		require.Equal(t, 3*second, time.Since(start), "pauses of 1 s and 2 s; the next would take 4 s")
		require.Equal(t, 3, requests)
	})
}

// A response after the attempt's end is too late.
func TestAResponseAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []*body
		rt := newTransport(t, newPipeline(t, soon(1), deadline.In(second)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
			<-time.After(2 * second) // it does not heed its ctx
			b := newBody("late")
			bodies = append(bodies, b)
			return response(200, b), nil
		})))
		_, err := rt.RoundTrip(newRequest(t, "GET", nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, bodies, 2)
		for _, b := range bodies {
			require.Equal(t, 1, b.closes())
		}
	})
}

// After the body has ended, nothing holds the attempt's ctx.
func TestTheAttemptIsLetGoOf(t *testing.T) {
	for name, end := range map[string]func(*http.Response){
		"read":   func(r *http.Response) { _, _ = io.Copy(io.Discard, r.Body) },
		"closed": func(r *http.Response) { _ = r.Body.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			base := &answers{codes: []int{200}}
			rt := newTransport(t, newPipeline(t, soon(1), deadline.In(time.Hour)), holdfasthttp.WithBase(base))
			resp, err := rt.RoundTrip(newRequest(t, "GET", nil))
			require.NoError(t, err)
			require.NoError(t, base.reqs[0].Context().Err())
			_, limited := base.reqs[0].Context().Deadline()
			require.False(t, limited, "the body has no deadline")
			end(resp)
			require.Error(t, base.reqs[0].Context().Err())
		})
	}
}

// 101 Switching Protocols: the body stays a connection to write to.
func TestUpgrades(t *testing.T) {
	server := newFaulty(t, nil, false, status(503), func(s *faulty, w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	})
	for name, stages := range map[string][]resilience.Stage{
		"with a deadline": {soon(1), deadline.In(time.Minute)},
		"without":         {soon(1)},
	} {
		t.Run(name, func(t *testing.T) {
			server.mu.Lock()
			server.seen = nil
			server.mu.Unlock()
			rt := newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(server.base(t, 0)))
			req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
			require.NoError(t, err)
			req.Header.Set("Connection", "Upgrade")
			req.Header.Set("Upgrade", "echo")
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
			conn, ok := resp.Body.(io.ReadWriteCloser)
			require.True(t, ok)
			_, err = io.WriteString(conn, "hello\n")
			require.NoError(t, err)
			line, err := bufio.NewReader(conn).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "hello\n", line)
			require.NoError(t, conn.Close())
		})
	}
}

// HTTP/2's REFUSED_STREAM proves that nothing was processed, so that even a POST is sent again.
// (The base tries it some more times itself.)
func TestRefusedStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, streams := refuseStreams(t)
		var sent atomic.Int32
		rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(counting{base, &sent}))
		_, err := rt.RoundTrip(newRequest(t, "POST", strings.NewReader("order")))
		require.ErrorContains(t, err, "REFUSED_STREAM")
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.EqualValues(t, 6, sent.Load(), "three attempts, of which each is repeated at once")
		require.GreaterOrEqual(t, streams.Load(), int32(3))
	})
}

// The timeout header has the time that is left until the nearest deadline.
func TestTimeoutHeader(t *testing.T) {
	for name, c := range map[string]struct {
		stages []resilience.Stage
		caller time.Duration
		want   []string
	}{
		"of the attempt":   {[]resilience.Stage{retry.Custom(1, second, second, false), deadline.In(500 * ms)}, 0, []string{"500", "500"}},
		"of the call":      {[]resilience.Stage{deadline.In(3 * second), retry.Custom(1, second, second, false)}, 0, []string{"3000", "2000"}},
		"of the caller":    {[]resilience.Stage{retry.Custom(1, second, second, false)}, 1500 * ms, []string{"1500", "500"}},
		"of nobody":        {[]resilience.Stage{retry.Custom(1, second, second, false)}, 0, []string{"", ""}},
		"in whole numbers": {[]resilience.Stage{retry.Custom(0, second, second, false)}, 1500*ms + 999*time.Microsecond, []string{"1500"}},
		"hardly any":       {[]resilience.Stage{retry.Custom(0, second, second, false)}, time.Microsecond, []string{"0"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &answers{codes: []int{503}}
				rt := newTransport(t, newPipeline(t, c.stages...), holdfasthttp.WithBase(base), holdfasthttp.WithTimeoutHeader(holdfasthttp.TimeoutHeader))
				ctx := t.Context()
				if c.caller > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.caller)
					defer cancel()
				}
				_, err := rt.RoundTrip(newRequest(t, "GET", nil).WithContext(ctx))
				require.NoError(t, err)
				var got []string
				for _, r := range base.reqs {
					got = append(got, r.Header.Get(holdfasthttp.TimeoutHeader))
				}
				require.Equal(t, c.want, got)
			})
		})
	}
}
