// Command sharedbudget protects two endpoints of one dependency with one retry budget: when
// the one endpoint is down and spends it, the other makes no retries either, since they
// would reach the same dependency.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	// One budget for the dependency. The floor is off, so that the figures are the same every time.
	bank, err := budget.New(budget.Config{Ratio: 0.5, Burst: 6, Floor: -1})
	if err != nil {
		log.Fatal(err)
	}
	loop := retry.Custom(3, time.Millisecond, 10*time.Millisecond, true)
	charge := holdfast.Must(holdfast.New("charge", bank, loop))
	refund := holdfast.Must(holdfast.New("refund", bank, loop))

	down := func(context.Context) error {
		return &resilience.Error{Kind: resilience.KindServiceUnavailable, Service: "payments"}
	}
	well := func(context.Context) error { return nil }

	fmt.Println("the dependency goes down:")
	for range 2 {
		try(charge, bank, down)
		try(refund, bank, down)
	}
	fmt.Println("it is back; every success of a first attempt deposits half a token:")
	for range 3 {
		try(charge, bank, well)
		try(refund, bank, well)
	}
	fmt.Println("down again:")
	try(charge, bank, down)

	s := bank.Stats()
	fmt.Printf("budget: %d retries paid for, %d refused, %d deposits\n", s.Withdrawals, s.Refused, s.Deposits)
}

func try(p *holdfast.Pipeline, bank *budget.Budget, op resilience.Func) {
	before := p.Snapshot().Attempts
	err := p.Do(context.Background(), op)
	fmt.Printf("  %s: %d attempts, stopped by: %v, tokens left: %v\n",
		p.Name(), p.Snapshot().Attempts-before, resilience.ReasonOf(err), bank.Tokens())
}
