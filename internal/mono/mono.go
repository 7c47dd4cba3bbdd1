// Package mono measures time at half of time.Now's cost, and knows when it is inside a
// synctest bubble.
package mono

import "time"

var epoch = time.Now()

// Time is a reading of the monotonic clock: the time since the process began.
type Time time.Duration

// Now reads the clock. Inside a synctest bubble it reads the bubble's, whose readings compare
// with each other only.
func Now() Time { return Time(time.Since(epoch)) }

// longest is a time that can be added to any reading, twice: 146 years.
const longest = 1 << 62

// Add returns the moment d after t. A d of more than 146 years is taken for that.
func (t Time) Add(d time.Duration) Time { return t + Time(min(d, longest)) }

// Since returns the time passed since t.
func Since(t Time) time.Duration { return time.Duration(Now() - t) }

// Bubbled reports whether the calling goroutine is in a synctest bubble. A timer made there
// must not leave it, and one from outside would wait for real time.
//
// A bubble's clock has no monotonic reading, or (in the first releases that had bubbles) one
// that is 30 years ahead of the process's, and no process or test runs that long.
func Bubbled() bool {
	_, bubbled := Look()
	return bubbled
}

// Look reads the clock, and reports whether that was a bubble's: see Bubbled. It takes as long as
// time.Now, and so a little longer than Now.
func Look() (now Time, bubbled bool) {
	t := time.Now()
	passed := t.Sub(epoch)
	return Time(passed), !HasReading(t) || passed > 20*365*24*time.Hour
}

// HasReading reports whether t has a reading of the monotonic clock.
func HasReading(t time.Time) bool { return t != t.Round(0) } // Round strips it

// Date returns t as a time.Time. Its wall clock is that of the process's start, and off by as much
// as that was set since: see Dial.
func Date(t Time) time.Time { return epoch.Add(time.Duration(t)) }

// Left returns the time from now, a reading of the clock, to deadline. It looks at the clock only
// for a deadline without a monotonic reading, which cannot be compared with one.
func Left(deadline time.Time, now Time) time.Duration {
	if left, ok := AtMost(deadline, now); ok {
		return left
	}
	return time.Until(deadline)
}

// AtMost returns the time from earlier, a past reading of the clock, to deadline: the most
// that can be left until then. It does not look at the clock. ok is false for a deadline
// without a monotonic reading, which cannot be compared.
func AtMost(deadline time.Time, earlier Time) (left time.Duration, ok bool) {
	if !HasReading(deadline) {
		return 0, false
	}
	return deadline.Sub(epoch) - time.Duration(earlier), true
}

// Began is when a call began, for a stage inside it. Only this module can make one: whoever has
// none passes the zero Began.
type Began struct{ at Time }

// At returns the Began of a call that began at t; of one of which nobody knows, for the zero Time.
func At(t Time) Began { return Began{t} }

// Time returns when the call began; the zero Time, if nobody knows.
func (b Began) Time() Time { return b.at }

// OrNow returns when the call began; now, if nobody knows.
func (b Began) OrNow() Time {
	if b.at != 0 {
		return b.at
	}
	return Now()
}
