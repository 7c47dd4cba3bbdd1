package policytest_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/policytest"
)

var t *testing.T // of your own test function

func ExampleTestGuard() {
	// func TestLimiter(t *testing.T) {
	policytest.TestGuard(t, func() resilience.Guard {
		b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 10}) // yours
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
	// }
}

func ExampleTestObserver() {
	// func TestLogger(t *testing.T) {
	policytest.TestObserver(t, func() resilience.Observer {
		return resilience.NewLogObserver(slog.New(slog.DiscardHandler)) // yours
	})
	// }
}

func ExampleNoUnclassified() {
	// func TestPayments(t *testing.T) {
	payments, err := holdfast.New("payments", append([]resilience.Stage{
		holdfast.Observe(policytest.NoUnclassified(t)),
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined)),
	}, holdfast.Critical()...)...)
	if err != nil {
		t.Fatal(err)
	}
	_ = payments.Do(t.Context(), func(context.Context) error { return errDeclined }) // your client, with all its errors
	// }
}

var errDeclined = errors.New("declined")
