package budget_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func ExampleNew() {
	b, err := budget.New(budget.Config{Ratio: 0.5, Burst: 2, Initial: -1, Floor: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Allow())
	for range 3 {
		b.OnSuccess()
	}
	fmt.Println(b.Tokens(), b.Allow(), b.Allow())
	// Output:
	// false
	// 1.5 true false
}

// A budget around a retry loop, without a pipeline: in an outage the loop stops early.
func ExampleBudget_Wrap() {
	b, err := budget.New(budget.Config{Burst: 1, Floor: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	loop, err := retry.New(retry.Config{MaxRetries: 5, BaseDelay: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	attempts := 0
	call := resilience.Chain(b, loop).Wrap(func(context.Context) error {
		attempts++
		return resilience.MarkTransient(errors.New("connection refused"))
	})
	err = call(context.Background())
	fmt.Println(attempts, errors.Is(err, budget.ErrExhausted))
	// Output:
	// 2 true
}

// By hand: a retry after a slow failure costs more, and gets its price back if it succeeds.
func ExampleBudget_WithdrawSlow() {
	b, err := budget.New(budget.Config{SlowCost: 5, RefundOnSuccess: true, Floor: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	failed := b.WithdrawSlow()
	succeeded := b.WithdrawSlow()
	fmt.Println(failed.Tokens(), b.Tokens(), b.WithdrawSlow().Allowed())
	b.OnRetrySuccess(succeeded)
	fmt.Println(b.Tokens())
	// Output:
	// 5 0 false
	// 5
}

func ExampleBudget_Update() {
	b, _ := budget.New(budget.Config{})
	if err := b.Update(budget.Config{Ratio: 0.2, Burst: 5}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(b, b.Tokens())
	// Output:
	// budget 20%+1/s 5
}
