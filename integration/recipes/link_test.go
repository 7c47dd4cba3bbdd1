package recipes

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// link is the network to a server, which a test can break.
type link struct {
	server string
	l      net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool // both ends of all connections
	down  bool
	lose  []byte // the answer to a message with this in it gets lost
	times int    // so often
}

// newLink listens on an address of its own, for connections to server.
func newLink(t *testing.T, server string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	k := &link{server: server, l: l, conns: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { k.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		k.cut()
		all.Wait()
	})
	return k
}

func (k *link) addr() string { return k.l.Addr().String() }

// cut ends all connections, and lets no more through until mend.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = true
	for conn := range k.conns {
		_ = conn.Close()
	}
}

func (k *link) mend() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = false
}

// loseAnswers makes the answer to a message with text in it get lost, together with the connection.
// The server has carried the message out by then.
func (k *link) loseAnswers(text string, times int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lose, k.times = []byte(text), times
}

// keep notes a connection, so that cut ends it. It reports false if the link is down.
func (k *link) keep(conn net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.down {
		k.conns[conn] = true
	}
	return !k.down
}

func (k *link) serve(client net.Conn) {
	defer client.Close() //nolint:errcheck // the test is about connections that break
	if !k.keep(client) {
		return
	}
	server, err := net.Dial("tcp", k.server)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // likewise
	if !k.keep(server) {
		return
	}
	var lost atomic.Bool // the next answer gets lost
	var up sync.WaitGroup
	up.Go(func() {
		defer server.Close() //nolint:errcheck // likewise
		pass(client, server, func(b []byte) bool {
			if k.loses(b) {
				lost.Store(true)
			}
			return true
		})
	})
	pass(server, client, func([]byte) bool { return !lost.Load() })
	_, _ = client.Close(), server.Close()
	up.Wait()
}

func (k *link) loses(message []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.times == 0 || !bytes.Contains(message, k.lose) {
		return false
	}
	k.times--
	return true
}

// pass copies from one connection to the other as long as admit agrees.
func pass(from, to net.Conn, admit func([]byte) bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !admit(buf[:n]) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
