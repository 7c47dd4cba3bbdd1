package fleetbus

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/fleet"
)

// ErrDown is what pods are told while the store is down.
var ErrDown = errors.New("fleetbus: the store is down")

// Config is what the network and the clocks are like all the time. The zero Config is a network
// without delay and faults.
type Config struct {
	Seed uint64 // the same seed, the same faults

	// A message takes Delay, and more by a random time of mean Jitter (exponential).
	Delay, Jitter time.Duration

	// Lost is the share of messages, 0 to 1, that never arrive: requests and answers alike. The pod
	// waits until its ctx ends.
	Lost float64

	// Repeated is the share of requests, 0 to 1, that arrive twice: the second time up to Late
	// after the first.
	Repeated float64
	Late     time.Duration

	// ClockRate is how fast the store's clock runs: 1.2 is a fifth too fast. 0 is 1. Drift is by
	// what share the clock of each pod is too fast or too slow, at most, drawn for each.
	ClockRate, Drift float64
}

// Bus is the store and the network. It is safe for concurrent use.
type Bus struct {
	config Config

	mu      sync.Mutex
	store   *store
	other   *store         // of one half, while the store is split
	half    func(int) bool // whose store that is
	cut     func(int) bool // who reaches no store
	down    bool
	jumped  time.Duration // the store's clock, so far
	pods    map[int]*pod
	traffic Traffic
}

// Traffic is what came to the store and went from it: the content of the messages, without what a
// protocol of the network adds.
type Traffic struct {
	Requests int // that arrived
	In, Out  int // bytes
}

// New returns a Bus with an empty store.
func New(c Config) *Bus {
	if c.ClockRate == 0 {
		c.ClockRate = 1
	}
	return &Bus{config: c, store: &store{}, pods: map[int]*pod{}}
}

// Pod returns the Transport of the pod with that number: the same each time. Several pods of a
// fleet may share one, if they are to share its faults.
func (b *Bus) Pod(number int) fleet.Transport {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pods[number]
	if p == nil {
		p = &pod{bus: b, number: number, rnd: rand.New(rand.NewPCG(b.config.Seed, uint64(number)))}
		p.pace = (1 + b.config.Drift*(2*p.rnd.Float64()-1)) / b.config.ClockRate
		b.pods[number] = p
	}
	return p
}

// change changes how things are, from now on.
func (b *Bus) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// Down makes the store refuse everything, or stop doing so. It forgets nothing.
func (b *Bus) Down(is bool) { b.change(func() { b.down = is }) }

// Flush makes the store forget everything.
func (b *Bus) Flush() { b.change(func() { b.store = &store{} }) }

// Jump sets the store's clock forward, or back if d is negative.
func (b *Bus) Jump(d time.Duration) { b.change(func() { b.jumped += d }) }

// Cut cuts these pods off from the store: their messages are lost. nil: none.
func (b *Bus) Cut(who func(pod int) bool) { b.change(func() { b.cut = who }) }

// Split gives these pods a store of their own, which begins as a copy of the one that the others go
// on with: a replica that one half has made its primary. nil: the halves are one again, and what
// that half has written is lost.
func (b *Bus) Split(who func(pod int) bool) {
	b.change(func() {
		b.half, b.other = who, nil
		if who != nil {
			b.other = b.store.clone()
		}
	})
}

// Pause makes a pod stand still until that time from now: what it is told by then it hears then.
func (b *Bus) Pause(number int, d time.Duration) {
	p := b.Pod(number).(*pod) //nolint:forcetypeassert // Pod makes no other
	b.change(func() { p.until = time.Now().Add(d) })
}

// Paused returns for how long the pod still stands still, 0 if it does not.
func (b *Bus) Paused(number int) time.Duration {
	p := b.Pod(number).(*pod) //nolint:forcetypeassert // Pod makes no other
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, time.Until(p.until))
}

// Traffic returns what came and went so far.
func (b *Bus) Traffic() Traffic {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.traffic
}

// reached returns the store that the pod's messages come to; nil if they are lost. The caller holds
// mu.
func (b *Bus) reached(number int) *store {
	switch {
	case b.cut != nil && b.cut(number):
		return nil
	case b.half != nil && b.half(number):
		return b.other
	}
	return b.store
}

// now is the store's time. The caller holds mu.
func (b *Bus) now() time.Time { return time.Now().Add(b.jumped) }
