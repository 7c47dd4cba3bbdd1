package holdfasthttp_test

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// column is a fault, which affects only the first attempt.
type column struct {
	name     string
	refusals int // of the dial
	script   []fault
	attempt  time.Duration // the attempt's deadline, if the fault is that it takes too long
}

var columns = []column{
	{name: "refused", refusals: 1},
	{name: "reset", script: []fault{reset}},
	{name: "EOF", script: []fault{hangUp}},
	{name: "slow headers", script: []fault{hang}, attempt: second},
	{name: "503", script: []fault{status(503)}},
	{name: "503, wait", script: []fault{status(503, "Retry-After", "0")}},
	{name: "429, date", script: []fault{status(429, "Retry-After", inDate(-time.Second))}},
	{name: "429, reset", script: []fault{status(429, "RateLimit-Reset", "0")}},
	{name: "429, quota", script: []fault{status(429, "RateLimit", `"q";r=0;t=0`)}},
	{name: "404", script: []fault{status(404)}},
}

// The kinds of bodies.
const (
	none    = "no body"
	bytes   = "bytes"    // with GetBody
	oneTime = "one-time" // without
)

// The headers that matter.
const (
	key  = "Idempotency-Key"
	cond = "If-Match"
)

// Each cell is the number of attempts of a request, over a real connection, with a fault in the
// first attempt: 2 means that it was sent again, and got its 200. (Faults that take time run in a
// bubble, over a network in memory.)
func TestMatrix(t *testing.T) {
	for _, row := range []struct {
		method, body string
		header       string // that it has
		want         string
	}{ //                   refused reset EOF slow 503 503w 429d 429r 429q 404
		{"GET", none, "", "     2     2   2    2   2    2    2    2    2   1"},
		{"HEAD", none, "", "    2     2   2    2   2    2    2    2    2   1"},
		{"GET", bytes, "", "    2     2   2    2   2    2    2    2    2   1"},
		{"PUT", bytes, "", "    2     2   2    2   2    2    2    2    2   1"},
		{"PUT", oneTime, "", "  1     1   1    1   1    1    1    1    1   1"},
		{"DELETE", none, "", "  2     2   2    2   2    2    2    2    2   1"},
		{"GET", none, cond, "     2     2   2    2   2    2    2    2    2   1"},
		{"PUT", bytes, cond, "    2     1   1    1   1    1    1    1    1   1"},
		{"DELETE", none, cond, "  2     1   1    1   1    1    1    1    1   1"},
		{"POST", none, "", "    2     1   1    1   1    1    1    1    1   1"},
		{"POST", bytes, "", "   2     1   1    1   1    1    1    1    1   1"},
		{"POST", bytes, key, "    2     2   2    2   2    2    2    2    2   1"},
		{"POST", oneTime, key, "  1     1   1    1   1    1    1    1    1   1"},
		{"PATCH", bytes, "", "  2     1   1    1   1    1    1    1    1   1"},
		{"PATCH", bytes, key, "   2     2   2    2   2    2    2    2    2   1"},
	} {
		cells := strings.Fields(row.want)
		require.Len(t, cells, len(columns))
		for i, c := range columns {
			for _, http2 := range []bool{false, true} {
				name := protocol(http2) + "/" + row.method + ", " + row.body
				if row.header != "" {
					name += ", " + row.header
				}
				cell := cell{row.method, row.body, row.header, http2, c, cells[i]}
				t.Run(name+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					if c.attempt == 0 {
						cell.test(t, nil)
						return
					}
					synctest.Test(t, func(t *testing.T) { cell.test(t, newMemory()) })
				})
			}
		}
	}
}

// cell is a request and the fault that it meets.
type cell struct {
	method, body, header string
	http2                bool
	column
	want string
}

func (c cell) test(t *testing.T, network *memory) {
	t.Helper()
	server := newFaulty(t, network, c.http2, c.script...)
	stages := []resilience.Stage{soon(1)}
	if c.attempt > 0 {
		stages = append(stages, deadline.In(c.attempt))
	}
	// The attempts are counted at the base, since a server does not see a refused dial.
	var sent atomic.Int32
	rt := newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(counting{server.base(t, c.refusals), &sent}))

	var b io.Reader
	switch c.body {
	case bytes:
		b = strings.NewReader("order")
	case oneTime:
		b = io.MultiReader(strings.NewReader("order"))
	}
	req, err := http.NewRequestWithContext(t.Context(), c.method, server.URL, b)
	require.NoError(t, err)
	if c.header != "" {
		req.Header.Set(c.header, `"1"`)
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}

	require.Equal(t, c.want, strconv.Itoa(int(sent.Load())), "attempts")
	arrived := server.arrivals()
	require.Len(t, arrived, int(sent.Load())-c.refusals, "attempts at the server")
	for _, a := range arrived {
		require.Equal(t, c.method, a.method)
		if b != nil {
			require.Equal(t, "order", a.body, "whole, every time")
		}
	}
	switch {
	case c.want == "2":
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
	case strings.HasPrefix(c.name, "5"), strings.HasPrefix(c.name, "4"):
		require.NoError(t, err)
		require.GreaterOrEqual(t, resp.StatusCode, 400)
	default:
		require.Error(t, err)
	}
}

// counting counts what is sent.
type counting struct {
	http.RoundTripper
	sent *atomic.Int32
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.sent.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

func protocol(http2 bool) string {
	if http2 {
		return "HTTP/2"
	}
	return "HTTP/1.1"
}

// overBoth runs a test over HTTP/1.1 and over HTTP/2.
func overBoth(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Helper()
	for _, http2 := range []bool{false, true} {
		t.Run(protocol(http2), func(t *testing.T) { test(t, http2) })
	}
}

// An error after the headers goes to the caller: to the pipeline, the response was a success.
func TestABrokenBodyIsNotRetried(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		server := newFaulty(t, nil, http2, resetInBody)
		rt := newTransport(t, newPipeline(t, soon(3), deadline.In(time.Minute)), holdfasthttp.WithBase(server.base(t, 0)))
		resp, err := (&http.Client{Transport: rt}).Get(server.URL)
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		require.Error(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, server.arrivals(), 1)
	})
}

func TestInformationalResponsesPass(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		server := newFaulty(t, nil, http2, status(503), hints)
		rt := newTransport(t, newPipeline(t, soon(3), deadline.In(time.Minute)), holdfasthttp.WithBase(server.base(t, 0)))
		var codes []int
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, _ textproto.MIMEHeader) error { codes = append(codes, code); return nil },
		})
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		require.NoError(t, err)
		resp, err := (&http.Client{Transport: rt}).Do(req)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "ok", string(text))
		require.Equal(t, []int{103, 102}, codes)
		require.Len(t, server.arrivals(), 2)
	})
}

// Each hop of a redirect is a call of its own.
func TestRedirects(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		server := newFaulty(t, nil, http2, status(503), redirect, status(503))
		p := newPipeline(t, soon(1))
		client := &http.Client{Transport: newTransport(t, p, holdfasthttp.WithBase(server.base(t, 0)))}
		req, err := http.NewRequestWithContext(t.Context(), "PUT", server.URL, strings.NewReader("order"))
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, "/elsewhere", resp.Request.URL.Path)
		arrived := server.arrivals()
		require.Len(t, arrived, 4)
		for _, a := range arrived {
			require.Equal(t, "order", a.body)
		}
		require.EqualValues(t, 2, p.Snapshot().Calls)
	})
}

// Pins: the connection of a discarded response is reused. 20 calls with 2 failures each need one.
// (In a bubble, since net/http gives up a connection on which it takes 50 ms to notice that a
// request was written.)
func TestConnectionsAreReused(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		synctest.Test(t, func(t *testing.T) {
			var script []fault
			for range 20 {
				script = append(script, status(503), status(503), status(200))
			}
			server := newFaulty(t, newMemory(), http2, script...)
			rt := newTransport(t, newPipeline(t, soon(2), deadline.In(time.Minute)), holdfasthttp.WithBase(server.base(t, 0)))
			client := &http.Client{Transport: rt}
			for range 20 {
				resp, err := client.Get(server.URL)
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode)
				_, err = io.Copy(io.Discard, resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
			}
			require.Len(t, server.arrivals(), 60)
			require.Equal(t, 1, server.connections())
		})
	})
}

// x509 errors and malformed URLs are not retried.
func TestWhatNeverWorks(t *testing.T) {
	server := newFaulty(t, nil, true)
	var sent atomic.Int32
	strict := &http.Transport{} // does not know the server's certificate
	t.Cleanup(strict.CloseIdleConnections)
	client := &http.Client{Transport: newTransport(t, newPipeline(t, soon(3)), holdfasthttp.WithBase(counting{strict, &sent}))}
	for _, url := range []string{server.URL, "gopher://payments.example", "http://"} {
		sent.Store(0)
		_, err := client.Get(url) //nolint:bodyclose // there is none
		require.Error(t, err)
		require.LessOrEqual(t, sent.Load(), int32(1), url)
	}
	require.Empty(t, server.arrivals())
}
