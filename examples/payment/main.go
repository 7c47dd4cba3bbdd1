// Command payment charges an order at a payment service that fails, recovers, declines and
// goes down, and prints what came of each call and why it stopped.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	service := newService()
	defer service.Close()

	payments, err := holdfast.New("payments",
		deadline.In(2*time.Second),
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Aggressive(),
		breaker.Config{ConsecutiveFailures: 5},
		deadline.In(200*time.Millisecond),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(payments)
	fmt.Println()

	c := client{payments: payments, url: service.URL, http: service.Client()}
	for _, step := range []struct {
		what    string
		answers []int
	}{
		{"the service is well", []int{200}},
		{"it fails twice, then recovers", []int{503, 500, 200}},
		{"it declines the card", []int{422}},
		{"it is down", []int{503}},
		{"it is still down", []int{503}},
	} {
		service.answers(step.answers...)
		before := service.requests.Load()
		receipt, err := c.charge(context.Background(), "order 4711")
		fmt.Printf("%s: %d requests\n  %s\n", step.what, service.requests.Load()-before, outcome(receipt, err))
	}

	s := payments.Snapshot()
	fmt.Printf("\n%d calls, %d attempts, amplification %.2f, breaker %v, stopped: %v\n",
		s.Calls, s.Attempts, s.Amplification, s.Breakers[0].State, s.Denials)
}

// outcome says in words what came of a call: what an operator wants to read at night.
func outcome(receipt string, err error) string {
	declined, isDeclined := errors.AsType[*resilience.Error](err)
	switch {
	case err == nil:
		return receipt
	case errors.Is(err, breaker.ErrOpen):
		return "the breaker keeps calls from a service that is down: " + err.Error()
	case errors.Is(err, budget.ErrExhausted):
		return "too many calls are being retried: " + err.Error()
	case errors.Is(err, deadline.ErrTooLate):
		return "no time was left for another attempt: " + err.Error()
	case errors.Is(err, retry.ErrExhausted):
		return "every attempt failed: " + err.Error()
	case isDeclined && declined.Kind == resilience.KindValidation:
		return "not retried, since it would be declined again: " + err.Error()
	}
	return err.Error()
}

type client struct {
	payments *holdfast.Pipeline
	url      string
	http     *http.Client
}

func (c client) charge(ctx context.Context, order string) (string, error) {
	return holdfast.Value(ctx, c.payments, func(ctx context.Context) (string, error) {
		return c.post(ctx, order)
	})
}

// post is one attempt. It gives every failure the kind by which the stages know what it means.
func (c client) post(ctx context.Context, order string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/charges", http.NoBody)
	if err != nil {
		return "", err
	}
	// The same key for every attempt, so that a retried charge is made once.
	request.Header.Set("Idempotency-Key", order)
	response, err := c.http.Do(request)
	if err != nil {
		return "", &resilience.Error{Kind: resilience.KindNetwork, Service: "payments", Op: "charge", Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", &resilience.Error{Kind: resilience.KindNetwork, Service: "payments", Op: "charge", Err: err}
	}
	if response.StatusCode != http.StatusOK {
		return "", failure(response)
	}
	return string(body), nil
}

func failure(r *http.Response) *resilience.Error {
	e := &resilience.Error{Service: "payments", Op: "charge", Status: r.StatusCode, Kind: resilience.KindExternalAPI}
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
			e.RetryAfter = time.Duration(seconds) * time.Second
		}
	case http.StatusUnprocessableEntity:
		e.Kind, e.Message = resilience.KindValidation, "card declined"
	}
	return e
}

// service answers with the statuses it was told to, and goes on with the last one.
type service struct {
	*httptest.Server
	requests atomic.Int64
	script   atomic.Pointer[script]
}

type script struct {
	statuses []int
	next     atomic.Int64
}

func newService() *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.requests.Add(1)
		script := s.script.Load()
		n := min(int(script.next.Add(1)), len(script.statuses))
		w.WriteHeader(script.statuses[n-1])
		fmt.Fprint(w, "receipt 1")
	}))
	return s
}

func (s *service) answers(statuses ...int) { s.script.Store(&script{statuses: statuses}) }
