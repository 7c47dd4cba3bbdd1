package breaker_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func ExampleNew() {
	payments, err := breaker.New(breaker.Config{Name: "payments", ConsecutiveFailures: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	down := resilience.MarkTransient(errors.New("connection refused"))
	for range 4 {
		err = payments.Do(context.Background(), func(context.Context) error { return down })
	}
	fmt.Println(payments.State(), errors.Is(err, breaker.ErrOpen))

	payments.Reset()
	fmt.Println(payments.State())
	// Output:
	// open true
	// closed
}

func ExampleNew_wrongConfig() {
	_, err := breaker.New(breaker.Config{FailureRatio: 50})
	fmt.Println(err)
	// Output:
	// breaker: FailureRatio is 50; want a number above 0 and up to 1, 0 for the default (0.5), or -1 to turn it off
}

func ExampleBreaker_Isolate() {
	search, _ := breaker.New(breaker.Config{Name: "search"})
	search.Isolate() // maintenance
	err := search.Do(context.Background(), func(context.Context) error { return nil })
	fmt.Println(err)
	// Output:
	// search: circuit breaker is isolated by hand
}
