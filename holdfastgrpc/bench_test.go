package holdfastgrpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func benchPipeline(b *testing.B) *holdfast.Pipeline {
	b.Helper()
	p, err := holdfast.New("bank", budget.Config{}, retry.Default(), breaker.Config{})
	require.NoError(b, err)
	return p
}

// BenchmarkUnaryClient measures a call to a stub that succeeds at once: the pipeline alone, and the
// interceptor.
func BenchmarkUnaryClient(b *testing.B) {
	p := benchPipeline(b)
	ctx := b.Context()
	b.Run("pipeline", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(ctx, func(ctx context.Context) error { return succeed(ctx, payMethod, nil, nil, nil) })
		}
	})
	b.Run("interceptor", func(b *testing.B) {
		call := unaryClientInterceptor(b, p)
		b.ReportAllocs()
		for b.Loop() {
			_ = call(ctx, payMethod, nil, nil, nil, succeed)
		}
	})
}

// BenchmarkLoopback measures a call over a real connection, with and without the interceptors.
func BenchmarkLoopback(b *testing.B) {
	server := (&bank{
		unary: func(context.Context, int, string) (string, error) { return "", nil },
		stream: func(_ int, s grpc.ServerStream) error {
			_, err := receiveAtServer(s)
			if err != nil {
				return err
			}
			return answer(s, "")
		},
	}).serve(b)
	for _, c := range []struct {
		name    string
		options []grpc.DialOption
	}{
		{"bare", []grpc.DialOption{grpc.WithDisableRetry()}},
		{"holdfast", dialOptions(b, benchPipeline(b))},
	} {
		conn, err := grpc.NewClient(server.addr, append(c.options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		require.NoError(b, err)
		b.Run("unary/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := call(b.Context(), conn, payMethod, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("stream/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := receiveAll(list(b.Context(), b, conn)); err.Error() != "EOF" {
					b.Fatal(err)
				}
			}
		})
		require.NoError(b, conn.Close())
	}
}
