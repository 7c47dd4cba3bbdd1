package metrics

import (
	"sync"
	"weak"

	"github.com/media-gateway/holdfast"
)

// ledger adds up counts that are read from budgets and the like. It includes those that do not
// exist any more, since a counter must not fall when a pipeline gets another budget.
type ledger struct {
	mu     sync.Mutex
	seen   map[account]float64 // the last values of owners that exist
	closed map[line]float64    // the sums over owners that do not exist any more
}

// line identifies a sum: a metric and its label values.
type line struct {
	of     *Description
	values string
}

// account identifies the part of a line that one owner has counted.
type account struct {
	line

	owner owner
}

// owner is the stage or pipeline that counts. The ledger does not keep it alive.
type owner interface{ gone() bool }

type weakly[T any] struct{ weak.Pointer[T] }

func (w weakly[T]) gone() bool { return w.Value() == nil }

func (r *reading) ownerOf(s *standing) owner {
	if r.whose != nil {
		return r.whose(s)
	}
	return weakly[holdfast.Pipeline]{weak.Make(s.pipeline)}
}

// note notes what an owner has counted. It ignores a value below the last one: a concurrent reader
// may bring an older value later.
func (l *ledger) note(who owner, d *Description, values []string, v float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen, l.closed = map[account]float64{}, map[line]float64{}
	}
	a := account{line{d, joined(values)}, who}
	l.seen[a] = max(l.seen[a], v)
}

// total returns the sum over all owners.
func (l *ledger) total(d *Description, values []string) float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := line{d, joined(values)}
	for a, v := range l.seen {
		if a.line == of && a.owner.gone() {
			l.closed[of] += v
			delete(l.seen, a)
		}
	}
	sum := l.closed[of]
	for a, v := range l.seen {
		if a.line == of {
			sum += v
		}
	}
	return sum
}
