package breaker

import (
	"iter"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// window counts the outcomes of a closed breaker's calls, and says when they open it. A change of
// state makes a new one, so that outcomes of calls in flight go to the old one and change nothing.
//
// The time since start is divided into turns. An outcome belongs to the turn in which its call
// began. There is a bucket for each of the last Buckets turns, so an outcome counts for at most
// Window, and at least for Window less one turn. An outcome that comes when its turn is forgotten
// is not counted, but for failures in a row.
//
// A success takes no lock and reads no clock, unless there were failures just before or the breaker
// may open. Every other outcome takes mu, and decides over sums that hold every outcome that was
// counted before the decision began.
type window struct {
	rules     *rules // those in force: they may change while the window counts
	turns     *turns // the window's own, which do not
	start     mono.Time
	successes successes
	alert     atomic.Uint32 // changed under mu: failures in a row, over any time, and below them mayTrip

	rowUnclassified count                   // of the failures in a row, those that nobody has classified
	mu              sync.Mutex              // nobody else's code runs under it
	troubles        *troubles               // nil until there is one: there may be 100,000 windows
	unclassified    *error                  // the last of those in the window or the row; nil before
	kin             atomic.Pointer[kinship] // to windows of other turns; changed under mu; nil without one
}

// troubles are what a window has beside successes.
type troubles struct {
	head   uint64   // the newest turn that faults hold
	faults []faults // by bucket; nil until there is one
	cost   cost
}

// kinship says from which window another has its first counts, and which took its place. It does
// not change.
type kinship struct {
	next   *window // nil while it counts
	origin *origin // nil if it began empty, or after it was sealed
}

// next returns the window that took w's place, since it has other turns; nil if none did.
func (w *window) next() *window {
	if kin := w.kin.Load(); kin != nil {
		return kin.next
	}
	return nil
}

// example returns the last error that nobody has classified; nil if there was none. The caller
// holds mu.
func (w *window) example() error {
	if w.unclassified == nil {
		return nil
	}
	return *w.unclassified
}

// trouble returns the troubles, to add to them. The caller holds mu.
func (w *window) trouble() *troubles {
	if w.troubles == nil {
		w.troubles = &troubles{}
	}
	return w.troubles
}

// hasFaults reports whether there may be faults in the window. The caller holds mu.
func (w *window) hasFaults() bool { return w.troubles != nil && w.troubles.faults != nil }

// lock locks the window, or the one that took its place, and returns it.
func (w *window) lock() *window {
	for {
		w.mu.Lock()
		next := w.next()
		if next == nil {
			return w
		}
		w.mu.Unlock()
		w = next
	}
}

// latest returns the window that took w's place last, or w.
func (w *window) latest() *window {
	for next := w.next(); next != nil; next = w.next() {
		w = next
	}
	return w
}

// mayTrip is a bit of alert: see decideLocked.
const mayTrip = 1

// mostRow is the most failures in a row that are counted, and that Config.ConsecutiveFailures can
// be.
const mostRow = math.MaxUint32 >> 1

// row returns the failures in a row, over any time.
func (w *window) row() uint32 { return w.alert.Load() >> 1 }

// setRow changes row. The caller holds mu.
func (w *window) setRow(n uint32) { w.alert.Store(n<<1 | w.alert.Load()&mayTrip) }

// setMayTrip changes mayTrip. The caller holds mu.
func (w *window) setMayTrip(is bool) {
	alert := w.alert.Load() &^ mayTrip
	if is {
		alert |= mayTrip
	}
	w.alert.Store(alert)
}

// faults are what a turn has beside successes. Slow ones may be those as well.
type faults struct{ failures, unclassified, slow, excluded count }

// count is a number that stays at its greatest: of failures in one turn, which are not as many as
// that.
type count uint32

func (c *count) add() {
	if *c < math.MaxUint32 {
		*c++
	}
}

// outcome is how a call counts.
type outcome uint8

const (
	success outcome = iota
	failure
	unclassified // a failure that nobody has classified
	excluded     // says nothing about the dependency
)

// newWindow returns an empty window. If narrow is true, it stays small however many callers there
// are at once.
func newWindow(r *rules, now mono.Time, narrow bool) *window {
	w := &window{rules: r, turns: &r.Load().turns, start: now}
	w.successes.init(w.turns, !narrow)
	return w
}

// success counts a success of a call that began then. If look is true, decide has to be asked; if
// sample is true, how long the call took is worth knowing: the first successes of a turn are, and
// then one in 16.
func (w *window) success(began mono.Time) (look, sample bool) {
	turn, bucket := w.turn(began)
	n := w.successes.add(w.turns, turn, bucket)
	if n == 0 {
		if next := w.next(); next != nil {
			return next.success(began)
		}
	}
	if alert := w.alert.Load(); alert != 0 {
		look = alert&mayTrip != 0
		w = w.lock()
		w.endRow()
		w.mu.Unlock()
	}
	return look, n > 0 && (n <= 4 || n%16 == 0)
}

// endRow ends a row of failures. The caller holds mu.
func (w *window) endRow() {
	w.setRow(0)
	w.rowUnclassified = 0
}

// add counts any outcome of a call that began then and ended now. If that opens the breaker, it
// says by what.
func (w *window) add(o outcome, slow bool, began, now mono.Time, err error) (by tripped, opens bool) {
	w = w.lock()
	defer w.mu.Unlock()
	turns := w.turns
	turn, bucket := w.turn(began)
	w.successes.reach(turn)
	forgotten := w.successes.forgotten(turns, turn)
	switch o {
	case success:
		w.successes.add(turns, turn, bucket)
		w.endRow()
	case failure, unclassified:
		w.setRow(min(w.row()+1, mostRow))
		if o == unclassified {
			w.rowUnclassified.add()
			if w.unclassified == nil {
				w.unclassified = new(error)
			}
			*w.unclassified = err
		}
	case excluded:
	}
	if o == failure || o == unclassified || slow {
		w.trouble().cost.add(time.Duration(now-began), w.rules.Load().openFor)
	}
	if !forgotten && (o != success || slow) {
		w.at(turn, bucket).count(o, slow)
	}
	if o == excluded || o == success && !slow && w.alert.Load()&mayTrip == 0 {
		return tripped{}, false
	}
	return w.decideLocked(now)
}

// count counts what is no success, or was slow.
func (f *faults) count(o outcome, slow bool) {
	switch o {
	case excluded:
		f.excluded.add()
	case unclassified:
		f.unclassified.add()
		f.failures.add()
	case failure:
		f.failures.add()
	case success:
	}
	if slow {
		f.slow.add()
	}
}

// decide says whether the outcomes open the breaker now, and by what, after a success.
func (w *window) decide(now mono.Time) (by tripped, opens bool) {
	w = w.lock()
	defer w.mu.Unlock()
	if w.alert.Load()&mayTrip == 0 { // any more
		return tripped{}, false
	}
	return w.decideLocked(now)
}

// decideLocked looks at the newest turn alone, at the newest two, and so on up to the whole window,
// by which it decides. As time passes, the whole window shrinks to one of the others and gains what
// comes next. If that is successes only, none of the shares grows, so mayTrip need not be found
// again: as long as it is false, a success opens nothing, whenever it comes. It is true meanwhile,
// so that a success which comes too late for the sums asks for a decision itself. The caller holds
// mu.
func (w *window) decideLocked(now mono.Time) (by tripped, opens bool) {
	n := w.rules.Load()
	if most, row := n.consecutiveFailures, uint64(w.row()); most > 0 && row >= uint64(most) {
		return tripped{by: byRow, count: row, unclassified: uint64(w.rowUnclassified), example: w.example(), numbers: n}, true
	}
	if !w.hasFaults() {
		return tripped{}, false
	}
	w.setMayTrip(true)
	var sum tally
	may := false
	for _, counted := range w.since(now) {
		sum.add(counted.successes, counted.faults)
		may = may || n.reaches(sum)
	}
	w.setMayTrip(may)
	by, opens = n.trips(sum)
	by.example, by.numbers = w.example(), n
	return by, opens
}

// costs returns how long failures of late took.
func (w *window) costs() cost {
	w = w.lock()
	defer w.mu.Unlock()
	if w.troubles == nil {
		return cost{}
	}
	return w.troubles.cost
}

// counts returns what the window holds now.
func (w *window) counts(now mono.Time) Counts {
	w = w.lock()
	defer w.mu.Unlock()
	var sum tally
	for _, counted := range w.since(now) {
		sum.add(counted.successes, counted.faults)
	}
	return sum.counts(uint64(w.row()))
}

// counted is what a turn has counted.
type counted struct {
	successes uint64
	faults    faults
}

// since yields the turns that are not forgotten by now, the newest first, and what they have
// counted. A turn that an outcome makes forgotten meanwhile is left out, its faults as well as its
// successes. The caller holds mu.
func (w *window) since(now mono.Time) iter.Seq2[uint64, counted] {
	return func(yield func(uint64, counted) bool) {
		turns := w.turns
		turn, _ := w.turn(now)
		turn = max(turn, w.successes.newest.Load())
		bucket := turn % turns.buckets
		for range min(turns.buckets, turn+1) {
			n := w.successes.of(turns, turn, bucket)
			if w.successes.forgotten(turns, turn) {
				return
			}
			var f faults
			if w.hasFaults() && turn <= w.troubles.head && turn+turns.buckets > w.troubles.head {
				f = w.troubles.faults[bucket]
			}
			if !yield(turn, counted{n, f}) {
				return
			}
			if bucket == 0 {
				bucket = turns.buckets
			}
			bucket--
			turn--
		}
	}
}

// turn returns the turn that a moment belongs to, and its bucket. A call may have begun before the
// window by a reading of the clock that is older.
func (w *window) turn(at mono.Time) (turn, bucket uint64) {
	return w.turns.of(uint64(max(at, w.start) - w.start))
}

// at returns the faults of a turn that is not forgotten. A newer turn than head empties the buckets
// up to there. The caller holds mu.
func (w *window) at(turn, bucket uint64) *faults {
	n, t := w.turns.buckets, w.trouble()
	if t.faults == nil {
		t.faults, t.head = make([]faults, n), turn
	}
	for next := max(t.head, turn-min(n, turn)) + 1; next <= turn; next++ {
		t.faults[next%n] = faults{}
	}
	t.head = max(t.head, turn)
	return &t.faults[bucket]
}
