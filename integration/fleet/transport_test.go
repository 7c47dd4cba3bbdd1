package fleet_test

import (
	"testing"

	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/holdfastfleet/fleettest"
)

func TestRedisKeepsTheContract(t *testing.T) {
	client := connect(t)
	fleettest.Check(t, func() holdfastfleet.Transport { return holdfastfleet.Redis(client) })
}
