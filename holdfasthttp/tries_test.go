package holdfasthttp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// again is a base with a loop of its own: it makes so many tries, and returns the last one's error.
type again struct {
	http.RoundTripper

	tries int
	err   error // what the last try fails with, instead of being made; may be nil
}

func (a again) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	for n := 1; ; n++ {
		if req.GetBody != nil {
			req.Body, _ = req.GetBody()
		}
		if n == a.tries && a.err != nil {
			if a.err == errGoingAway { //nolint:errorlint // the test's own
				httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{})
			}
			return nil, a.err
		}
		resp, err = a.RoundTripper.RoundTrip(req)
		if err == nil || n == a.tries {
			return resp, err
		}
		req = req.Clone(req.Context())
	}
}

// errGoingAway is what net/http says of a stream on a connection that it had.
var errGoingAway = errors.New("http2: Transport received Server's graceful shutdown GOAWAY")

// Pins: what the last try of a base's own loop fails with does not prove that a try before it was
// not carried out.
func TestABaseWithALoopOfItsOwn(t *testing.T) {
	proofs := map[string]error{
		"a dial that is refused": nil, // a real one
		"a SOCKS proxy":          &net.OpError{Op: "socks connect", Err: errors.New("connection not allowed by ruleset")},
		"a proxy":                &holdfasthttp.ProxyError{StatusCode: http.StatusForbidden},
		"a certificate":          &tls.CertificateVerificationError{Err: errors.New("unknown authority")},
		"an alert of TLS":        &net.OpError{Op: "remote error", Err: tls.AlertError(46)},
		"a stream refused":       errGoingAway,
	}
	for _, mark := range []string{"POST", "PUT once", "PUT only unsent"} {
		for name, err := range proofs {
			t.Run(mark+"/"+name, func(t *testing.T) {
				s := newFaulty(t, nil, false, hangUp)
				base := s.base(t, 0)
				base.DisableKeepAlives = true
				var dials atomic.Int32
				base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if dials.Add(1) > 1 {
						addr = nobody
					}
					return s.dial(ctx, network, addr)
				}
				method, once, _ := strings.Cut(mark, " ")
				ctx, stages := t.Context(), []resilience.Stage{soon(2)}
				switch once {
				case "once":
					ctx = resilience.MarkOnce(ctx)
				case "only unsent":
					stages = onlyUnsent(stages)
				}
				rt := newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(again{base, 2, err}))
				req, err := http.NewRequestWithContext(ctx, method, s.URL, strings.NewReader("10 EUR"))
				require.NoError(t, err)
				_, err = rt.RoundTrip(req) //nolint:bodyclose // there is no response
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown, fmt.Sprint(err))
				require.False(t, resilience.Unsent(err))
				require.Len(t, s.arrivals(), 1, "paid once")
			})
		}
	}
}

// Pins: a base that makes one try, as one that is instrumented does, goes on to prove what it
// proved before.
func TestABaseAroundATransport(t *testing.T) {
	for _, method := range []string{"POST", "PUT"} {
		s := newFaulty(t, nil, false)
		rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(again{s.base(t, 2), 1, nil}))
		req, err := http.NewRequestWithContext(resilience.MarkOnce(t.Context()), method, s.URL, strings.NewReader("10 EUR"))
		require.NoError(t, err)
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err, "two dials that are refused")
		require.NoError(t, resp.Body.Close())
		require.Len(t, s.arrivals(), 1)
	}
}

// polling is a base that asks for the result many times after it has sent a request.
type polling struct{ http.RoundTripper }

func (p polling) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	for range 20 {
		if resp, err = p.RoundTripper.RoundTrip(req); err != nil {
			return nil, err
		}
		if _, err = io.Copy(io.Discard, resp.Body); err != nil {
			return nil, err
		}
		if req, err = http.NewRequestWithContext(req.Context(), http.MethodGet, req.URL.String(), nil); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// Pins: a base may need any number of requests for an answer. Only repeats by net/http itself are
// bounded.
func TestABaseThatPolls(t *testing.T) {
	s := newFaulty(t, nil, false)
	rt := newTransport(t, newPipeline(t, soon(2), deadline.In(time.Minute)), holdfasthttp.WithBase(polling{s.base(t, 0)}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader("10 EUR"))
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, s.arrivals(), 20)
}
