package migrating_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A circuit of hystrix-go has two goroutines, which nothing ends: TestHystrixKeepsGoroutines.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(circuitGoroutine), goleak.IgnoreAnyFunction(poolGoroutine))
}

const (
	circuitGoroutine = "github.com/afex/hystrix-go/hystrix.(*metricExchange).Monitor"
	poolGoroutine    = "github.com/afex/hystrix-go/hystrix.(*poolMetrics).Monitor"
)
