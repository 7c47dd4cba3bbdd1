package retry

import (
	"fmt"

	"github.com/media-gateway/holdfast/internal/stage"
)

// Stats is the state of a loop at this moment. A loop that neither is Patient nor learns has none.
type Stats struct {
	Waits   *Waits   // nil if it is not Patient
	Learned *Learned // nil if it does not learn
}

// Waits are the calls of a Patient loop that wait for what was refused to them.
type Waits struct {
	Waiting    int `json:"waiting"`     // calls that wait now
	QueueLimit int `json:"queue_limit"` // the most that may; 0: any number
}

// Stats returns the state of p. It holds up no call, and is safe for concurrent use.
func (p *Policy) Stats() Stats {
	if p.unmade() != nil {
		return Stats{}
	}
	s := Stats{Learned: p.Learned()}
	if p.waiting != nil {
		s.Waits = &Waits{Waiting: int(p.waiting.calls.Load()), QueueLimit: max(0, p.config.QueueLimit)}
		if s.Waits.QueueLimit > 0 {
			s.Waits.Waiting = min(s.Waits.Waiting, s.Waits.QueueLimit) // join counts a call before it refuses it
		}
	}
	return s
}

// report says that a queue which is full is a strain: calls fail that would have waited.
func report(p *Policy) stage.Report {
	s := p.Stats()
	if s == (Stats{}) {
		return stage.Report{}
	}
	r := stage.Report{Stats: s}
	if w := s.Waits; w != nil && w.QueueLimit > 0 && w.Waiting >= w.QueueLimit {
		r.Condition = stage.Strain
		r.Why = fmt.Sprintf("%d calls wait for what was refused to them, as many as may", w.Waiting)
	}
	return r
}
