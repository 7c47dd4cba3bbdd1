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

// Since returns the time passed since t.
func Since(t Time) time.Duration { return time.Duration(Now() - t) }

// Bubbled reports whether the calling goroutine is in a synctest bubble. A timer made there
// must not leave it, and one from outside would wait for real time.
//
// A bubble's clock has no monotonic reading, or (in the first releases that had bubbles) one
// that is 30 years ahead of the process's, and no process or test runs that long.
func Bubbled() bool {
	now := time.Now()
	return now == now.Round(0) || time.Duration(Now()) > 20*365*24*time.Hour // Round strips it
}

// Mark is a moment to measure from. The zero Mark is no moment.
//
// Where the time left until a deadline had to be read anyway, that reading is the mark: one
// look at the clock serves both.
type Mark struct {
	at       Time
	deadline time.Time
	left     time.Duration
}

// MarkNow returns the present moment.
func MarkNow() Mark { return Mark{at: Now()} }

// MarkUntil returns the present moment, and the time left until deadline.
func MarkUntil(deadline time.Time) (Mark, time.Duration) {
	left := time.Until(deadline)
	return Mark{deadline: deadline, left: left}, left
}

// MarkBefore returns the moment that lay d before deadline.
func MarkBefore(deadline time.Time, d time.Duration) Mark { return Mark{deadline: deadline, left: d} }

// AtMost returns the time from earlier, a past reading of the clock, to deadline: the most
// that can be left until then. It does not look at the clock. ok is false for a deadline
// without a monotonic reading, which cannot be compared.
func AtMost(deadline time.Time, earlier Time) (left time.Duration, ok bool) {
	if deadline == deadline.Round(0) {
		return 0, false
	}
	return deadline.Sub(epoch) - time.Duration(earlier), true
}

// IsZero reports whether m is no moment.
func (m *Mark) IsZero() bool { return m.at == 0 && m.deadline.IsZero() }

// Elapsed returns the time passed since m.
func (m *Mark) Elapsed() time.Duration {
	if m.at != 0 {
		return Since(m.at)
	}
	return m.left - time.Until(m.deadline)
}
