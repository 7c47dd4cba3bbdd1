// A stranger's program that uses holdfastconnect: a call that a server refuses once.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	const procedure = "/demo.Health/Check"
	calls := 0
	server := httptest.NewServer(connect.NewUnaryHandler(procedure,
		func(context.Context, *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			if calls++; calls == 1 {
				return nil, connect.NewError(connect.CodeUnavailable, errors.New("warming up"))
			}
			return connect.NewResponse(&emptypb.Empty{}), nil
		}))
	defer server.Close()

	auth := holdfast.Must(holdfast.New("auth", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
	interceptor, err := holdfastconnect.NewClientInterceptor(auth)
	check(err)
	client := connect.NewClient[emptypb.Empty, emptypb.Empty](http.DefaultClient, server.URL+procedure, connect.WithInterceptors(interceptor))
	_, err = client.CallUnary(resilience.MarkIdempotent(context.Background()), connect.NewRequest(&emptypb.Empty{}))
	check(err)
	fmt.Println("ok:", auth.Snapshot().Attempts, "attempts")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
