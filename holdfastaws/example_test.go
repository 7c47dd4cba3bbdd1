package holdfastaws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// away is an AWS in an outage: it answers each request with a 503.
type away struct{}

func (away) Do(req *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "503 Service Unavailable", StatusCode: http.StatusServiceUnavailable, Request: req,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"__type":"ServiceUnavailable"}`)),
	}, nil
}

// loaded is what config.LoadDefaultConfig returns.
var loaded = aws.Config{
	Region: "eu-central-1", HTTPClient: away{},
	Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
	}),
}

func fast(name string) *holdfast.Pipeline {
	return holdfast.Must(holdfast.New(name, retry.Custom(2, time.Millisecond, time.Millisecond, false)))
}

func ExampleNewConfig() {
	orders := fast("orders")
	cfg, err := holdfastaws.NewConfig(loaded, orders)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := sqs.NewFromConfig(cfg)

	_, err = client.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: aws.String("orders")})
	fmt.Println(errors.Is(err, retry.ErrExhausted), orders.Snapshot().Attempts)

	// What must not be carried out twice is sent once: a 503 does not say that nothing happened.
	_, err = client.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: aws.String("orders"), MessageBody: aws.String("7")})
	fmt.Println(errors.Is(err, resilience.ErrOutcomeUnknown), errors.Is(err, holdfastaws.ErrNotIdempotent))
	// Output:
	// true 3
	// true true
}

func ExampleMiddleware() {
	orders := fast("orders")
	protect, err := holdfastaws.Middleware(orders)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := sqs.NewFromConfig(loaded, func(o *sqs.Options) { o.APIOptions = append(o.APIOptions, protect) })

	_, err = client.GetQueueUrl(context.Background(), &sqs.GetQueueUrlInput{QueueName: aws.String("orders")})
	fmt.Println(errors.Is(err, retry.ErrExhausted), orders.Snapshot().Attempts)
	// Output: true 3
}

func ExampleWithPipelines() {
	queue := fast("queue")
	polls := holdfast.Must(holdfast.New("polls", retry.Custom(2, time.Second, time.Minute, true), deadline.In(25*time.Second)))
	choose := func(call holdfastaws.Call) *holdfast.Pipeline {
		if call.Operation == "ReceiveMessage" { // waits up to 20 s for messages
			return polls
		}
		return nil // queue
	}
	_, err := holdfastaws.NewConfig(loaded, queue, holdfastaws.WithPipelines(choose))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWithIdempotent() {
	fifo := func(call holdfastaws.Call) bool {
		in, ok := call.Input.(*sqs.SendMessageInput)
		return ok && in.MessageDeduplicationId != nil || holdfastaws.Idempotent(call)
	}
	cfg, err := holdfastaws.NewConfig(loaded, fast("queue"), holdfastaws.WithIdempotent(fifo))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sqs.NewFromConfig(cfg).SendMessage(context.Background(), &sqs.SendMessageInput{
		QueueUrl: aws.String("orders.fifo"), MessageBody: aws.String("7"), MessageDeduplicationId: aws.String("order-7"),
	})
	fmt.Println(errors.Is(err, retry.ErrExhausted))
	// Output: true
}
