package metrics

import (
	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

var ofRateLimits = []*Description{
	{
		Name: "holdfast.ratelimit.rate", Kind: Gauge, Unit: "{call}", Stage: "ratelimit", Labels: []Label{ofRateLimit},
		Help: "The calls a second that the rate limit lets pass in the long run. Absent if it has no limit.",
		read: readRateLimit(func(l ratelimit.Stats) float64 {
			if l.Rate < 0 {
				return unlimited
			}
			return l.Rate
		}),
	},
	{
		Name: "holdfast.ratelimit.tokens", Kind: Gauge, Unit: "{token}", Stage: "ratelimit", Labels: []Label{ofRateLimit},
		Help: "Tokens in the bucket of the rate limit: so many calls pass at once.",
		read: readRateLimit(func(l ratelimit.Stats) float64 { return l.Tokens }),
	},
	{
		Name: "holdfast.ratelimit.burst_tokens", Kind: Gauge, Unit: "{token}", Stage: "ratelimit", Labels: []Label{ofRateLimit},
		Help: "The most tokens that the bucket holds.",
		read: readRateLimit(func(l ratelimit.Stats) float64 { return float64(l.Burst) }),
	},
	{
		Name: "holdfast.ratelimit.waiting", Kind: UpDownCounter, Unit: "{call}", Stage: "ratelimit", Labels: []Label{ofRateLimit},
		Help: "Calls that wait for a token of the rate limit.",
		read: readRateLimit(func(l ratelimit.Stats) float64 { return float64(l.Waiting) }),
	},
}

var ofRateLimit = Label{Attribute: "holdfast.ratelimit.number", Prometheus: "ratelimit",
	Help: "which of the pipeline's rate limits it is, from 1 in the order of the stages"}

var denialsOfRateLimits = []denial{
	{"ratelimit", resilience.ReasonRateLimited, resilience.Rejected, withRateLimit},
}

func withRateLimit(s *holdfast.Snapshot) bool { return len(s.RateLimits) > 0 }

func readRateLimit(value func(l ratelimit.Stats) float64) *reading {
	return &reading{from: func(s *standing, add adder) {
		for i, l := range s.RateLimits {
			add(value(l), number(i+1))
		}
	}}
}
