package bulkhead

import (
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// afterSlow ends a row of slow failures after a success, and notes when that was quick: it took at
// most half of what an attempt may take. It looks at the clock, so it is for a while after slow
// failures only.
func (b *Bulkhead) afterSlow(s *state, e *Entry) {
	now := mono.Now()
	s.row.Store(0)
	if began := e.began.Time(); began != 0 && time.Duration(now-began) <= b.limit/2 {
		s.quickAt.Store(int64(now))
	}
	if at := s.slowAt.Load(); time.Duration(int64(now)-at)/slowFor > b.limit {
		s.slowAt.CompareAndSwap(at, 0) // lost to a slow failure: that was not long ago
	}
}

// slowFor is for how many times as long as an attempt may take a slow failure is remembered.
const slowFor = 10

// partly reports whether a part of the dependency is well, and another part does not answer: within
// the time of one attempt a success was quick. In an overload they all wait in the same queue, and
// none is.
func (b *Bulkhead) partly(s *state, now mono.Time) bool {
	at := s.quickAt.Load()
	return at != 0 && time.Duration(int64(now)-at) < b.limit
}
