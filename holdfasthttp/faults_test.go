package holdfasthttp_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// faulty is a real server, over HTTP/1.1 or HTTP/2. For each request it runs the next fault of its
// script; after the last one, it answers 200 with "ok".
type faulty struct {
	*httptest.Server
	t      *testing.T
	script []fault
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)

	protocols *http.Protocols // nil for the transport's own choice

	mu    sync.Mutex
	seen  []arrival
	conns map[net.Conn]bool
}

// arrival is a request as the server got it.
type arrival struct {
	method, body string
	header       http.Header
}

// fault is something that a server does to a request, whose body it has read.
type fault func(s *faulty, w http.ResponseWriter, r *http.Request)

type connKey struct{}

// newFaulty starts a server on the network, TCP if it is nil.
func newFaulty(t *testing.T, network *memory, http2 bool, script ...fault) *faulty {
	t.Helper()
	s := &faulty{t: t, script: script, dial: new(net.Dialer).DialContext, conns: map[net.Conn]bool{}}
	s.Server = httptest.NewUnstartedServer(s)
	if network != nil {
		require.NoError(t, s.Listener.Close())
		s.Listener, s.dial = network, network.dial
	}
	s.Config.ErrorLog = quiet
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns[c] = true
		return context.WithValue(ctx, connKey{}, c)
	}
	switch {
	case !http2:
		s.Start()
	case network == nil:
		s.EnableHTTP2 = true
		s.StartTLS()
	default: // in memory, without TLS
		s.protocols = new(http.Protocols)
		s.protocols.SetUnencryptedHTTP2(true)
		s.Config.Protocols = s.protocols
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body) // a request that does not come whole is seen as far as it came
	s.mu.Lock()
	n := len(s.seen)
	s.seen = append(s.seen, arrival{r.Method, string(b), r.Header.Clone()})
	s.mu.Unlock()
	if n < len(s.script) {
		s.script[n](s, w, r)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

func (s *faulty) arrivals() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.seen...)
}

func (s *faulty) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// base returns a transport of its own for the server, whose first dials are refused.
func (s *faulty) base(t *testing.T, refusals int) *http.Transport {
	t.Helper()
	rt := s.Client().Transport.(*http.Transport).Clone()
	rt.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if refusals--; refusals >= 0 {
			addr = nobody
		}
		return s.dial(ctx, network, addr)
	}
	if s.protocols != nil {
		rt.Protocols = s.protocols
	}
	t.Cleanup(rt.CloseIdleConnections)
	return rt
}

// nobody is an address without a listener. (A port that was closed may be another program's soon.)
const nobody = "127.0.0.1:1"

// status answers with a status and headers (name, value, …).
func status(code int, header ...string) fault {
	return func(_ *faulty, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, http.StatusText(code))
	}
}

// reset breaks the connection without an answer, by RST.
func reset(s *faulty, _ http.ResponseWriter, r *http.Request) {
	require.NoError(s.t, tcp(r).SetLinger(0))
	hangUp(s, nil, r)
}

// hangUp closes the connection without an answer.
func hangUp(_ *faulty, _ http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(connKey{}).(net.Conn)
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	_ = conn.Close()
	panic(http.ErrAbortHandler)
}

func tcp(r *http.Request) *net.TCPConn {
	conn := r.Context().Value(connKey{}).(net.Conn)
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	return conn.(*net.TCPConn)
}

// hang sends nothing until the client gives up.
func hang(_ *faulty, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// resetInBody breaks the connection in the middle of the body.
func resetInBody(s *faulty, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "half")
	_ = http.NewResponseController(w).Flush()
	reset(s, w, r)
}

// slowBody sends the headers, and the body when gate is closed.
func slowBody(gate <-chan struct{}) fault {
	return func(_ *faulty, w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-gate:
			_, _ = io.WriteString(w, "slow")
		case <-r.Context().Done():
		}
	}
}

// hints sends informational responses before the answer.
func hints(_ *faulty, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.WriteHeader(http.StatusEarlyHints)
	w.WriteHeader(http.StatusProcessing)
	_, _ = io.WriteString(w, "ok")
}

// redirect sends the client on, body and all.
func redirect(_ *faulty, w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
}

// inDate is a Retry-After as a date.
func inDate(d time.Duration) string { return time.Now().UTC().Add(d).Format(http.TimeFormat) }

// quiet is the log of a server whose errors the test provokes: it drops them.
var quiet = log.New(io.Discard, "", 0)
