package storm

import "math/rand/v2"

// What chance is drawn for. Each has streams of its own, so that a change of the one does not move
// the others.
const (
	forArrivals = iota + 1
	forChoice
	forThinking
	forAttempts
	forJitter
	forKeys
	forTriggers
)

func (l *lab) rnd(purpose, number uint64) *rand.Rand {
	seed := mix(l.scenario.Seed, purpose)
	return rand.New(rand.NewPCG(mix(seed, number), seed))
}

// mix makes a seed of two numbers (splitmix64).
func mix(a, b uint64) uint64 {
	z := a + (b+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
