package breaker

import (
	"iter"
	"maps"
	"math"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/mono"
)

// origin is where a window got its first counts: from the window whose place it took. It is for
// readers of both. It does not change.
type origin struct {
	window  *window
	was, is map[uint64]seen // what was carried over, by turn of that window, and by turn of this one
}

// origin returns where the window got its first counts; nil if it began empty.
func (w *window) origin() *origin {
	if kin := w.kin.Load(); kin != nil {
		return kin.origin
	}
	return nil
}

// reconsider makes the next outcome decide: by numbers that have changed, what is there may be
// enough to open the breaker.
func (w *window) reconsider() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.setMayTrip(w.hasFaults())
}

// decideNow decides by the numbers in force.
func (w *window) decideNow(now mono.Time) (by tripped, opens bool) {
	w = w.lock()
	defer w.mu.Unlock()
	return w.decideLocked(now)
}

// reshape returns a window of the turns in force, to take w's place. It has w's outcomes, each as
// of the beginning of its turn: so none counts for longer than the new Window, and some for up to
// one of the old turns less. Outcomes that w gets from now on go there. The caller holds the
// machine's mu.
func (w *window) reshape(r *rules, now mono.Time, narrow bool) *window {
	next := newWindow(r, w.start, narrow)
	w.mu.Lock()
	defer w.mu.Unlock()
	next.mu.Lock() // whoever comes from w waits until it is complete
	defer next.mu.Unlock()
	turn, _ := next.turn(now)
	next.successes.reach(turn)
	next.rowUnclassified, next.unclassified = w.rowUnclassified, w.unclassified
	if w.troubles != nil {
		next.trouble().cost = w.troubles.cost
	}
	next.setRow(w.row())
	next.kin.Store(&kinship{origin: &origin{window: w, was: map[uint64]seen{}, is: map[uint64]seen{}}})
	w.kin.Store(&kinship{next: next}) // without its own origin: or they would all stay in memory
	since, _ := w.turn(now)
	since = max(since, w.successes.newest.Load())
	since -= min(since, w.turns.buckets-1)
	for turn, n := range w.successes.seal(w.turns) {
		if turn >= since {
			next.carry(turn, n, faults{})
		}
	}
	if w.hasFaults() {
		head := w.troubles.head
		for turn := head - min(head, w.turns.buckets-1); turn <= head; turn++ {
			if f := w.troubles.faults[turn%w.turns.buckets]; turn >= since && f != (faults{}) {
				next.carry(turn, 0, f)
			}
		}
	}
	next.setMayTrip(next.hasFaults())
	return next
}

// carry adds what a turn of the window w came from has counted. The caller holds mu.
func (w *window) carry(turn, successes uint64, f faults) {
	o := w.origin()
	from := o.window
	to, bucket := w.turns.of(uint64(from.turns.begins(turn)))
	if w.successes.forgotten(w.turns, to) {
		return
	}
	w.successes.put(w.turns, to, bucket, successes)
	if f != (faults{}) {
		w.at(to, bucket).add(f)
	}
	carried := seen{successes, uint64(f.failures)}
	o.was[turn] = o.was[turn].plus(carried)
	o.is[to] = o.is[to].plus(carried)
}

func (s seen) plus(other seen) seen {
	return seen{s.successes + other.successes, s.failures + other.failures}
}

// add adds what another turn has counted.
func (f *faults) add(other faults) {
	f.failures.plus(other.failures)
	f.unclassified.plus(other.unclassified)
	f.slow.plus(other.slow)
	f.excluded.plus(other.excluded)
}

func (c *count) plus(n count) { *c += min(n, math.MaxUint32-*c) }

// sealed is a word that counts for no turn that comes.
const sealed = math.MaxUint64

// seal ends the counting, and yields what there is: each success that add has counted is in it, and
// for each that it has not, add returns 0.
func (s *successes) seal(t *turns) iter.Seq2[uint64, uint64] {
	return func(yield func(turn, n uint64) bool) {
		s.newest.Store(sealed) // so each turn is forgotten
		s.divide()             // or that might happen later, with words that are not sealed
		for _, words := range append(s.split.Load()[:], s.words) {
			for i := range words {
				if word := words[i].Swap(sealed); t.count(word) > 0 && !yield(word>>t.shift, t.count(word)) {
					return
				}
			}
		}
	}
}

// put adds many successes to a turn.
func (s *successes) put(t *turns, turn, bucket, n uint64) {
	word, most := &s.words[bucket], t.count(math.MaxUint64)
	for n > 0 {
		was, sum := word.Load(), n
		switch {
		case t.counts(was, turn):
			sum = min(most-t.count(was), n) + t.count(was)
		case s.forgotten(t, turn):
			return
		}
		s.reach(turn)
		if word.CompareAndSwap(was, turn<<t.shift|min(sum, most)) {
			return
		}
	}
}

// carriedFrom returns what a reader of the window from, who has seen that much of it, has seen of
// w, and adds to read what it has not. Of any other window it has seen nothing.
func (w *window) carriedFrom(from *window, saw map[uint64]seen, read *advice.Reading) map[uint64]seen {
	if w == nil || from == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.origin()
	if o == nil {
		return nil
	}
	if o.window == from {
		for turn, sum := range o.was {
			read.Successes += sum.successes - min(saw[turn].successes, sum.successes)
			read.Failures += sum.failures - min(saw[turn].failures, sum.failures)
		}
	}
	return maps.Clone(o.is)
}
