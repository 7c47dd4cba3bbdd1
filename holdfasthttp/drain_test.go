package holdfasthttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// stuck is a body whose Close waits for its Read, as a gzip reader's does.
type stuck struct {
	mu   sync.Mutex
	body io.ReadCloser
}

func (s *stuck) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Read(p)
}

func (s *stuck) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Close()
}

// wrapping is a base that wraps the bodies of another.
type wrapping struct{ http.RoundTripper }

func (w wrapping) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(r)
	if err == nil && resp.Body != http.NoBody {
		resp.Body = &stuck{body: resp.Body}
	}
	return resp, err
}

// neverComes answers 503 with a body that never comes.
func neverComes(gzip bool, requests *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if gzip {
			w.Header().Set("Content-Encoding", "gzip")
		}
		w.WriteHeader(503)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// A 503 whose body never arrives, and cannot be closed while it is read, delays a retry by at most
// 100 ms, whatever the protocol.
func TestABodyThatCannotBeClosed(t *testing.T) {
	for name, gzip := range map[string]bool{"gzip": true, "wrapped": false} {
		for _, http2 := range []bool{false, true} {
			t.Run(name+"/"+protocol(http2), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var requests atomic.Int32
					base := serve(t, neverComes(gzip, &requests))
					if http2 {
						base = serve2(t, neverComes(gzip, &requests))
					}
					var rt http.RoundTripper = base
					if !gzip {
						rt = wrapping{base}
					}
					p := newPipeline(t, deadline.In(2*second), retry.Custom(2, 10*ms, 10*ms, false), deadline.In(500*ms))
					start := time.Now()
					resp, err := newTransport(t, p, holdfasthttp.WithBase(rt)).RoundTrip(newRequest(t, "GET", nil))
					require.NoError(t, err)
					require.Equal(t, 503, resp.StatusCode)
					require.EqualValues(t, 3, requests.Load())
					require.LessOrEqual(t, time.Since(start), 2*(10+100+10)*ms, "two pauses, two drains")
					require.NoError(t, resp.Body.Close())
				})
			})
		}
	}
}

// The same if the pipeline has no deadline, so that it has no ctx to cancel. (Outside of a bubble,
// whose clock stops while a goroutine waits for a lock.)
func TestABodyThatCannotBeClosedWithoutDeadlines(t *testing.T) {
	overBoth(t, func(t *testing.T, http2 bool) { //nolint:thelper // the body of a subtest
		var requests atomic.Int32
		server := newFaulty(t, nil, http2)
		server.Config.Handler = neverComes(true, &requests)
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
		require.NoError(t, err)
		resp, err := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(server.base(t, 0))).RoundTrip(req)
		require.NoError(t, err, "or it would wait for ever")
		require.EqualValues(t, 3, requests.Load())
		cancel()
		_ = resp.Body.Close()
	})
}

// A deadline of the pipeline ends a drain sooner.
func TestADeadlineEndsADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(503)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		p := newPipeline(t, deadline.In(50*ms), retry.Custom(9, ms, ms, false))
		start := time.Now()
		_, err := newTransport(t, p, holdfasthttp.WithBase(base)).RoundTrip(newRequest(t, "GET", nil))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.LessOrEqual(t, time.Since(start), 60*ms)
	})
}

// A body of known length is read before the pause: other requests can use the connection meanwhile,
// and the caller who gets the response in the end gets the whole body.
func TestAPauseHoldsNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/well" {
				return
			}
			w.Header().Set("Retry-After", "30")
			w.Header().Set("Content-Length", "4")
			w.WriteHeader(503)
			_, _ = io.WriteString(w, "down")
		})
		base.MaxConnsPerHost = 1
		client := &http.Client{Transport: newTransport(t, newPipeline(t, retry.Custom(1, ms, ms, false)), holdfasthttp.WithBase(base))}
		slept := make(chan string)
		for range 2 {
			go func() {
				resp, err := client.Get("http://payments.example/down")
				if err != nil {
					slept <- err.Error()
					return
				}
				text, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				slept <- fmt.Sprint(string(text), err)
			}()
		}
		synctest.Wait()
		start := time.Now()
		resp, err := client.Get("http://payments.example/well")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Zero(t, time.Since(start), "two sleepers do not keep a healthy request waiting")
		for range 2 {
			require.Equal(t, "down<nil>", <-slept)
		}
		require.GreaterOrEqual(t, time.Since(start), 30*second)
	})
}

// panicking is a body that panics.
type panicking struct{ read, closed bool }

func (p panicking) Read(b []byte) (int, error) {
	if p.read {
		panic("Read")
	}
	return 0, io.EOF
}

func (p panicking) Close() error {
	if p.closed {
		panic("Close")
	}
	return nil
}

// If a body panics while a Transport reads or closes it, the panic reaches the caller, and does not
// end the process.
func TestBodiesThatPanic(t *testing.T) {
	for _, length := range []int64{-1, 4} {
		for _, b := range []panicking{{read: true}, {closed: true}} {
			attempts := 0
			rt := newTransport(t, newPipeline(t, soon(1)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
				if attempts++; attempts == 2 {
					return response(200, http.NoBody), nil
				}
				resp := response(503, b)
				resp.ContentLength = length
				return resp, nil
			})))
			func() {
				defer func() { require.NotNil(t, recover()) }()
				_, _ = rt.RoundTrip(newRequest(t, "GET", nil))
			}()
		}
	}
}

// A body that is shorter or longer than Content-Length is returned as it is.
func TestABodyOfTheWrongLength(t *testing.T) {
	for _, length := range []int64{2, 9} {
		resp := response(503, newBody("body"))
		resp.ContentLength = length
		got, err := newTransport(t, newPipeline(t, retry.Custom(0, 1, 1, false)), holdfasthttp.WithBase(stub{resp})).RoundTrip(newRequest(t, "GET", nil))
		require.NoError(t, err)
		text, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.Equal(t, "body", string(text))
		require.NoError(t, got.Body.Close())
	}
}
