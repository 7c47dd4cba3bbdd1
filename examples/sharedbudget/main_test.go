package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	main()
	// Output:
	// the dependency goes down:
	//   charge: 4 attempts, stopped by: retries_exhausted, tokens left: 3
	//   refund: 4 attempts, stopped by: retries_exhausted, tokens left: 0
	//   charge: 1 attempts, stopped by: budget_exhausted, tokens left: 0
	//   refund: 1 attempts, stopped by: budget_exhausted, tokens left: 0
	// it is back; every success of a first attempt deposits half a token:
	//   charge: 1 attempts, stopped by: none, tokens left: 0.5
	//   refund: 1 attempts, stopped by: none, tokens left: 1
	//   charge: 1 attempts, stopped by: none, tokens left: 1.5
	//   refund: 1 attempts, stopped by: none, tokens left: 2
	//   charge: 1 attempts, stopped by: none, tokens left: 2.5
	//   refund: 1 attempts, stopped by: none, tokens left: 3
	// down again:
	//   charge: 4 attempts, stopped by: retries_exhausted, tokens left: 0
	// budget: 9 retries paid for, 2 refused, 6 deposits
}
