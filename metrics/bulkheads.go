package metrics

import (
	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

var ofBulkheads = []*Description{
	{
		Name: "holdfast.bulkhead.in_use", Kind: UpDownCounter, Unit: "{call}", Stage: "bulkhead", Labels: []Label{ofBulkhead},
		Help: "Calls inside the bulkhead.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return float64(b.InUse) }),
	},
	{
		Name: "holdfast.bulkhead.waiting", Kind: UpDownCounter, Unit: "{call}", Stage: "bulkhead", Labels: []Label{ofBulkhead},
		Help: "Calls that wait to enter the bulkhead.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return float64(b.Waiting) }),
	},
	{
		Name: "holdfast.bulkhead.capacity", Kind: UpDownCounter, Unit: "{call}", Stage: "bulkhead", Labels: []Label{ofBulkhead},
		Help: "The most calls that the bulkhead lets in. Absent if there is no limit but an adaptive one.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return orUnlimited(b.MaxConcurrent) }),
	},
	{
		Name: "holdfast.bulkhead.queue_limit", Kind: UpDownCounter, Unit: "{call}", Stage: "bulkhead", Labels: []Label{ofBulkhead},
		Help: "The most calls that may wait to enter the bulkhead. Absent if any number may.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return orUnlimited(b.QueueLimit) }),
	},
	{
		Name: "holdfast.bulkhead.limit", Kind: UpDownCounter, Unit: "{call}", Stage: "bulkhead", Labels: []Label{ofBulkhead},
		Help: "The limit of an adaptive bulkhead. Absent while it has none.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return orUnlimited(b.Limit) }),
	},
	{
		Name: "holdfast.bulkhead.cuts", Kind: Counter, Unit: "{cut}", Stage: "bulkhead", Labels: []Label{ofBulkhead, ofCause},
		Help: "How often an adaptive bulkhead cut its limit, by why.",
		read: &reading{from: func(s *standing, add adder) {
			for i, b := range s.Bulkheads {
				if b.Adaptive || b.Cuts+b.LateCuts > 0 {
					add(float64(b.Cuts), number(i+1), "slow_failures")
					add(float64(b.LateCuts), number(i+1), "slow_successes")
				}
			}
		}},
	},
}

var ofBulkhead = Label{Attribute: "holdfast.bulkhead.number", Prometheus: "bulkhead",
	Help: "which of the pipeline's bulkheads it is, from 1 in the order of the stages"}

var ofCause = Label{Attribute: "holdfast.bulkhead.cause", Prometheus: "cause", Values: []string{"slow_failures", "slow_successes"},
	Help: "why an adaptive limit was cut: slow failures in a row, or successes that took longer than usual"}

var denialsOfBulkheads = []denial{
	{"bulkhead", resilience.ReasonBulkheadFull, resilience.Rejected, withBulkhead},
}

func withBulkhead(s *holdfast.Snapshot) bool { return len(s.Bulkheads) > 0 }

func readBulkhead(value func(b bulkhead.Stats) float64) *reading {
	return &reading{from: func(s *standing, add adder) {
		for i, b := range s.Bulkheads {
			add(value(b), number(i+1))
		}
	}}
}
