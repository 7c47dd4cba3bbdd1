package examples

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// CutFirst forwards TCP connections to upstream, except that it cuts the first n as soon as they
// have come: what a server that is just starting does. It is for the tests of the programs here.
// accepted counts all of them. It ends with the test.
func CutFirst(t *testing.T, n int, upstream string) (addr string, accepted *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted = new(atomic.Int64)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			if accepted.Add(1) <= int64(n) {
				_ = client.Close()
				continue
			}
			running.Go(func() { forward(client, upstream) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String(), accepted
}

// forward copies in both directions, until both sides have closed.
func forward(client net.Conn, upstream string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}
