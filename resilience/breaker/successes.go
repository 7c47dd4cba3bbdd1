package breaker

import (
	"sync/atomic"

	"github.com/media-gateway/holdfast/internal/stripes"
)

// successes count successes by the turn in which their calls began, without a lock. There is one
// word for each bucket: above shift the turn that it counts for, below it the count. So an
// addition, and the reset of a bucket whose turn is over, are one atomic step each, and nothing is
// lost or counted twice where one turn follows another.
//
// The turn in a word has enough bits for a century, but no more than 40, so that the count has room
// for three successes in each nanosecond, whatever the window. (Buckets of less than 3 ms come to
// the same turn sooner: those of 1 ms after 35 years.)
//
// If callers lose many races for a word, there are copies of them from then on.
type successes struct {
	newest   atomic.Uint64 // the newest turn of an outcome
	words    []atomic.Uint64
	split    atomic.Pointer[copies] // nil before; words go on counting in sums
	patience atomic.Int32           // how many more races may be lost before it splits; 0: it does not, or did
}

// copies are of words. Each is alone on its cache lines.
type copies [stripes.Count][]atomic.Uint64

const (
	lostRaces  = 64 // until words are split
	mostSplit  = 64 // buckets: a failure has to look at all the copies
	cacheLines = 128 / 8
)

func (s *successes) init(t *turns, may bool) {
	s.words = make([]atomic.Uint64, t.buckets)
	if may && t.buckets <= mostSplit {
		s.patience.Store(lostRaces)
	}
}

// add counts a success, and returns how many there are in its word then: 0 if its turn is
// forgotten. A word that is full stays so.
func (s *successes) add(t *turns, turn, bucket uint64) uint64 {
	words := s.words
	if split := s.split.Load(); split != nil {
		words = split[stripes.Of(&turn)]
	}
	word := &words[bucket]
	for {
		was := word.Load()
		is := was + 1
		switch {
		case !t.counts(was, turn):
			if s.forgotten(t, turn) {
				return 0
			}
			s.reach(turn)
			is = turn<<t.shift | 1
		case !t.counts(is, turn):
			return t.count(was)
		}
		if word.CompareAndSwap(was, is) {
			return t.count(is)
		}
		s.lost()
	}
}

// forgotten reports whether a turn is. Asked after its words were read, it is true if one of them
// may count for a newer one.
func (s *successes) forgotten(t *turns, turn uint64) bool { return s.newest.Load() >= turn+t.buckets }

// reach makes turn the newest, unless there is a newer one. It comes before a word's first outcome
// of that turn: no word is newer than the newest.
func (s *successes) reach(turn uint64) {
	for was := s.newest.Load(); was < turn && !s.newest.CompareAndSwap(was, turn); {
		was = s.newest.Load()
	}
}

// lost takes note of a lost race.
func (s *successes) lost() {
	if s.patience.Load() > 0 && s.patience.Add(-1) == 0 {
		s.divide()
	}
}

// divide makes the copies, if there are none.
func (s *successes) divide() {
	if s.split.Load() != nil {
		return
	}
	split := new(copies)
	for i := range split {
		size := len(s.words)
		split[i] = make([]atomic.Uint64, size, (size+cacheLines-1)/cacheLines*cacheLines)
	}
	s.split.CompareAndSwap(nil, split)
}

// of returns the successes of a turn.
func (s *successes) of(t *turns, turn, bucket uint64) (n uint64) {
	if word := s.words[bucket].Load(); t.counts(word, turn) {
		n = t.count(word)
	}
	if split := s.split.Load(); split != nil {
		for i := range split {
			if word := split[i][bucket].Load(); t.counts(word, turn) {
				n += t.count(word)
			}
		}
	}
	return n
}

// counts reports whether a word counts for turn.
func (t *turns) counts(word, turn uint64) bool { return word>>t.shift<<t.shift == turn<<t.shift }

// count returns the count in a word.
func (t *turns) count(word uint64) uint64 { return word &^ (^uint64(0) << t.shift) }
