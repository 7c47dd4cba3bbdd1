package routers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// router returns the framework's handler with protect in it. Its routes are GET /orders/{id},
// /stream, /ws, /panic, /fails and /slow.
type router func(protect func(http.Handler) http.Handler) http.Handler

// events is how many a stream sends.
const events = 3

// step lets a stream go on when the client has seen its last event.
type step chan struct{}

type stepKey struct{}

func (s step) wait(r *http.Request) {
	select {
	case <-s:
	case <-r.Context().Done():
	}
}

// echoes is a WebSocket that sends back what it gets.
func echoes(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, text, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, text) != nil {
			return
		}
	}
}

// server is a router on a real listener.
type server struct {
	*httptest.Server
	p    *holdfast.Pipeline
	next step

	mu   sync.Mutex
	said bytes.Buffer // by net/http
}

func (s *server) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(b)
}

// quiet fails if net/http had to complain: of a status that is written twice, for one.
func (s *server) quiet(t *testing.T) {
	t.Helper()
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Empty(t, s.said.String())
}

func serve(t *testing.T, routes router, p *holdfast.Pipeline) *server {
	t.Helper()
	protect, err := holdfasthttp.Middleware(p)
	require.NoError(t, err)
	s := &server{p: p, next: make(step)}
	s.Server = httptest.NewUnstartedServer(routes(protect))
	s.Config.ErrorLog = log.New(s, "", 0)
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), stepKey{}, s.next)))
	})
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	require.NoError(t, err)
	resp, err := s.Client().Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(text)
}

// failures is how many the breaker has counted.
func (s *server) failures() int { return int(s.p.Breakers()[0].Counts().Failures) }

func pipeline(stages ...resilience.Stage) *holdfast.Pipeline {
	return holdfast.Must(holdfast.New("orders", stages...))
}

func short() *holdfast.Pipeline {
	return pipeline(bulkhead.Config{}, breaker.Config{ConsecutiveFailures: 100}, deadline.In(20*time.Millisecond))
}

func long() *holdfast.Pipeline {
	return pipeline(bulkhead.Config{}, breaker.Config{ConsecutiveFailures: 100}, deadline.In(time.Minute))
}

// try tries what a router's users count on. slow is the status of a handler that returns when its
// ctx has ended.
func try(t *testing.T, routes router, slow int) {
	t.Helper()
	t.Run("a route's parameters", func(t *testing.T) {
		s := serve(t, routes, long())
		resp, text := s.get(t, "/orders/42")
		require.Equal(t, "200 42 true", fmt.Sprint(resp.StatusCode, " ", text))
		resp, _ = s.get(t, "/absent")
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
		resp, text = s.get(t, "/fails")
		require.Equal(t, http.StatusBadGateway, resp.StatusCode, text)
		require.Equal(t, 1, s.failures(), "the 502 alone")
		s.quiet(t)
	})
	t.Run("a stream", func(t *testing.T) {
		s := serve(t, routes, long())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/stream", http.NoBody)
		require.NoError(t, err)
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		lines := bufio.NewReader(resp.Body)
		for i := range events {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("data: %d\n", i), line)
			s.next <- struct{}{}
		}
		_, err = lines.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, resp.Body.Close())
		s.quiet(t)
		require.Zero(t, s.failures())
	})
	t.Run("a WebSocket", func(t *testing.T) {
		s := serve(t, routes, long())
		conn, _, err := websocket.Dial(t.Context(), strings.Replace(s.URL, "http", "ws", 1)+"/ws", &websocket.DialOptions{HTTPClient: s.Client()}) //nolint:bodyclose // it has none
		require.NoError(t, err)
		require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte("hello")))
		_, text, err := conn.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, "hello", string(text))
		require.Equal(t, 1, s.p.Snapshot().Bulkheads[0].InUse)
		require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
		require.Eventually(t, func() bool { return s.p.Snapshot().Bulkheads[0].InUse == 0 }, 10*time.Second, time.Millisecond)
		s.quiet(t)
		require.Zero(t, s.failures())
	})
	t.Run("a panic", func(t *testing.T) {
		s := serve(t, routes, long())
		for range 2 {
			resp, _ := s.get(t, "/panic")
			require.Equal(t, http.StatusInternalServerError, resp.StatusCode, "the framework's own recoverer")
		}
		require.Equal(t, 2, s.failures())
		require.Zero(t, s.p.Snapshot().Bulkheads[0].InUse)
		s.quiet(t)
	})
	t.Run("a deadline", func(t *testing.T) {
		s := serve(t, routes, short())
		resp, _ := s.get(t, "/slow")
		require.Equal(t, slow, resp.StatusCode)
		require.Equal(t, 1, s.failures())
		s.quiet(t)
	})
	t.Run("refusals", func(t *testing.T) {
		for code, stage := range map[int]resilience.Stage{
			http.StatusServiceUnavailable: full(t),
			http.StatusTooManyRequests:    ratelimit.Config{Rate: 0.001, Burst: 1},
		} {
			s := serve(t, routes, pipeline(stage))
			if code == http.StatusTooManyRequests {
				resp, _ := s.get(t, "/orders/1") // the only token
				require.Equal(t, http.StatusOK, resp.StatusCode)
			}
			resp, text := s.get(t, "/orders/42")
			require.Equal(t, code, resp.StatusCode)
			require.Equal(t, http.StatusText(code)+"\n", text)
			require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
			after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
			require.NoError(t, err)
			if code == http.StatusTooManyRequests {
				require.InDelta(t, 1000, after, 100, "less what the two requests took")
			} else {
				require.Equal(t, 1, after)
			}
			s.quiet(t)
		}
	})
}

// full is a bulkhead without a free place.
func full(t *testing.T) *bulkhead.Bulkhead {
	t.Helper()
	b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, err)
	require.NoError(t, b.Acquire(t.Context()))
	return b
}
