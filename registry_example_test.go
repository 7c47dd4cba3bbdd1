package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A Registry holds pipelines by name, and changes all of them at once.
func ExampleNewRegistry() {
	services := holdfast.NewRegistry()
	err := services.Apply(holdfast.Services{
		"payments": holdfast.Critical(),
		"search":   {deadline.In(time.Second), retry.Custom(1, 10*time.Millisecond, time.Second, true)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	search, ok := services.Get("search")
	fmt.Println(search, ok)

	err = services.Apply(holdfast.Services{ // nothing changes, since not all of it is right
		"payments": holdfast.Standard(),
		"search":   {retry.Config{Multiplier: 0.5}},
	})
	fmt.Println(err)

	changes, err := services.Reconcile(holdfast.Services{"payments": holdfast.Critical(), "orders": holdfast.Standard()})
	fmt.Printf("%+v %v\n", changes, err)
	for name := range services.All() {
		fmt.Println(name)
	}
	// Output:
	// search: deadline 1s → retry 1× 10ms…1s true
	// search: stage 1: retry: Multiplier is 0.5; want 1 or more, or 0 for the default (2)
	// {Added:[orders] Changed:[] Removed:[search]} <nil>
	// orders
	// payments
}

// The numbers come from a file. What an error means is said in code.
func ExampleRegistry_Amend() {
	errBusy := errors.New("busy")
	services := holdfast.NewRegistry()
	err := services.Amend("payments", func(stages []resilience.Stage) []resilience.Stage {
		for i, s := range stages {
			if c, ok := s.(retry.Config); ok {
				c.RetryIf = func(err error) bool { return errors.Is(err, errBusy) }
				stages[i] = c
			}
		}
		return stages
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	file := holdfast.Services{"payments": {budget.Config{}, retry.Config{MaxRetries: 2, BaseDelay: time.Microsecond}}}
	if err := services.Apply(file); err != nil {
		fmt.Println(err)
		return
	}
	attempts := 0
	err = services.MustGet("payments").Do(context.Background(), func(context.Context) error { attempts++; return errBusy })
	fmt.Println(attempts, errors.Is(err, errBusy))
	// Output:
	// 3 true
}
