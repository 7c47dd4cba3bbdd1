package holdfasthttp_test

import (
	"context"
	"errors"
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

// HTTP/2's error codes over the wire: a GET is sent again if that may help, and a marked charge
// only if the server says that it has not processed it.
func TestHowHTTP2EndsRequests(t *testing.T) {
	const protocolError, internalError, cancel, calm, refused = 0x1, 0x2, 0x8, 0xb, 0x7
	reset := func(code byte) func(*testing.T) (*http.Transport, *atomic.Int32) {
		return func(t *testing.T) (*http.Transport, *atomic.Int32) { t.Helper(); return resetStreams(t, code) }
	}
	away := func(last, code byte) func(*testing.T) (*http.Transport, *atomic.Int32) {
		return func(t *testing.T) (*http.Transport, *atomic.Int32) { t.Helper(); return goAway(t, last, code) }
	}
	for name, c := range map[string]struct {
		server func(*testing.T) (*http.Transport, *atomic.Int32)
		unsent bool
		last   resilience.Verdict
	}{
		"REFUSED_STREAM":              {reset(refused), true, resilience.Transient},
		"PROTOCOL_ERROR":              {reset(protocolError), false, resilience.Transient},
		"INTERNAL_ERROR":              {reset(internalError), false, resilience.Transient},
		"CANCEL":                      {reset(cancel), false, resilience.Transient},
		"ENHANCE_YOUR_CALM":           {reset(calm), false, resilience.Overload},
		"GOAWAY, not begun":           {away(0, 0), true, resilience.Transient},
		"GOAWAY, not begun, an error": {away(0, internalError), true, resilience.Transient},
		"GOAWAY, calm, an error":      {away(0, calm), true, resilience.Overload},
	} {
		for _, method := range []string{"PUT", "POST", "POST once"} {
			if method == "PUT" && (name == "PROTOCOL_ERROR" || name == "GOAWAY, not begun") {
				continue // net/http repeats these without end (golang/go#47635 has its reason)
			}
			t.Run(name+"/"+method, func(t *testing.T) {
				method, once := strings.CutSuffix(method, " once")
				synctest.Test(t, func(t *testing.T) {
					base, streams := c.server(t)
					p := newPipeline(t, retry.Custom(2, ms, ms, false))
					ctx, want := t.Context(), 3
					if method == "POST" {
						if once {
							ctx = resilience.MarkOnce(ctx)
						}
						if !c.unsent {
							want = 1
						}
					}
					rt := newTransport(t, p, holdfasthttp.WithBase(base))
					_, err := rt.RoundTrip(newRequest(t, method, strings.NewReader("10 EUR")).WithContext(ctx))
					require.Error(t, err)
					require.EqualValues(t, want, p.Snapshot().Attempts, "%v", err)
					require.Equal(t, c.unsent, resilience.Unsent(err), "%v", err)
					require.Equal(t, !c.unsent, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
					if method == "POST" {
						if c.unsent && !strings.HasSuffix(name, "an error") {
							want *= 2 // each attempt is repeated at once, as net/http does
						}
						require.EqualValues(t, want, streams.Load(), "net/http itself repeats none of them")
					}
					require.Equal(t, c.last, resilience.Judge(context.Background(), nil, err), "%v", err)
				})
			})
		}
	}
}

// What the inner of two Transports has proved, the outer does not doubt: an attempt of the inner
// one before, which had a connection as well, was refused likewise.
func TestARefusedStreamInATransportInATransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, _ := resetStreams(t, 0x7)
		within := newTransport(t, newPipeline(t, retry.Custom(1, ms, ms, false)), holdfasthttp.WithBase(base))
		p := newPipeline(t, retry.Custom(2, ms, ms, false))
		_, err := newTransport(t, p, holdfasthttp.WithBase(within)).RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")))
		require.True(t, resilience.Unsent(err), "%v", err)
		require.EqualValues(t, 3, p.Snapshot().Attempts)
	})
}

// Where net/http would repeat a request forever without a pause (golang/go#47635 says why), the
// attempt ends, and the loop decides, whether or not the pipeline derives a ctx.
func TestWhatNetHTTPRepeatsWithoutEnd(t *testing.T) {
	for name, server := range map[string]func(*testing.T) (*http.Transport, *atomic.Int32){
		"PROTOCOL_ERROR": func(t *testing.T) (*http.Transport, *atomic.Int32) { t.Helper(); return resetStreams(t, 1) },
		"GOAWAY":         func(t *testing.T) (*http.Transport, *atomic.Int32) { t.Helper(); return goAway(t, 0, 0) },
	} {
		for kind, req := range map[string]func() *http.Request{
			"GET":         func() *http.Request { return newRequest(t, "GET", strings.NewReader("order")) },
			"GET no body": func() *http.Request { return newRequest(t, "GET", nil) },
			"PUT":         func() *http.Request { return newRequest(t, "PUT", strings.NewReader("order")) },
		} {
			for limit, stages := range map[string][]resilience.Stage{
				"a deadline":  {deadline.In(time.Hour)},
				"no deadline": nil,
			} {
				t.Run(name+"/"+kind+"/"+limit, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						base, streams := server(t)
						p := newPipeline(t, append([]resilience.Stage{retry.Custom(2, ms, ms, false)}, stages...)...)
						_, err := newTransport(t, p, holdfasthttp.WithBase(base)).RoundTrip(req().WithContext(t.Context()))
						require.ErrorIs(t, err, retry.ErrExhausted)
						if name == "PROTOCOL_ERROR" && !repeatsProtocolErrors {
							require.EqualValues(t, 3, streams.Load(), "one for each attempt")
							return
						}
						require.ErrorContains(t, err, "net/http itself has sent the request 10 times")
						require.EqualValues(t, 3*10, streams.Load())
						require.NoError(t, t.Context().Err())
					})
				})
			}
		}
	}
}

// net/http would repeat these after PROTOCOL_ERROR, although the server has carried them out. A
// request that may not be repeated is sent once: a POST without a body, which has no GetBody to
// take away, and what only WithIdempotent says must not be repeated.
func TestNetHTTPDoesNotRepeatWhatMayNotBeRepeated(t *testing.T) {
	never := holdfasthttp.WithIdempotent(func(*http.Request) bool { return false })
	for name, c := range map[string]struct {
		method, body string
		once         bool
		options      []holdfasthttp.Option
	}{
		"POST, no body":                 {method: "POST"},
		"POST":                          {method: "POST", body: "10 EUR"},
		"POST once, no body":            {method: "POST", once: true},
		"PUT once":                      {method: "PUT", body: "10 EUR", once: true},
		"GET, not idempotent":           {method: "GET", options: []holdfasthttp.Option{never}},
		"PUT, not idempotent":           {method: "PUT", body: "10 EUR", options: []holdfasthttp.Option{never}},
		"DELETE, not idempotent":        {method: "DELETE", options: []holdfasthttp.Option{never}},
		"POST, no body, not idempotent": {method: "POST", options: []holdfasthttp.Option{never}},
	} {
		for _, foreign := range []bool{false, true} { // the base stands inside of one with traces, say
			for limit, stages := range map[string][]resilience.Stage{"a deadline": {deadline.In(time.Hour)}, "no deadline": nil} {
				t.Run(fmt.Sprintf("%s/foreign %v/%s", name, foreign, limit), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						transport, streams := resetStreams(t, 1)
						var base http.RoundTripper = transport
						if foreign {
							base = counting{base, new(atomic.Int32)}
						}
						ctx := t.Context()
						if c.once {
							ctx = resilience.MarkOnce(ctx)
						}
						var body io.Reader
						if c.body != "" {
							body = strings.NewReader(c.body)
						}
						p := newPipeline(t, append([]resilience.Stage{retry.Custom(2, ms, ms, false)}, stages...)...)
						_, err := newTransport(t, p, append(c.options, holdfasthttp.WithBase(base))...).RoundTrip(newRequest(t, c.method, body).WithContext(ctx))
						require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
						require.True(t, resilience.NoRetry(err), "%v", err)
						require.EqualValues(t, 1, streams.Load(), "%v", err)
					})
				})
			}
		}
	}
}

// If a server sends GOAWAY and then closes the connection, it may have carried out the request.
func TestGoAwayAfterTheRequestWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, streams := goAway(t, 1, 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := newTransport(t, newPipeline(t, soon(3)), holdfasthttp.WithBase(base)).RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")).WithContext(ctx))
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.False(t, resilience.Unsent(err))
		require.EqualValues(t, 1, streams.Load())
	})
}
