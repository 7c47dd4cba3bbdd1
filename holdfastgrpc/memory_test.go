package holdfastgrpc_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
)

// serveInMemory is serve without a port, for a bubble of testing/synctest. There the network takes
// no time, so only the test decides whether an attempt has enough time.
func (b *bank) serveInMemory(t testing.TB, options ...grpc.ServerOption) *bank {
	t.Helper()
	b.memory = bufconn.Listen(64 << 10)
	return b.serveOn(t, b.memory, options...)
}

// dialInMemory is dial for a server by serveInMemory.
func dialInMemory(t *testing.T, server *bank, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return server.memory.DialContext(ctx) })
	return dial(t, "passthrough:memory", append([]grpc.DialOption{dialer}, options...)...)
}
