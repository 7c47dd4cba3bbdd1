package retries

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// wire is the network between a client and its server, in memory, so that all of it is in the
// bubble of one test. It counts what arrives, and says what fails.
type wire struct {
	spared   int64 // so many succeed
	failures int64 // so many fail after those
	sent     atomic.Int64
	conns    chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

// outage is more failures than any client has patience for.
const outage = 1000

func newWire(failures int64) *wire {
	return &wire{failures: failures, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// arrives counts a request, and reports whether it fails.
func (w *wire) arrives() (fails bool) {
	n := w.sent.Add(1)
	return n > w.spared && n <= w.spared+w.failures
}

// dial connects to whoever accepts.
func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case w.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

// dialUnlessRefused counts connections instead of requests: those that fail are refused.
func (w *wire) dialUnlessRefused(ctx context.Context, network, addr string) (net.Conn, error) {
	if w.arrives() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return w.dial(ctx, network, addr)
}

// Accept, Close and Addr make a wire a net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	select {
	case conn := <-w.conns:
		return conn, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// serve lets each connection be served until the test is over.
func (w *wire) serve(t *testing.T, one func(net.Conn)) {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := w.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				one(conn)
				_ = conn.Close()
			})
			all.Go(func() {
				<-w.closed
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = w.Close()
		all.Wait()
	})
}

// http answers requests with 503 as long as they fail, and then as ok does. It returns what
// connects to it.
func (w *wire) http(t *testing.T, ok http.HandlerFunc) *http.Transport {
	t.Helper()
	return w.httpWith(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }, ok)
}

func (w *wire) httpWith(t *testing.T, fail, ok http.HandlerFunc) *http.Transport {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if w.arrives() {
			fail(rw, req)
			return
		}
		ok(rw, req)
	})}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(w) })
	transport := &http.Transport{DialContext: w.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		served.Wait()
	})
	return transport
}

// says answers with JSON.
func says(body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(body))
	}
}
