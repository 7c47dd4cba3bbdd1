package holdfasthttp_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// Pins: a panic ends the response as net/http has it: it is logged, and http.ErrAbortHandler is
// not. The server goes on, and no place is taken.
func TestAPanicOverTheWire(t *testing.T) {
	for version, http2 := range versions {
		t.Run(version, func(t *testing.T) {
			p := newPipeline(t, bulkhead.Config{MaxConcurrent: 1}, deadline.In(time.Minute))
			server, said := listen(t, http2, protected(t, p, func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/abort" {
					panic(http.ErrAbortHandler)
				}
				panic("a bug")
			}))
			for range 3 {
				resp, err := server.Client().Do(requestTo(t, http.MethodPost, server.URL+"/abort", strings.NewReader("once")))
				if err == nil {
					_ = resp.Body.Close()
				}
				require.Error(t, err, "and not a 503")
			}
			require.Empty(t, said.String())
			resp, err := server.Client().Do(requestTo(t, http.MethodPost, server.URL+"/bug", strings.NewReader("once")))
			if err == nil {
				_ = resp.Body.Close()
			}
			require.Error(t, err)
			require.Eventually(t, func() bool { // by HTTP/2, the client knows before it is logged
				return strings.Contains(said.String(), "a bug") && strings.Contains(said.String(), "listener_ends_test.go")
			}, 10*time.Second, ms, "with the stack of the handler")
			require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
		})
	}
}

// Pins: clients that leave a reverse proxy in the middle of a body do not open the breaker. It
// panics then, by design.
func TestClientsThatLeaveAProxy(t *testing.T) {
	backend, _ := listen(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 1<<16))
			_ = http.NewResponseController(w).Flush()
		}
	}))
	to, err := url.Parse(backend.URL)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, ErrorLog: log.New(io.Discard, "", 0)}
	for version, http2 := range versions {
		t.Run(version, func(t *testing.T) {
			p := newPipeline(t, bulkhead.Config{}, breaker.Config{ConsecutiveFailures: 1}, deadline.In(time.Minute))
			server, _ := listen(t, http2, protected(t, p, proxy.ServeHTTP))
			for range 3 {
				resp, err := server.Client().Do(requestTo(t, http.MethodGet, server.URL, nil))
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, resp.StatusCode)
				_, err = io.CopyN(io.Discard, resp.Body, 1<<16)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
			}
			require.Eventually(t, func() bool { return p.Snapshot().Live == 0 }, 10*time.Second, ms)
			require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
			require.Zero(t, p.Breakers()[0].Counts().Requests)
		})
	}
}

// Pins: under overload by handlers that hang, an adaptive bulkhead refuses what is too much, at
// once; the server is not silent.
func TestOverloadOverTheWire(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		synctest.Test(t, func(t *testing.T) { // on a busy machine, requests would come one after the other
			p := newPipeline(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}, deadline.In(100*ms))
			said := &logged{}
			base := serveBy(t, http2, protected(t, p, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), log.New(said, "", 0))
			burst := func() (codes map[int]int) {
				codes = map[int]int{}
				var mu sync.Mutex
				var group sync.WaitGroup
				for range 40 {
					group.Go(func() {
						resp, err := base.RoundTrip(newRequest(t, http.MethodGet, nil))
						if err != nil {
							t.Error(err)
							return
						}
						_ = resp.Body.Close()
						mu.Lock()
						defer mu.Unlock()
						codes[resp.StatusCode]++
						if (resp.StatusCode == http.StatusServiceUnavailable) != (resp.Header.Get("Retry-After") == "1") {
							t.Error(errors.New("Retry-After: " + resp.Header.Get("Retry-After")))
						}
					})
				}
				group.Wait()
				return codes
			}
			burst()
			limit := p.Snapshot().Bulkheads[0].Limit
			require.Positive(t, limit, "slow failures in a row made a limit")
			codes := burst()
			require.Positive(t, codes[http.StatusServiceUnavailable])
			require.Positive(t, codes[http.StatusGatewayTimeout])
			require.Equal(t, 40, codes[http.StatusServiceUnavailable]+codes[http.StatusGatewayTimeout])
			require.Empty(t, said.String())
		})
	})
}

// brokenBody is an upstream's body that fails before its first byte, or panics.
type brokenBody struct{ panics bool }

func (b brokenBody) Read([]byte) (int, error) {
	if b.panics {
		panic("odd")
	}
	return 0, io.ErrUnexpectedEOF
}

// Pins: a copy of nothing is no response. A handler that passes on a body may still say that it got
// none, and that is what the breaker counts.
func TestACopyThatFailsAtOnce(t *testing.T) {
	for version, http2 := range versions {
		for name, c := range map[string]struct {
			body   io.Reader
			status int
			failed int
		}{
			"fails at once":   {brokenBody{}, 502, 1},
			"fails later":     {io.MultiReader(strings.NewReader("half"), brokenBody{}), 200, 0}, // the headers are sent
			"panics at once":  {brokenBody{panics: true}, 502, 1},
			"is empty":        {strings.NewReader(""), 502, 1},
			"is there, whole": {strings.NewReader("whole"), 200, 0},
		} {
			t.Run(version+", "+name, func(t *testing.T) {
				p := all(t)
				handler := func(w http.ResponseWriter, _ *http.Request) {
					defer func() {
						if recover() != nil {
							http.Error(w, "the upstream is odd", http.StatusBadGateway)
						}
					}()
					if n, err := io.Copy(w, c.body); err != nil || n == 0 {
						http.Error(w, "the upstream has no answer", http.StatusBadGateway)
					}
				}
				server, _ := listen(t, http2, protected(t, p, handler))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
				require.NoError(t, err)
				resp, _ := do(t, server, req)
				require.Equal(t, c.status, resp.StatusCode)
				require.Equal(t, c.failed, blamed(p))
			})
		}
	}
}
