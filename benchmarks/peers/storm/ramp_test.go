package storm_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/media-gateway/holdfast/storm"
)

// The ramp goes one way or the other: a client either lets the queue go, or keeps it for good. So
// one seed says little, and the presets are held to it by eight.
func TestRampDoesNotCollapse(t *testing.T) {
	for _, p := range presets {
		n := numbersOf(t, p.name, p.stages())
		for seed := range uint64(8) {
			s, from := ramp(n)
			s.Name, s.Seed = p.name, seed+1
			late := storm.Run(t, s, func() storm.Doer { return holdfastPreset(n) }).Between(from, s.For)
			assert.Greaterf(t, late.Goodput(), 0.97, "%s, seed %d", p.name, s.Seed)
		}
	}
}
