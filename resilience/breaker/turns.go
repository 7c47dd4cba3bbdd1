package breaker

import (
	"math"
	"math/bits"
	"time"
)

// turns divide the time since a window began into turns of Window/Buckets each, exactly, whether
// that divides or not.
type turns struct {
	window, buckets uint64 // of the Config
	perWindow       uint64 // 2⁶⁴/window
	perTurn         uint64 // 2⁶⁴·buckets/window
	shift           uint8  // of the turn in a word: see successes
}

// century is for how long the turns in a word are told apart, if 40 bits are enough for that.
const century = uint64(100 * 365 * 24 * time.Hour)

func newTurns(window time.Duration, buckets int) turns {
	t := turns{window: uint64(window), buckets: uint64(buckets), perWindow: math.MaxUint64, perTurn: math.MaxUint64}
	if t.window > 1 {
		t.perWindow, _ = bits.Div64(1, 0, t.window)
	}
	if t.window > t.buckets {
		t.perTurn, _ = bits.Div64(t.buckets, 0, t.window)
	}
	most, _ := bits.Mul64(century, t.perTurn)
	t.shift = uint8(64 - min(40, bits.Len64(most+1)))
	return t
}

// span returns the Window.
func (t *turns) span() time.Duration { return time.Duration(t.window) }

// of returns the turn that is in force so long after a window's start, and the bucket of that turn,
// which is its number modulo buckets. It multiplies where others divide, which takes three times as
// long: the result of that may be one too low.
func (t *turns) of(passed uint64) (turn, bucket uint64) {
	turn, _ = bits.Mul64(passed, t.perTurn)
	high, low := bits.Mul64(passed, t.buckets)
	nextHigh, nextLow := bits.Mul64(turn+1, t.window)
	if high > nextHigh || high == nextHigh && low >= nextLow {
		turn++
	}
	lap, _ := bits.Mul64(passed, t.perWindow)
	bucket = turn - lap*t.buckets
	if bucket >= t.buckets {
		bucket -= t.buckets
	}
	return turn, bucket
}
