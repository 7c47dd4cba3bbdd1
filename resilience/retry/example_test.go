package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// flaky returns an op that fails n times before it works.
func flaky(n int) func(context.Context) error {
	return func(context.Context) error {
		if n--; n >= 0 {
			return resilience.MarkTransient(errors.New("connection refused"))
		}
		return nil
	}
}

func ExampleDo() {
	err := retry.Do(context.Background(), retry.Config{BaseDelay: time.Millisecond}, flaky(2))
	fmt.Println(err)
	// Output:
	// <nil>
}

func ExampleValue() {
	receipt, err := retry.Value(context.Background(), retry.Aggressive(), func(context.Context) (string, error) {
		return "paid", nil
	})
	fmt.Println(receipt, err)
	// Output:
	// paid <nil>
}

func ExampleNew() {
	p, err := retry.New(retry.Config{MaxRetries: 2, BaseDelay: time.Millisecond, MinAttempt: 50 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.Do(context.Background(), flaky(5))
	var stop *retry.Error
	if errors.As(err, &stop) {
		fmt.Println(stop.Reason, stop.Attempts, stop.Err)
	}
	fmt.Println(errors.Is(err, retry.ErrExhausted))
	// Output:
	// retries_exhausted 3 connection refused
	// true
}

func ExampleNew_wrongConfig() {
	_, err := retry.New(retry.Config{BaseDelay: 100 * time.Millisecond, MaxDelay: 50 * time.Millisecond, Multiplier: 0.5})
	fmt.Println(err)
	// Output:
	// retry: MaxDelay is 50ms; want at least BaseDelay (100ms)
	// retry: Multiplier is 0.5; want 1 or more, or 0 for the default (2)
}

// The budget stands outside of the loop. A holdfast.Pipeline does the same.
func ExampleNew_budget() {
	bank, err := budget.New(budget.Config{Burst: 1, Floor: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := retry.New(retry.Config{BaseDelay: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = resilience.Chain(bank, p).Wrap(flaky(5))(context.Background())
	fmt.Println(resilience.ReasonOf(err), errors.Is(err, budget.ErrExhausted))
	// Output:
	// budget_exhausted true
}

func ExampleDefault() {
	p, _ := retry.New(retry.Default())
	fmt.Println(p)
	// Output:
	// retry 3× 100ms…5s
}

func ExampleAggressive() {
	p, _ := retry.New(retry.Aggressive())
	fmt.Println(p)
	// Output:
	// retry 5× 50ms…5s
}

func ExampleGentle() {
	p, _ := retry.New(retry.Gentle())
	fmt.Println(p)
	// Output:
	// retry 2× 500ms…3s
}

func ExampleCustom() {
	p, _ := retry.New(retry.Custom(10, 200*time.Millisecond, 8*time.Second, true))
	fmt.Println(p)
	never, _ := retry.New(retry.Custom(0, 200*time.Millisecond, 8*time.Second, true))
	fmt.Println(never)
	// Output:
	// retry 10× 200ms…8s
	// no retry
}

func ExampleStandardBackoff() {
	for _, backoff := range []retry.StandardBackoff{retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci} {
		fmt.Print(backoff)
		for n := range 7 {
			fmt.Print(" ", backoff.Backoff(retry.Step{Retry: n, Base: 100 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}))
		}
		fmt.Println()
	}
	// Output:
	// exponential 100ms 200ms 400ms 800ms 1.6s 3.2s 5s
	// constant 100ms 100ms 100ms 100ms 100ms 100ms 100ms
	// linear 100ms 200ms 300ms 400ms 500ms 600ms 700ms
	// fibonacci 100ms 100ms 200ms 300ms 500ms 800ms 1.3s
}

func ExampleBackoffFunc() {
	p, _ := retry.New(retry.Config{
		Jitter:  retry.NoJitter,
		Backoff: retry.BackoffFunc(func(n int) time.Duration { return []time.Duration{1, 5, 10}[min(n, 2)] * time.Millisecond }),
	})
	fmt.Println(p.Do(context.Background(), flaky(3)))
	// Output:
	// <nil>
}

// A patient loop waits for what is refused to it for now. Here a breaker is open: the call succeeds
// once that lets a probe pass. Without Patient it fails at once, and also where the time does not
// suffice.
func ExampleConfig_patient() {
	op := func(context.Context) error { return nil }
	for _, c := range []struct {
		patient bool
		open    time.Duration // the call has a minute
	}{{true, 100 * time.Millisecond}, {true, time.Hour}, {false, time.Hour}} {
		gate, err := breaker.New(breaker.Config{ConsecutiveFailures: 1, OpenFor: c.open})
		if err != nil {
			fmt.Println(err)
			return
		}
		loop, err := retry.New(retry.Config{Patient: c.patient})
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = gate.Do(context.Background(), flaky(1)) // opens it

		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		err = resilience.Chain(loop, gate).Wrap(op)(ctx)
		cancel()
		fmt.Println(err == nil, errors.Is(err, breaker.ErrOpen))
		if stop, ok := errors.AsType[*retry.Error](err); ok {
			fmt.Println("waited in vain:", stop.Reason, stop.Attempts)
		}
	}
	// Output:
	// true false
	// false true
	// waited in vain: breaker_open 0
	// false true
}
