//go:build !race

package holdfastconnect_test

import (
	"context"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// request is a client's request, as Connect makes it.
type request struct{ connect.AnyRequest }

func (request) Spec() connect.Spec { return connect.Spec{Procedure: pay, IsClient: true} }

// handled is a handler's request.
type handled struct{ connect.AnyRequest }

func (handled) Spec() connect.Spec { return connect.Spec{Procedure: pay} }

// typical returns a message with the number of headers that Connect sends.
func typical() connect.AnyRequest {
	req := connect.NewRequest(wrapperspb.String("10 EUR"))
	for _, name := range []string{"User-Agent", "Connect-Protocol-Version", "Content-Type", "Accept-Encoding"} {
		req.Header().Set(name, "x")
	}
	return req
}

// A unary client call allocates its headers, and what watches the connection; a handler's call
// allocates nothing.
func TestAllocations(t *testing.T) {
	answer := connect.NewResponse(&text{})
	next := func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { return answer, nil }
	p := pipeline(t, budget.Config{}, retry.Default(), breaker.Config{})
	client := clientInterceptor(t, p).WrapUnary(next)
	ctx := t.Context()
	var req connect.AnyRequest = request{typical()}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { _, _ = client(ctx, req) }), 12.0)

	i, err := newHandlers(pipeline(t, bulkhead.Config{MaxConcurrent: 10}))
	require.NoError(t, err)
	server := i.WrapUnary(next)
	req = handled{typical()}
	require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = server(ctx, req) }))
}
