//go:build !race

package holdfastgrpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A unary client call allocates only for the call options that report how it ended; a server's call
// allocates nothing.
func TestAllocations(t *testing.T) {
	p := pipeline(t, budget.Config{}, retry.Default(), breaker.Config{})
	client := unaryClientInterceptor(t, p)
	var header metadata.MD
	options := []grpc.CallOption{grpc.Header(&header), grpc.WaitForReady(true)}
	ctx := t.Context()
	require.InDelta(t, 2, testing.AllocsPerRun(1000, func() {
		_ = client(ctx, payMethod, nil, nil, nil, succeed, options...)
	}), 0)

	server := unaryServerInterceptor(t, pipeline(t, bulkhead.Config{}))
	info := &grpc.UnaryServerInfo{FullMethod: payMethod}
	handler := func(context.Context, any) (any, error) { return nil, nil }
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = server(ctx, nil, info, handler) }))
}
