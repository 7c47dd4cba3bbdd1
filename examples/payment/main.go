// Command payment charges orders over HTTP at a service that fails, recovers, declines and goes
// down, and prints what came of each call and why it stopped. It needs nothing: the payment service
// is a server of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	service := newService()
	defer service.Close()

	pipeline, err := holdfast.New("payments",
		deadline.In(5*time.Second), // until the answer begins
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Aggressive(),
		breaker.Config{ConsecutiveFailures: 5},
		deadline.In(time.Second), // the same, for each attempt
	)
	if err != nil {
		return err
	}
	client, err := holdfasthttp.NewClient(pipeline)
	if err != nil {
		return err
	}
	client.Timeout = 10 * time.Second // until the answer is read
	p := payments{client: client, url: service.URL}

	fmt.Fprintln(out, pipeline)
	for i, step := range []struct {
		what    string
		answers []int
		charge  func(ctx context.Context, order string) (string, error)
	}{
		{"the service is well", []int{200}, p.charge},
		{"it fails twice, then recovers", []int{503, 500, 200}, p.charge},
		{"it takes the money, but the answer is lost", []int{504, 200}, p.charge},
		{"the same without a key", []int{504, 200}, p.chargeOnce},
		{"it declines the card", []int{422}, p.charge},
		{"it is down", []int{503}, p.charge},
		{"it is still down", []int{503}, p.charge},
	} {
		service.answer(step.answers...)
		receipt, err := step.charge(ctx, fmt.Sprintf("order-%d", i+1))
		requests, charges := service.count()
		fmt.Fprintf(out, "%s (requests: %d, charges: %d)\n  %s\n", step.what, requests, charges, outcome(receipt, err))
	}
	s := pipeline.Snapshot()
	fmt.Fprintf(out, "%d calls, %d attempts, breaker %v, stopped: %v\n", s.Calls, s.Attempts, s.Breakers[0].State, s.Denials)
	return nil
}

type payments struct {
	client *http.Client
	url    string
}

var errDeclined = errors.New("card declined")

// charge charges an order. A POST is retried only since it has an Idempotency-Key: the service
// knows by it that it has taken the money already.
func (p payments) charge(ctx context.Context, order string) (receipt string, err error) {
	return p.send(ctx, order, order)
}

// chargeOnce charges an order at a service that knows no keys. The mark says it to every retry
// loop on the way: what may have been carried out is not sent again. (A POST without a key is not
// retried anyway; a GET or PUT with an effect would be.)
func (p payments) chargeOnce(ctx context.Context, order string) (receipt string, err error) {
	return p.send(resilience.MarkOnce(ctx), order, "")
}

func (p payments) send(ctx context.Context, order, key string) (receipt string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/charges", strings.NewReader(order))
	if err != nil {
		return "", err
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return string(body), nil
	case http.StatusUnprocessableEntity:
		return "", errDeclined
	}
	if why := holdfasthttp.Stopped(response); why != nil { // the last of several answers
		return "", why
	}
	return "", fmt.Errorf("charge: %s", response.Status)
}

// outcome says in words what came of a call: what an operator wants to read at night.
func outcome(receipt string, err error) string {
	switch {
	case err == nil:
		return receipt
	case errors.Is(err, errDeclined):
		return "not retried, since it would be declined again: " + err.Error()
	case errors.Is(err, resilience.ErrOutcomeUnknown) && resilience.NoRetry(err): // without a key
		return "the money may have been taken, so look it up before you charge again: " + err.Error()
	case errors.Is(err, breaker.ErrOpen):
		return "the breaker keeps calls from a service that is down: " + err.Error()
	case errors.Is(err, budget.ErrExhausted):
		return "too many calls are being retried: " + err.Error()
	case errors.Is(err, deadline.ErrTooLate):
		return "no time was left for another attempt: " + err.Error()
	case errors.Is(err, retry.ErrExhausted):
		return "every attempt failed: " + err.Error()
	}
	return err.Error()
}
