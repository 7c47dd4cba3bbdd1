package budget

import (
	"math"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	advice.BankOf = func(p resilience.Policy) (advice.Bank, bool) {
		b, ok := p.(*Budget)
		if !ok || b.unmade() != nil {
			return nil, false
		}
		return (*bank)(b), true
	}
}

// bank is a Budget as a fleet sees it. Its methods are not for users.
type bank Budget

// Put adds whole tokens, up to Burst.
func (b *bank) Put(tokens int64) (put int64) {
	of := (*Budget)(b)
	for {
		level := of.level.Load()
		put = min(tokens, (of.inForce().burst-level)/unit)
		if put < 1 {
			return 0
		}
		if of.level.CompareAndSwap(level, level+put*unit) {
			return put
		}
	}
}

// Take takes whole tokens out.
func (b *bank) Take(tokens int64) (taken int64) {
	of := (*Budget)(b)
	for {
		level := of.level.Load()
		taken = min(tokens, level/unit)
		if taken < 1 {
			return 0
		}
		if of.level.CompareAndSwap(level, level-taken*unit) {
			return taken
		}
	}
}

// ShareFloor divides the floor.
func (b *bank) ShareFloor(sharers uint64) {
	(*Budget)(b).swap(func(now *settings) *settings { return now.among(sharers) })
}

// resting is the rate of a floor that saves nothing more, but pays from what it has saved.
const resting = math.SmallestNonzeroFloat64

// among returns s with a floor that so many pods share; 0 for one that saves nothing more.
func (s *settings) among(sharers uint64) *settings {
	if s.sharers == sharers {
		return s
	}
	is := *s
	is.sharers = sharers
	switch whole := orNone(s.config.Floor); {
	case whole > 0 && sharers == 0:
		is.floor = resting
	case whole > 0:
		is.floor = whole / float64(sharers)
	}
	return &is
}
