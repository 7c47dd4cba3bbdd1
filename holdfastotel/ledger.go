package holdfastotel

import (
	"sync"
	"weak"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// ledger adds up what the budgets of the pipelines of one name have counted, those included
// that gave way to others: OpenTelemetry does not allow a counter to fall.
type ledger struct {
	mu     sync.Mutex
	seen   map[weak.Pointer[budget.Budget]]budget.Stats // as they last were
	closed budget.Stats                                 // the sum of those that are no more
}

// read returns the sums. A budget that several pipelines share is one.
func (l *ledger) read(all []*holdfast.Pipeline) budget.Stats {
	l.mu.Lock() // also while Stats are made: older ones must not come after
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[weak.Pointer[budget.Budget]]budget.Stats{}
	}
	for _, p := range all {
		if b := p.Budget(); b != nil {
			l.seen[weak.Make(b)] = b.Stats()
		}
	}
	sum := l.closed
	for b, stats := range l.seen {
		add(&sum, stats)
		if b.Value() == nil {
			add(&l.closed, stats)
			delete(l.seen, b)
		}
	}
	return sum
}

func add(to *budget.Stats, s budget.Stats) {
	to.Deposits += s.Deposits
	to.Withdrawals += s.Withdrawals
	to.FloorPaid += s.FloorPaid
	to.Refunds += s.Refunds
	to.Refused += s.Refused
	to.ShadowRefused += s.ShadowRefused
}
