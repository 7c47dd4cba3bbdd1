package holdfastfleet_test

import (
	"testing"

	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/holdfastfleet/fleettest"
)

func TestInProcessKeepsTheContract(t *testing.T) { fleettest.Check(t, holdfastfleet.InProcess) }
