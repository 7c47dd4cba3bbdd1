package metrics

import "github.com/media-gateway/holdfast/fleet"

var ofPool = Label{Attribute: "holdfast.fleet.budget", Prometheus: "budget",
	Help: "the retry budget whose tokens the pods share, by the first pipeline that it stands in"}

// ofPools are the metrics of budgets that the pods of a fleet share.
var ofPools = []*Description{
	{
		Name: "holdfast.fleet.pool.leased", Kind: Counter, Unit: "{token}", Stage: "fleet", Labels: []Label{ofPool},
		Help:  "Tokens that this pod got from the fleet's bucket.",
		fleet: readPools(func(s *fleet.PoolStats) float64 { return float64(s.Leased) }),
	},
	{
		Name: "holdfast.fleet.pool.given", Kind: Counter, Unit: "{token}", Stage: "fleet", Labels: []Label{ofPool},
		Help:  "Tokens that this pod gave to the fleet's bucket, or gave back.",
		fleet: readPools(func(s *fleet.PoolStats) float64 { return float64(s.Given) }),
	},
	{
		Name: "holdfast.fleet.pool.lost", Kind: Counter, Unit: "{token}", Stage: "fleet", Labels: []Label{ofPool},
		Help:  "Tokens that this pod gave to the fleet's bucket, and whose store has not answered.",
		fleet: readPools(func(s *fleet.PoolStats) float64 { return float64(s.Lost) }),
	},
	{
		Name: "holdfast.fleet.pool.level", Kind: Gauge, Unit: "{token}", Stage: "fleet", Labels: []Label{ofPool},
		Help:  "Tokens in the fleet's bucket, by the latest answer that this pod got.",
		fleet: readPools(func(s *fleet.PoolStats) float64 { return float64(s.Level) }),
	},
	{
		Name: "holdfast.fleet.pool.floor_share", Kind: Gauge, Unit: "1", Stage: "fleet", Labels: []Label{ofPool},
		Help:  "This pod's part of the floor: 1 if it is whole, 0 if there is no floor or the pod has no traffic.",
		fleet: readPools(func(s *fleet.PoolStats) float64 { return s.FloorShare }),
	},
}

// readPools reads a metric that each budget has.
func readPools(value func(s *fleet.PoolStats) float64) readsFleet {
	return func(f *fleet.Stats, add adder) {
		for i := range f.Budgets {
			s := &f.Budgets[i]
			add(value(s), Text(s.Name))
		}
	}
}
