package holdfastconnect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastconnect"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// greet starts a server whose first answers are Unavailable.
func greet(failures int, options ...connect.HandlerOption) *httptest.Server {
	calls := 0
	return httptest.NewServer(connect.NewUnaryHandler("/demo.Greeter/Greet",
		func(_ context.Context, req *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
			if calls++; calls <= failures {
				return nil, connect.NewError(connect.CodeUnavailable, errors.New("warming up"))
			}
			return connect.NewResponse(wrapperspb.String("Hello, " + req.Msg.GetValue())), nil
		}, options...))
}

// newGreeter stands for the constructor in generated code.
func newGreeter(client connect.HTTPClient, url string, options ...connect.ClientOption) *connect.Client[wrapperspb.StringValue, wrapperspb.StringValue] {
	return connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](client, url+"/demo.Greeter/Greet", options...)
}

// A call that may be carried out twice is sent again while the server is unavailable.
func ExampleNewClientInterceptor() {
	server := greet(2)
	defer server.Close()

	greeting, err := holdfast.New("greeting", retry.Custom(3, time.Millisecond, time.Millisecond, false))
	if err != nil {
		fmt.Println(err)
		return
	}
	interceptor, err := holdfastconnect.NewClientInterceptor(greeting, holdfastconnect.WithIdempotentProcedures("/demo.Greeter/Greet"))
	if err != nil {
		fmt.Println(err)
		return
	}
	client := newGreeter(http.DefaultClient, server.URL, connect.WithInterceptors(interceptor))

	answer, err := client.CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("Ada")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Msg.GetValue(), "after", greeting.Snapshot().Attempts, "attempts")
	// Output: Hello, Ada after 3 attempts
}

// A call that nobody calls idempotent is sent once: the server may have carried it out.
func ExampleNewClientInterceptor_once() {
	server := greet(2)
	defer server.Close()

	greeting := holdfast.Must(holdfast.New("greeting", retry.Custom(3, time.Millisecond, time.Millisecond, false)))
	interceptor, err := holdfastconnect.NewClientInterceptor(greeting)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := newGreeter(http.DefaultClient, server.URL, connect.WithInterceptors(interceptor))

	_, err = client.CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("Ada")))
	fmt.Println(connect.CodeOf(err), errors.Is(err, resilience.ErrOutcomeUnknown), greeting.Snapshot().Attempts)
	// Output: unavailable true 1
}

// A handler that is full refuses, and says when to come back.
func ExampleNewHandlerInterceptor() {
	orders := holdfast.Must(holdfast.New("orders", bulkhead.Config{MaxConcurrent: 1}))
	interceptor, err := holdfastconnect.NewHandlerInterceptor(orders)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := greet(0, connect.WithInterceptors(interceptor))
	defer server.Close()

	_ = orders.Do(context.Background(), func(ctx context.Context) error { // takes the only place
		_, err = newGreeter(http.DefaultClient, server.URL).CallUnary(ctx, connect.NewRequest(wrapperspb.String("Ada")))
		return nil
	})
	var refusal *connect.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Code(), refusal.Meta().Get("Grpc-Retry-Pushback-Ms"), "ms")
	}
	// Output: resource_exhausted 100 ms
}

// The HTTP client tells the interceptor of a Retry-After that Connect's errors do not have.
func ExampleNewHTTPClient() {
	client, err := holdfastconnect.NewHTTPClient(http.DefaultClient)
	if err != nil {
		fmt.Println(err)
		return
	}
	greeting := holdfast.Must(holdfast.New("greeting", holdfast.Standard()...))
	interceptor, err := holdfastconnect.NewClientInterceptor(greeting)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := greet(0)
	defer server.Close()
	answer, err := newGreeter(client, server.URL, connect.WithInterceptors(interceptor)).
		CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("Ada")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answer.Msg.GetValue())
	// Output: Hello, Ada
}

func ExampleClassify() {
	err := connect.NewError(connect.CodeUnavailable, errors.New("warming up"))
	fmt.Println(holdfastconnect.Classify(err))
	// Output: transient
}

// A pipeline for each procedure: one that is down leaves the others alone.
func ExampleWithPipelines() {
	procedures, err := holdfast.NewKeyed[string]("greeter", holdfast.KeyedConfig{}, holdfast.Standard()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	interceptor, err := holdfastconnect.NewClientInterceptor(nil, holdfastconnect.WithPipelines(procedures.Get))
	if err != nil {
		fmt.Println(err)
		return
	}
	server := greet(0)
	defer server.Close()
	_, err = newGreeter(http.DefaultClient, server.URL, connect.WithInterceptors(interceptor)).
		CallUnary(context.Background(), connect.NewRequest(wrapperspb.String("Ada")))
	for procedure, p := range procedures.All() {
		fmt.Println(procedure, p.Snapshot().Calls, err)
	}
	// Output: /demo.Greeter/Greet 1 <nil>
}

// What a client and a handler can be told.
func ExampleOption() {
	p := holdfast.Must(holdfast.New("greeting", holdfast.Standard()...))
	client := []holdfastconnect.Option{
		holdfastconnect.WithRetryCodes(connect.CodeAborted), // the call is the whole operation
		holdfastconnect.WithStreamBuffer(1 << 20),           // streams send up to 1 MiB again
		holdfastconnect.WithStreamDeadline(),                // servers answer at once
	}
	handler := []holdfastconnect.Option{holdfastconnect.WithPushback(time.Second)}

	_, err := holdfastconnect.NewClientInterceptor(p, client...)
	fmt.Println(err)
	_, err = holdfastconnect.NewHandlerInterceptor(p, handler...)
	fmt.Println(err)
	_, err = holdfastconnect.NewClientInterceptor(p, handler...)
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// holdfastconnect: WithPushback is given to a client; leave it out: it is for handlers
}

// A handler that counts attempts.
func ExamplePreviousAttempts() {
	server := httptest.NewServer(connect.NewUnaryHandler("/demo.Greeter/Greet",
		func(ctx context.Context, _ *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
			if n := holdfastconnect.PreviousAttempts(ctx); n < 2 {
				return nil, connect.NewError(connect.CodeUnavailable, fmt.Errorf("busy, after %d attempts", n))
			}
			return connect.NewResponse(wrapperspb.String("Hello")), nil
		}))
	defer server.Close()
	greeting := holdfast.Must(holdfast.New("greeting", retry.Custom(3, time.Millisecond, time.Millisecond, false)))
	interceptor, err := holdfastconnect.NewClientInterceptor(greeting)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := resilience.MarkIdempotent(context.Background())
	_, err = newGreeter(http.DefaultClient, server.URL, connect.WithInterceptors(interceptor)).
		CallUnary(ctx, connect.NewRequest(wrapperspb.String("Ada")))
	fmt.Println(greeting.Snapshot().Attempts, err)
	// Output: 3 <nil>
}
