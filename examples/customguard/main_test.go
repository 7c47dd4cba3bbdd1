package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	main()
	// Output:
	// payments: retry 3× 1ms…10ms → maintenance gate
	//   charging, inside: 1
	// ok
	// rejected: maintenance: true, verdict: rejected
	// rejected: maintenance: true, verdict: rejected
	// refused: 2 still inside: 0
}
