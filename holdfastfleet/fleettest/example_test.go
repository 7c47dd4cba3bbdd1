package fleettest_test

import (
	"testing"

	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/holdfastfleet/fleettest"
)

// It is called from a test.
func ExampleCheck() {
	_ = func(t *testing.T) {
		t.Helper()
		fleettest.Check(t, func() holdfastfleet.Transport { return holdfastfleet.InProcess() })
	}
}
