package fleet_test

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// relay is an address that leads to a server, by TLS or not, and to another one when it is told.
// Connections that are there stay where they are.
type relay struct {
	listener net.Listener
	all      sync.WaitGroup

	mu    sync.Mutex
	to    string
	tls   *tls.Config // of the relay; nil: none
	conns map[net.Conn]bool
	ended bool
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: listener, to: to, conns: map[net.Conn]bool{}}
	r.all.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.set(func() { r.ended = true })
		r.cut()
		r.all.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// cut closes all connections that are there.
func (r *relay) cut() {
	r.set(func() {
		for conn := range r.conns {
			_ = conn.Close()
		}
	})
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.all.Go(func() { r.serve(client) })
	}
}

func (r *relay) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // it is over
	var to string
	r.set(func() {
		to = r.to
		if r.tls != nil {
			client = tls.Server(client, r.tls)
		}
	})
	server, err := net.Dial("tcp", to) //nolint:noctx // it is on this machine
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // it is over
	ended := false
	r.set(func() {
		ended = r.ended
		r.conns[client], r.conns[server] = true, true
	})
	if ended {
		return
	}
	r.all.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
	r.set(func() {
		delete(r.conns, client)
		delete(r.conns, server)
	})
}
