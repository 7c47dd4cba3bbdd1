package fleet_test

import (
	"testing"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
	"github.com/media-gateway/holdfast/holdfastfleet"
)

func TestRedisKeepsTheContract(t *testing.T) {
	t.Parallel()
	client := connect(t)
	fleettest.Check(t, func() fleet.Transport { return holdfastfleet.Redis(client) })
}
