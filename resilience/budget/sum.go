package budget

import (
	"math"
	"sync/atomic"
)

// sum adds up amounts of tokens. It is a float, since a count of units would overflow in the life
// of a busy process. It is safe for concurrent use.
type sum struct{ bits atomic.Uint64 }

func (s *sum) add(amount float64) {
	for {
		was := s.bits.Load()
		if s.bits.CompareAndSwap(was, math.Float64bits(math.Float64frombits(was)+amount)) {
			return
		}
	}
}

func (s *sum) load() float64 { return math.Float64frombits(s.bits.Load()) }
