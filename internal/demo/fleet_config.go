package demo

import (
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// FleetConfig is the configuration of a play of "demo -fleet". The command uses [FullFleet].
type FleetConfig struct {
	Seed uint64 // of the arrivals and of every chance in the pods

	Pods   int           // of one program, each with a pipeline of its own
	Rate   float64       // calls per second that each pod makes
	Answer time.Duration // how long the dependency takes to answer when it is well
	Stages func() []resilience.Stage

	Well   time.Duration // how long the dependency is well,
	Outage time.Duration // then down,
	Again  time.Duration // then well again;
	Broken time.Duration // then one pod cannot reach it,
	Mended time.Duration // and then that pod is mended

	Shorter []time.Duration // more outages, each in a play of its own that ends with Again
}

// brokenPod is the pod that breaks.
const brokenPod = 7

// FullFleet is the FleetConfig of the command. The outage is long enough for the pods to open their
// breakers without a fleet, too. What shorter ones do is in the second table.
func FullFleet() FleetConfig {
	return FleetConfig{
		Seed:    1,
		Pods:    40,
		Rate:    1,
		Answer:  20 * time.Millisecond,
		Stages:  holdfast.Standard,
		Well:    20 * time.Second,
		Outage:  time.Minute,
		Again:   24 * time.Second,
		Broken:  44 * time.Second,
		Mended:  12 * time.Second,
		Shorter: []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second},
	}
}

// Length is how long calls arrive.
func (c FleetConfig) Length() time.Duration { return c.Well + c.Outage + c.Again + c.Broken + c.Mended }

// shorter returns the Config of the play with another outage, and no broken pod.
func (c FleetConfig) shorter(outage time.Duration) FleetConfig {
	c.Outage, c.Broken, c.Mended = outage, 0, 0
	return c
}

// The moments at which the script changes something, since the start.
func (c FleetConfig) down() time.Duration   { return c.Well }
func (c FleetConfig) up() time.Duration     { return c.Well + c.Outage }
func (c FleetConfig) breaks() time.Duration { return c.Well + c.Outage + c.Again }
func (c FleetConfig) mends() time.Duration  { return c.Length() - c.Mended }
