// Package chance draws the random numbers that production code needs: from math/rand/v2's global
// source, or, in a bubble of testing/synctest, from a seeded one that a storm has put there, so
// that its report can be had again. It also lets a storm see to it that no two pauses end in the
// same nanosecond, after which it would be chance who goes on first.
package chance

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// seeded is nil but during a storm.
var seeded atomic.Pointer[source]

type source struct {
	mu  sync.Mutex
	rnd *rand.Rand
}

// Seed makes numbers drawn in bubbles come from a source seeded so, until restore is called. Code
// outside of bubbles notices nothing. There can be one seed at a time: whoever calls Seed sees to
// that.
func Seed(seed1, seed2 uint64) (restore func()) {
	was := seeded.Swap(&source{rnd: rand.New(rand.NewPCG(seed1, seed2))})
	return func() { seeded.Store(was) }
}

// pauses is nil but during a storm.
var pauses atomic.Pointer[func(time.Duration) time.Duration]

// MovePauses makes Pause return what move does, in bubbles, until restore is called.
func MovePauses(move func(time.Duration) time.Duration) (restore func()) {
	was := pauses.Swap(&move)
	return func() { pauses.Store(was) }
}

// Pause returns how long to pause instead of d: d, or, in a storm, some nanoseconds more.
func Pause(d time.Duration) time.Duration {
	if move := pauses.Load(); move != nil && mono.Bubbled() {
		return (*move)(d)
	}
	return d
}

// Float64 returns a number from 0 up to, but not including, 1.
func Float64() float64 {
	if s := seeded.Load(); s != nil {
		return s.float64()
	}
	return rand.Float64()
}

// Uint64N returns a number from 0 up to, but not including, n. It panics if n is 0.
func Uint64N(n uint64) uint64 {
	if s := seeded.Load(); s != nil {
		return s.uint64N(n)
	}
	return rand.Uint64N(n)
}

// OneIn16 returns true once in 16 times, by chance, for who knows what time it was a moment ago:
// outside of storms the nanoseconds of that are chance enough, and cost a tenth of a random number.
func OneIn16(at mono.Time) bool {
	if seeded.Load() != nil {
		return Uint64N(16) == 0
	}
	const golden = 0x9e3779b97f4a7c15 // 2^64 by the golden ratio: Knuth's multiplicative hash
	mixed := uint64(at) * golden
	mixed ^= mixed >> 32 // once more, or times at a regular distance would not mix
	return mixed*golden>>60 == 0
}

func (s *source) float64() float64 {
	if !mono.Bubbled() {
		return rand.Float64()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.Float64()
}

func (s *source) uint64N(n uint64) uint64 {
	if !mono.Bubbled() {
		return rand.Uint64N(n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.Uint64N(n)
}
