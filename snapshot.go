package holdfast

import "github.com/media-gateway/holdfast/resilience"

// Snapshot is the state of a pipeline: its counts since it was made, and the current state of its
// stages. The counts are read one after the other while calls go on, so they are not of one moment.
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

	// Denials is how many calls and attempts this side kept from the dependency, by reason: see
	// resilience.Event.Denied. A call that failed for an error not worth a retry is not in it.
	Denials map[resilience.Reason]uint64 `json:"denials"`

	StageStats

	// Unclassified is how often attempts ended with errors that nobody has classified, the most
	// frequent kind first; those of a Keyed's keys are in its Total.
	Unclassified []UnclassifiedStats `json:"unclassified,omitempty"`

	// Keys are the numbers of the keys, if the pipeline is the Total of a Keyed; else nil. The
	// StageStats of a Total are those of stages that all keys share.
	Keys *KeyedStats `json:"keys,omitempty"`
}

// Snapshot returns the state of the pipeline. It is safe for concurrent use, and blocks no call.
// For a Keyed's Total it looks at every key, as Keyed.Stats does.
func (p *Pipeline) Snapshot() Snapshot {
	if p.now() == nil {
		return Snapshot{Name: p.Name(), Chain: p.String(), Denials: map[resilience.Reason]uint64{}}
	}
	s := p.own()
	if p.isTotal() {
		keys := p.group.stats()
		s.Keys = &keys
	}
	return s
}

// own is Snapshot without the keys.
func (p *Pipeline) own() Snapshot {
	s := p.counted()
	for _, e := range p.inUse() {
		s.add(e.report().Stats)
	}
	return s
}

// counted is own without what the stages report.
func (p *Pipeline) counted() Snapshot {
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
	s.Unclassified = p.unknown.Load().stats()
	return s
}
