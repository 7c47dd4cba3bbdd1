package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func ExampleNew() {
	// The partner's contract: one call an hour, two at once.
	reports, err := ratelimit.New(ratelimit.Config{Rate: 1.0 / 3600, Burst: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	call := reports.Wrap(func(context.Context) error { return nil })
	ctx := context.Background()
	fmt.Println(call(ctx))
	fmt.Println(call(ctx))
	err = call(ctx)
	fmt.Println(errors.Is(err, ratelimit.ErrLimited))
	fmt.Println("again in", resilience.RetryAfter(err).Round(time.Minute))
	// Output:
	// <nil>
	// <nil>
	// true
	// again in 1h0m0s
}

// In front of the deadline, a call's time begins when it has its token.
func ExampleConfig() {
	payments, err := holdfast.New("payments",
		ratelimit.Config{Rate: 100, Burst: 20, MaxWait: 50 * time.Millisecond},
		deadline.In(2*time.Second),
		retry.Config{},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(payments)
	// Output:
	// payments: ratelimit 100/s (burst 20, wait 50ms) → deadline 2s → retry 3× 100ms…5s
}

func ExampleLimiter_Update() {
	l, err := ratelimit.New(ratelimit.Config{Rate: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l)
	// The partner has raised the quota. Tokens, and those who wait for one, stay.
	fmt.Println(l.Update(ratelimit.Config{Rate: 25, Burst: 5}))
	fmt.Println(l)
	fmt.Println(l.Update(ratelimit.Config{Burst: -3}))
	// Output:
	// ratelimit 10/s
	// <nil>
	// ratelimit 25/s (burst 5)
	// ratelimit: Rate is 0; want 1e-06 to 1e+09, or -1 for no limit
	// ratelimit: Burst is -3; want 1 to 2147483647, or 0 for the calls of one second
}
