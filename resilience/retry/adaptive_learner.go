package retry

import (
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
)

const (
	maxPlaces  = 16 // attempts of a call that are told apart
	numBuckets = 10 // of a window
	lately     = 2  // of these: how far back an outage is looked for
	minPoor    = 3  // of these: in how many attempts must do poorly to be left out
	minWindow  = 100 * time.Millisecond
)

// How first attempts fare.
const (
	unknown = iota
	fair    // at least half of them succeed
	outage  // most of them fail
)

// learner counts how attempts end, by their place in the call: 0 for first attempts.
type learner struct {
	settings atomic.Pointer[Adaptive] // in force, resolved; an update may change all but the Window
	width    uint64                   // of a bucket, in nanoseconds
	born     mono.Time
	attempts [maxPlaces]window
	settled  [maxPlaces]atomic.Bool // that such an attempt is unlikely to help
	weather  atomic.Uint32          // how first attempts fare
	explored atomic.Uint64
}

func newLearner(a *Adaptive) *learner {
	if a == nil {
		return nil
	}
	l := &learner{width: uint64(a.Window) / numBuckets, born: mono.Now()}
	settings := *a
	l.settings.Store(&settings)
	return l
}

// now returns the number of the current bucket. The first is numBuckets, so that there are numbers
// for those before it. (A clock that went back, as a bubble's does against the real one, yields
// large numbers, and what was counted before does not count.)
func (l *learner) now() uint64 { return uint64(mono.Now()-l.born)/l.width + numBuckets }

// place returns where attempts are counted that come after so many others.
func place(before int) int { return min(before, maxPlaces-1) }

// note counts an attempt. One that succeeds though that was unlikely makes what is known
// about its like obsolete.
func (l *learner) note(before int, success, exploring bool) {
	if l == nil {
		return
	}
	w, now := &l.attempts[place(before)], l.now()
	if success && exploring {
		w.forget(now, 0)
	}
	w.add(now, success)
}

// unlikely reports whether neither the attempt that comes after so many others, nor any later one
// up to the last, is worth making. The former must have been seen well enough to say so.
// One of the latter saves it however seldom it was seen: a second attempt may be worth nothing
// but the way to a third.
func (l *learner) unlikely(before, last int) bool {
	if l.settings.Load().MinGain < 0 {
		return false
	}
	now, first := l.now(), place(before)
	l.look(now)
	useless := l.seen(first, now)
	for i := first; useless && i <= place(last); i++ {
		tries, successes := l.attempts[i].sum(now, numBuckets)
		useless = tries == 0 || l.poor(tries, successes)
	}
	l.settled[first].Store(useless)
	return useless
}

// seen reports whether the attempts of a place may be judged: there were enough, and they did
// poorly in enough buckets, or else a thousand callers would learn from a blip of a moment that
// retries are useless. In an outage, what was settled stays so while the few that explore say
// nothing else; to judge it anew would take all the attempts made before the first of them has
// timed out.
func (l *learner) seen(place int, now uint64) bool {
	w := &l.attempts[place]
	tries, _ := w.sum(now, numBuckets)
	if l.weather.Load() == outage && l.settled[place].Load() {
		return tries > 0
	}
	poor := 0
	for age := range uint64(numBuckets) {
		if tries, successes := w.at(now - age); tries > 0 && l.poor(tries, successes) {
			poor++
		}
	}
	return tries >= uint64(l.settings.Load().MinSamples) && poor >= minPoor
}

// poor reports whether that is too little to be worth it.
func (l *learner) poor(tries, successes uint64) bool {
	return float64(successes) < l.settings.Load().MinGain*float64(tries)
}

// look notes whether most first attempts have failed of late. When that changes, what later
// attempts taught before was learned in other circumstances, and is forgotten.
func (l *learner) look(now uint64) {
	tries, successes := l.attempts[0].sum(now, lately)
	if tries < uint64(l.settings.Load().MinSamples) {
		return
	}
	was, is, keep := l.weather.Load(), uint32(fair), uint64(0)
	if 2*successes < tries {
		is, keep = outage, lately
	}
	if was != is && l.weather.CompareAndSwap(was, is) && was != unknown {
		for i := range l.attempts[1:] {
			l.attempts[1+i].forget(now, keep)
		}
	}
}

// explore reports whether a call is to go on though that is unlikely to help.
func (l *learner) explore() bool {
	if share := l.settings.Load().Explore; share < 0 || chance.Float64() >= share {
		return false
	}
	l.explored.Add(1)
	return true
}

// stretch returns by how much the base delay is to be multiplied.
func (l *learner) stretch() float64 {
	settings := l.settings.Load()
	if settings.MaxStretch < 0 {
		return 1
	}
	tries, successes := l.attempts[0].sum(l.now(), numBuckets)
	if tries < uint64(settings.MinSamples) || 2*successes >= tries {
		return 1
	}
	return 1 + (settings.MaxStretch-1)*(1-2*float64(successes)/float64(tries))
}

// stretched returns base · by, at most limit, which is not less than base.
func stretched(base time.Duration, by float64, limit time.Duration) time.Duration {
	d := float64(base) * by
	if !(d < float64(limit)) {
		return limit
	}
	return max(base, time.Duration(d)) // a float rounds a base of months
}

// window counts tries and successes in a ring of buckets. A bucket is one word, so that it is
// read and written whole without a lock: its number's low bits, the tries, the successes.
type window [numBuckets]atomic.Uint64

const (
	countBits  = 20
	countMask  = 1<<countBits - 1
	numberBits = 64 - 2*countBits
	numberMask = 1<<numberBits - 1
	maxSamples = countMask / 2 // what a bucket still holds after it was halved
)

// add counts a try in the bucket so numbered. Where the bucket is full, both counts are halved:
// their ratio stays.
func (w *window) add(number uint64, success bool) {
	bucket := &w[number%numBuckets]
	for {
		old := bucket.Load()
		tries, successes := old>>countBits&countMask, old&countMask
		if old>>(2*countBits) != number&numberMask {
			tries, successes = 0, 0
		}
		if tries == countMask {
			tries, successes = tries/2, successes/2
		}
		tries++
		if success {
			successes++
		}
		if bucket.CompareAndSwap(old, number&numberMask<<(2*countBits)|tries<<countBits|successes) {
			return
		}
	}
}

// at returns the counts of the bucket so numbered, if it is still there.
func (w *window) at(number uint64) (tries, successes uint64) {
	word := w[number%numBuckets].Load()
	if word>>(2*countBits) != number&numberMask {
		return 0, 0
	}
	return word >> countBits & countMask, word & countMask
}

// sum returns the counts of the last so many buckets, up to the one so numbered.
func (w *window) sum(number, buckets uint64) (tries, successes uint64) {
	for age := range buckets {
		t, s := w.at(number - age)
		tries, successes = tries+t, successes+s
	}
	return tries, successes
}

// forget empties all buckets but the last so many, up to the one so numbered.
func (w *window) forget(number, keep uint64) {
	for age := keep; age < numBuckets; age++ {
		w[(number-age)%numBuckets].Store(0)
	}
}
