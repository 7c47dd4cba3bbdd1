package fleettest_test

import (
	"testing"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
)

// It is called from a test.
func ExampleCheck() {
	_ = func(t *testing.T) {
		t.Helper()
		fleettest.Check(t, func() fleet.Transport { return fleet.InProcess() })
	}
}
