package metrics

import (
	"fmt"
	"weak"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// reading says how a metric is read from a pipeline.
type reading struct {
	from func(s *standing, add adder)
	// whose returns the owner of the counts; nil: the pipeline. Pipelines that share a budget must
	// not count it twice.
	whose func(s *standing) owner
}

// adder receives a value of a metric, with the values of its labels.
type adder func(v float64, values ...string)

// standing is what metrics read from a pipeline.
type standing struct {
	holdfast.Snapshot

	pipeline *holdfast.Pipeline
	budget   *budgetStanding // nil without one
	breakers []string        // their names, made unique
}

type budgetStanding struct {
	budget.Stats

	budget *budget.Budget
	config budget.Config
}

type (
	learned    = retry.Learned
	waits      = retry.Waits
	keyedStats = holdfast.KeyedStats
)

func standingOf(p *holdfast.Pipeline) *standing {
	s := &standing{Snapshot: p.Snapshot(), pipeline: p}
	if b := p.Budget(); b != nil { // not from the Snapshot, which may be of another budget
		s.budget = &budgetStanding{b.Stats(), b, b.Config()}
	}
	taken := map[string]bool{}
	for _, b := range s.Breakers {
		name := Text(b.Name)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s#%d", Text(b.Name), n)
		}
		taken[name] = true
		s.breakers = append(s.breakers, name)
	}
	return s
}

func readBudget(from func(b *budgetStanding, add adder)) *reading {
	return &reading{
		from: func(s *standing, add adder) {
			if s.budget != nil {
				from(s.budget, add)
			}
		},
		whose: func(s *standing) owner { return weakly[budget.Budget]{weak.Make(s.budget.budget)} },
	}
}

func readLearned(from func(l *learned, add adder)) *reading {
	return &reading{from: func(s *standing, add adder) {
		if s.Learned != nil {
			from(s.Learned, add)
		}
	}}
}

func readWaits(value func(w *waits) float64) *reading {
	return &reading{from: func(s *standing, add adder) {
		if s.Waits != nil {
			add(value(s.Waits))
		}
	}}
}

func readKeys(value func(k *keyedStats) float64) *reading {
	return &reading{from: func(s *standing, add adder) {
		if s.Keys != nil {
			add(value(s.Keys))
		}
	}}
}

// orUnlimited returns a limit, where 0 means no limit.
func orUnlimited(limit int) float64 {
	if limit == 0 {
		return unlimited
	}
	return float64(limit)
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
