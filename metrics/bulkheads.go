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
		Help: "The most calls that the bulkhead lets in.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return float64(b.MaxConcurrent) }),
	},
	{
		Name: "holdfast.bulkhead.queue_limit", Kind: UpDownCounter, Unit: "{call}", Stage: "bulkhead", Labels: []Label{ofBulkhead},
		Help: "The most calls that may wait to enter the bulkhead. Absent if any number may.",
		read: readBulkhead(func(b bulkhead.Stats) float64 { return orUnlimited(b.QueueLimit) }),
	},
}

var ofBulkhead = Label{Attribute: "holdfast.bulkhead.number", Prometheus: "bulkhead",
	Help: "which of the pipeline's bulkheads it is, from 1 in the order of the stages"}

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
