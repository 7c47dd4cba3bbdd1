package fleet_test

import (
	"testing"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
)

func TestInProcessKeepsTheContract(t *testing.T) { fleettest.Check(t, fleet.InProcess) }
