package holdfast

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Snapshot is how a pipeline stands: what it has done since it was made, and the state of its
// stages now. The counts are read one after the other, while calls go on.
type Snapshot struct {
	Name  string `json:"name"`
	Chain string `json:"chain"` // the stages in words

	Live   uint64 `json:"live"`   // calls in flight
	Calls  uint64 `json:"calls"`  // calls begun
	Failed uint64 `json:"failed"` // calls that ended with an error

	// Attempts is how often an op was run: what the dependency saw of the calls. A call in
	// flight counts as one attempt until it has made more.
	Attempts uint64 `json:"attempts"`

	// Amplification is Attempts / Calls: above 1, retries add load; 0 before the first call.
	Amplification float64 `json:"amplification"`

	// Denials is how often a stage refused a call, or a retry loop stopped, by reason. A call
	// that failed at once for an error not worth a retry is not in it.
	Denials map[resilience.Reason]uint64 `json:"denials"`

	Budget    *budget.Stats    `json:"budget,omitempty"` // nil if there is none
	Breakers  []BreakerStats   `json:"breakers,omitempty"`
	Bulkheads []bulkhead.Stats `json:"bulkheads,omitempty"`
	Learned   *retry.Learned   `json:"learned,omitempty"` // by an adaptive retry loop; nil if there is none

	// Keys is how the keys stand whose Front the pipeline is; nil for any other. Their breakers are not among Breakers,
	// which are the Front's own.
	Keys *KeyedStats `json:"keys,omitempty"`
}

// BreakerStats is how a breaker stands.
type BreakerStats struct {
	Name       string         `json:"name"`
	State      breaker.State  `json:"state"`
	Why        string         `json:"why,omitempty"` // it opened: see breaker.Breaker.Why; "" if it did not
	RetryAfter time.Duration  `json:"retry_after"`   // until it probes, in nanoseconds; 0 if it is not open
	Counts     breaker.Counts `json:"counts"`
}

// Snapshot returns how the pipeline stands. It may be called at any time; it holds up no call. Of a Keyed's Front it looks
// at every key, as Keyed.Stats does.
func (p *Pipeline) Snapshot() Snapshot {
	s := p.own()
	if p.keys != nil {
		keys := p.keys()
		s.Keys = &keys
	}
	return s
}

// own is Snapshot without the keys.
func (p *Pipeline) own() Snapshot {
	a, t := p.current.Load(), p.counters.sum()
	s := Snapshot{
		Name: p.name, Chain: a.String(),
		Live: t.started - min(t.finished, t.started), Calls: t.started, Failed: t.failed,
		Attempts: t.started - min(t.unreached, t.started) + t.repeated,
		Denials:  map[resilience.Reason]uint64{},
	}
	if s.Calls > 0 {
		s.Amplification = float64(s.Attempts) / float64(s.Calls)
	}
	if denied := p.counters.denied.Load(); denied != nil {
		for reason := range denied {
			if n := denied[reason].Load(); n > 0 {
				s.Denials[resilience.Reason(reason)] = n
			}
		}
	}
	for _, e := range a.row {
		s.add(e.policy)
	}
	return s
}

func (s *Snapshot) add(p resilience.Policy) {
	switch p := p.(type) {
	case *budget.Budget:
		stats := p.Stats()
		s.Budget = &stats
	case *breaker.Breaker:
		b := BreakerStats{Name: p.Config().Name, State: p.State(), RetryAfter: p.RetryAfter(), Counts: p.Counts()}
		if why := p.Why(); why != nil {
			b.Why = why.Error()
		}
		s.Breakers = append(s.Breakers, b)
	case *bulkhead.Bulkhead:
		s.Bulkheads = append(s.Bulkheads, p.Stats())
	case *retry.Policy:
		s.Learned = p.Learned()
	}
}
