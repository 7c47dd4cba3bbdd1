package breaker

import (
	"math"
	"sync/atomic"
)

// streak is how many outcomes in a row were failures. It is kept here, since gobreaker's own count forgets with the window:
// a dependency with little traffic would never have enough failures in one, nor one whose attempts hang for as long as that.
//
// The lower half is the count. The upper half is the number of changes of state so far, so that the result of a
// call which began before the last one is of no consequence.
type streak struct{ word atomic.Uint64 }

const half = 32

// begin returns what the outcome of a call that begins now is to be told with.
func (s *streak) begin() (epoch uint64) { return s.word.Load() >> half }

// end counts an outcome: nil, errFailure, or errExcluded, which is none.
func (s *streak) end(epoch uint64, outcome error) {
	if outcome == errExcluded { //nolint:errorlint // identity: the machine's own signal
		return
	}
	for {
		was := s.word.Load()
		is := was + 1
		switch {
		case was>>half != epoch, outcome != nil && uint32(was) == math.MaxUint32:
			return
		case outcome == nil:
			is = epoch << half
		}
		if is == was || s.word.CompareAndSwap(was, is) { // mostly the former: a success after a success writes nothing
			return
		}
	}
}

// length returns how many failures in a row it is.
func (s *streak) length() uint32 { return uint32(s.word.Load()) }

// restart begins anew, after a change of state. Only one goroutine does so at a time.
func (s *streak) restart() { s.word.Store((s.word.Load()>>half + 1) << half) }
