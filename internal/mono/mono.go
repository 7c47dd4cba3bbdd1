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
// A bubble's clock starts at 2000-01-01 counted from 1970, while the process's starts near
// zero: the two are 30 years apart, and no process or test runs that long.
func Bubbled() bool { return time.Duration(Now()) > 20*365*24*time.Hour }

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

// IsZero reports whether m is no moment.
func (m *Mark) IsZero() bool { return m.at == 0 && m.deadline.IsZero() }

// Elapsed returns the time passed since m.
func (m *Mark) Elapsed() time.Duration {
	if m.at != 0 {
		return Since(m.at)
	}
	return m.left - time.Until(m.deadline)
}
