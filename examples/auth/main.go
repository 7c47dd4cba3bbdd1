// Command auth checks and renews tokens over gRPC at a service that is sometimes unavailable. It
// needs nothing: the service is a server of its own, on a port of this machine.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	service := &authService{}
	addr, stop, err := serve(service)
	if err != nil {
		return err
	}
	defer stop()

	conn, err := dial(addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	client := authClient{conn}

	for _, step := range []struct {
		what        string
		unavailable int // so many calls
		call        func(ctx context.Context, token string) (string, error)
		token       string
	}{
		{"verify, unavailable twice", 2, client.verify, "token-1"},
		{"verify a wrong token", 0, client.verify, "stolen"},
		{"renew", 0, client.renew, "token-1"},
		{"renew, unavailable", 1, client.renew, "token-2"},
	} {
		service.expect(step.unavailable)
		answer, err := step.call(ctx, step.token)
		if err != nil {
			answer = status.Convert(err).Message()
		}
		fmt.Fprintf(out, "%s: %v %q, calls seen: %d\n", step.what, status.Code(err), answer, service.calls.Load())
	}
	return nil
}

// dial is the client's side. Verify only looks, so it may be repeated after any failure. Renew is
// not named: the old token is void once it was renewed, so a second try may lock the user out. It
// is repeated only if it is certain that the service did not see it.
func dial(addr string) (*grpc.ClientConn, error) {
	pipeline, err := holdfast.New("auth", holdfast.Critical()...)
	if err != nil {
		return nil, err
	}
	options, err := holdfastgrpc.DialOptions(pipeline, holdfastgrpc.WithIdempotentMethods(verifyMethod))
	if err != nil {
		return nil, err
	}
	return grpc.NewClient(addr, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
}

// serve is the server's side: so many calls at once, and whoever is turned away is told that a
// retry does no harm.
func serve(service *authService) (addr string, stop func(), err error) {
	pipeline, err := holdfast.New("auth-server", bulkhead.Config{MaxConcurrent: 100})
	if err != nil {
		return "", nil, err
	}
	options, err := holdfastgrpc.ServerOptions(pipeline)
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&description, service)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); err != nil {
			log.Print(err)
		}
	}()
	return listener.Addr().String(), func() { server.Stop(); <-served }, nil
}
