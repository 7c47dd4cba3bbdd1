package holdfasthttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
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

// A foreign base that calls no httptrace hooks proves nothing by that. One that calls them wrongly
// proves nothing about another request.
func TestABaseWithoutHooksProvesNothing(t *testing.T) {
	attempts := 0
	rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(tripper(func(r *http.Request) (*http.Response, error) {
		attempts++
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GetConn != nil {
			trace.GetConn("payments.example:80")
		}
		return nil, errors.New("Bad Gateway")
	})))
	_, err := rt.RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")))
	require.Equal(t, 1, attempts)
	require.False(t, resilience.Unsent(err))
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// If an attempt's deadline passes while the request waits for a connection, the charge was not
// sent.
func TestATimeoutBeforeAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := newMemory()
		served := 0
		server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }), ErrorLog: quiet}
		go func() { _ = server.Serve(network) }()
		defer func() { _ = server.Close() }()
		var dials atomic.Int32
		base := &http.Transport{DialContext: func(ctx context.Context, n, addr string) (net.Conn, error) {
			if dials.Add(1) <= 2 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return network.dial(ctx, n, addr)
		}}
		defer base.CloseIdleConnections()
		rt := newTransport(t, newPipeline(t, soon(3), deadline.In(second)), holdfasthttp.WithBase(base))
		start := time.Now()
		resp, err := rt.RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 1, served)
		require.GreaterOrEqual(t, time.Since(start), 2*second)

		dials.Store(-10)
		base.CloseIdleConnections()
		ctx, cancel := context.WithTimeoutCause(t.Context(), 500*ms, errors.New("no patience"))
		defer cancel()
		_, err = rt.RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, resilience.Unsent(err))
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, 1, served)
	})
}

// A failed dial inside another operation is not a failed dial of the request.
func TestADialThatIsNotTheRequests(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		err  error
		body io.Reader
	}{
		"one of several errors": {errors.Join(io.ErrUnexpectedEOF, refused), nil},
		"the last of a list":    {listOfTries{io.ErrUnexpectedEOF, refused}, nil},
		"the body's":            {nil, io.MultiReader(strings.NewReader("10 "), failing{refused})},
	} {
		t.Run(name, func(t *testing.T) {
			attempts := 0
			base := tripper(func(*http.Request) (*http.Response, error) { attempts++; return nil, c.err })
			rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(roundTripper(func(r *http.Request) (*http.Response, error) {
				if c.err == nil {
					attempts++
					_, err := io.Copy(io.Discard, r.Body)
					return nil, err
				}
				return base.RoundTrip(r)
			})))
			req := newRequest(t, "POST", nil)
			if c.body != nil {
				req.Body = io.NopCloser(c.body)
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(c.body), nil }
			}
			_, err := rt.RoundTrip(req)
			require.Equal(t, 1, attempts)
			require.False(t, resilience.Unsent(err))
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		})
	}
}

// listOfTries looks like the error of avast/retry-go v4: it has those of all tries, and wraps the
// last one.
type listOfTries []error

func (e listOfTries) Error() string { return "all tries failed" }
func (e listOfTries) Unwrap() error { return e[len(e)-1] }

// roundTripper is a func as a base. The func reads and closes the body itself.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// failing is a body that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// net/http repeats a GET whose reused connection broke. If the dial for that fails, the first GET
// may still have been carried out.
func TestADialAfterAHiddenRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where net/http is sure to reuse the connection
		server := newFaulty(t, newMemory(), false, status(200), hangUp)
		base := server.base(t, 0)
		dial := base.DialContext
		var dials atomic.Int32
		base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials.Add(1) > 1 {
				return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
			}
			return dial(ctx, network, addr)
		}
		rt := newTransport(t, newPipeline(t, onlyUnsent([]resilience.Stage{soon(3)})...), holdfasthttp.WithBase(base))
		get := func() error {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			resp, err := rt.RoundTrip(req)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			return err
		}
		require.NoError(t, get())
		err := get()
		require.ErrorContains(t, err, "dial")
		require.False(t, resilience.Unsent(err))
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Len(t, server.arrivals(), 2)
	})
}

// net/http's errors for HTTP/2 streams that the server has not processed, even if net/http could
// not send the body again.
func TestNotBegunInHTTP2(t *testing.T) {
	for text, unsent := range map[string]bool{
		"http2: Transport received Server's graceful shutdown GOAWAY":         true,
		"http2: Transport received GOAWAY from server ErrCode:PROTOCOL_ERROR": true,
		"http2: client conn not usable":                                       true,
		"http2: Transport: cannot retry err [http2: Transport received Server's graceful shutdown GOAWAY] after Request.Body was written; define Request.GetBody to avoid this error":   true,
		"http2: Transport: cannot retry err [stream error: stream ID 3; REFUSED_STREAM; received from peer] after Request.Body was written; define Request.GetBody to avoid this error": true,
		"http2: Transport: cannot retry err [stream error: stream ID 3; PROTOCOL_ERROR; received from peer] after Request.Body was written; define Request.GetBody to avoid this error": false,
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug="http2: Transport received Server's graceful shutdown GOAWAY"`:                    false,
		"net/http: cannot rewind body after connection loss": false,
	} {
		attempts := 0
		rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
			attempts++
			return nil, fmt.Errorf("%w", errors.New(text))
		})))
		_, err := rt.RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")))
		require.Equal(t, unsent, resilience.Unsent(err), text)
		require.Equal(t, strconv.FormatBool(unsent), strconv.FormatBool(attempts >= 2), text)
		require.Equal(t, !unsent, errors.Is(err, resilience.ErrOutcomeUnknown), text)
	}
}
