package holdfastconnect_test

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newHandlers(p *holdfast.Pipeline) (connect.Interceptor, error) {
	return holdfastconnect.NewHandlerInterceptor(p)
}

// BenchmarkLoopback measures a call over a real connection, with and without the interceptor.
func BenchmarkLoopback(b *testing.B) {
	server := (&bank{
		unary: fails(0, 0),
		list:  func(_ context.Context, _ int, _ string, s *connect.ServerStream[text]) error { return s.Send(&text{}) },
	}).serve(b)
	p := pipeline(b, budget.Config{}, retry.Default(), breaker.Config{})
	for name, options := range map[string][]connect.ClientOption{
		"bare": nil, "holdfast": {connect.WithInterceptors(clientInterceptor(b, p))},
	} {
		b.Run("unary/"+name, func(b *testing.B) {
			c := server.plain(pay, options...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := call(b.Context(), c, "10 EUR"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("stream/"+name, func(b *testing.B) {
			c := server.plain(list, options...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := receiveAll(c.CallServerStream(b.Context(), connect.NewRequest(&text{}))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
