// A stranger's program that uses holdfastgrpc: a call that a server refuses once.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	calls := 0
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if calls++; calls == 1 {
			return nil, status.Error(codes.Unavailable, "warming up")
		}
		return next(ctx, in)
	}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	auth := holdfast.Must(holdfast.New("auth", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
	options, err := holdfastgrpc.DialOptions(auth)
	check(err)
	conn, err := grpc.NewClient(listener.Addr().String(), append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	check(err)
	defer conn.Close()
	_, err = healthpb.NewHealthClient(conn).Check(resilience.MarkIdempotent(context.Background()), &healthpb.HealthCheckRequest{})
	check(err)
	fmt.Println("ok:", auth.Snapshot().Attempts, "attempts")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
