package mono

import (
	"sync/atomic"
	"time"
)

// Dial relates readings of the monotonic clock to time.Time. The wall clock may be set while the
// process runs, so each Dial is right for the time at which it was asked for. One Dial gives the
// same time.Time for a reading whenever it is asked.
type Dial struct {
	at   Time
	date time.Time // that moment, with its monotonic reading if there is one
}

// latest is the Dial that was right when somebody last asked.
var latest atomic.Pointer[Dial]

// maxSkew is how far the wall clock may be from a Dial before a new one is made.
const maxSkew = time.Millisecond

// DialNow returns the Dial of this moment. It looks at the wall clock, and allocates only if that
// was set since somebody last asked.
func DialNow() *Dial {
	now := time.Now()
	at := Time(now.Sub(epoch))
	d := latest.Load()
	if d == nil || !d.shows(at, now) {
		d = &Dial{at: at, date: now}
		latest.Store(d)
	}
	return d
}

// Date returns the reading t as a time.Time.
func (d *Dial) Date(t Time) time.Time { return d.date.Add(time.Duration(t - d.at)) }

// shows reports whether now is what d makes of at.
func (d *Dial) shows(at Time, now time.Time) bool {
	is := d.Date(at)
	return HasReading(is) == HasReading(now) && now.Round(0).Sub(is.Round(0)).Abs() < maxSkew
}
