package money

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Router is an address behind which the server changes, as a failover has it. It is safe for
// concurrent use.
type Router struct {
	listener net.Listener
	mu       sync.Mutex
	to       string
	conns    map[net.Conn]struct{}
}

// NewRouter returns a Router to a server. It is closed, with its connections, when the test ends.
func NewRouter(t testing.TB, to string) *Router {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &Router{listener: l, to: to, conns: map[net.Conn]struct{}{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { r.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.Cut()
		serving.Wait()
	})
	return r
}

// Addr returns where the router listens.
func (r *Router) Addr() string { return r.listener.Addr().String() }

// Switch sends new connections to another server. Those that there are stay where they are.
func (r *Router) Switch(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

// Cut closes the connections that there are.
func (r *Router) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.Close()
	}
	clear(r.conns)
}

func (r *Router) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // nobody is left to be told
	r.mu.Lock()
	to := r.to
	r.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // likewise
	r.mu.Lock()
	r.conns[client], r.conns[server] = struct{}{}, struct{}{}
	r.mu.Unlock()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].Close()
			_ = pair[1].Close()
		})
	}
	both.Wait()
	r.mu.Lock()
	delete(r.conns, client)
	delete(r.conns, server)
	r.mu.Unlock()
}
