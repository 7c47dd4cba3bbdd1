package migrating_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A circuit of hystrix-go has a goroutine for its metrics, which nothing ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/afex/hystrix-go/hystrix.(*metricExchange).Monitor"))
}
