package bulkhead

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// limiter is an adaptive limit in force, from its first cut on. Its methods take the time as an
// argument.
type limiter struct {
	limit atomic.Int64 // in thousandths; never below one

	// older is how many of those in flight began before the first cut, when nobody counted. At the
	// time olderUntil all of them have ended.
	older      atomic.Int64
	olderUntil mono.Time

	cut     atomic.Int64 // when it was cut last
	bound   atomic.Int64 // when it kept somebody waiting or refused somebody last, or something failed slowly
	why     atomic.Pointer[cause]
	refusal atomic.Pointer[FullError] // for the present limit, if anybody was refused at it
}

const (
	milli = 1000

	// mostOlder is how long calls count that began before anybody counted, if it is not known how
	// long they may take.
	mostOlder = 10 * time.Second
)

// newLimiter returns a limit that is cut at once: to a share of what is in flight. older of those
// are not counted, and end within most.
func newLimiter(a *Adaptive, inUse, older int64, most time.Duration, why *cause, now mono.Time) *limiter {
	if most <= 0 {
		most = mostOlder
	}
	l := &limiter{olderUntil: now.Add(most)}
	l.older.Store(older)
	l.limit.Store(cutTo(a.CutTo, math.MaxInt64, max(1, inUse+older)))
	l.cut.Store(int64(now))
	l.bound.Store(int64(now))
	l.why.Store(why)
	return l
}

// cutTo returns what a cut leaves of limit, in thousandths.
func cutTo(share float64, limit, inFlight int64) int64 {
	least := min(limit, inFlight*milli)
	return max(milli, int64(share*float64(least)))
}

// admits reports whether one more may come in while so many counted ones are in flight.
func (l *limiter) admits(inUse int64) bool {
	return inUse == 0 || (inUse+l.older.Load())*milli < l.limit.Load()
}

// ended takes note that one ended that was not counted.
func (l *limiter) ended() {
	for n := l.older.Load(); n > 0 && !l.older.CompareAndSwap(n, n-1); {
		n = l.older.Load()
	}
}

// tick forgets those that began before anybody counted, when all of them must have ended.
func (l *limiter) tick(now mono.Time) {
	if now > l.olderUntil && l.older.Load() > 0 {
		l.older.Store(0)
	}
}

// succeeded raises the limit by 1/limit if at least half of it is in use.
func (l *limiter) succeeded(inUse int64) {
	limit := l.limit.Load()
	if 2*(inUse+l.older.Load())*milli >= limit {
		l.limit.CompareAndSwap(limit, limit+max(1, milli*milli/limit)) // lost to another: its raise will do
	}
}

// congested cuts the limit, unless the last cut is too recent, and reports whether it did.
func (l *limiter) congested(a *Adaptive, inUse int64, why *cause, now mono.Time) bool {
	last := l.cut.Load()
	if time.Duration(int64(now)-last) < a.CutEvery || !l.cut.CompareAndSwap(last, int64(now)) {
		return false
	}
	l.limit.Store(cutTo(a.CutTo, l.limit.Load(), max(1, inUse+l.older.Load())))
	l.why.Store(why)
	l.refusal.Store(nil)
	return true
}

// binds takes note that the limit kept somebody waiting, or that something failed slowly.
func (l *limiter) binds(now mono.Time) { l.bound.Store(int64(now)) }

// calm reports whether the limit is not needed any more.
func (l *limiter) calm(a *Adaptive, now mono.Time) bool {
	return a != nil && a.CalmFor > 0 && time.Duration(int64(now)-l.bound.Load()) > a.CalmFor
}

// whole returns the limit as a number of calls: how many may be in flight.
func (l *limiter) whole() int { return int((l.limit.Load() + milli - 1) / milli) }

// cause is why a limit was cut. It is put into words only when somebody reads it.
type cause struct {
	row   int           // slow failures in a row; 0: successes were late
	times float64       // Adaptive.Times
	usual time.Duration // what four of five successes took
}

// Error returns "5 slow failures in a row", or "most successes took more than 2 times as long as
// usual (80ms)".
func (c *cause) Error() string {
	if c.row > 0 {
		return plural(c.row, "slow failure", "slow failures in a row")
	}
	return fmt.Sprintf("most successes took more than %g times as long as usual (%v)", c.times, c.usual.Round(time.Microsecond))
}
