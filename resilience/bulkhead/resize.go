package bulkhead

import (
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/usual"
)

// older are calls in flight that nobody had counted when a MaxConcurrent came into force. They take
// places of it until they end; at until all of them have.
type older struct {
	calls atomic.Int64 // changed under mu
	until mono.Time
}

// expired reports whether there are such calls, and all of them must have ended.
func (o *older) expired(now mono.Time) bool { return o.calls.Load() > 0 && now > o.until }

// limit makes the state go by the MaxConcurrent of s. One more may always come in if nobody is
// counted, since nobody knows for certain how many older ones there are. The caller holds mu.
func (s *state) limit(by *settings) {
	most := by.most()
	if n := s.older.calls.Load(); n > 0 {
		most = max(1, most-n)
	}
	s.most.Store(most)
}

// endOlder takes note that one has ended.
func (s *state) endOlder(by *settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.older.calls.Load(); n > 0 {
		s.older.calls.Store(n - 1)
		s.limit(by)
	}
}

// forgetOlder ends all of them, if their time is over. It reports whether it did.
func (b *Bulkhead) forgetOlder() bool {
	s := b.state()
	if s.older.calls.Load() == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.older.expired(mono.Now()) {
		return false
	}
	s.older.calls.Store(0)
	s.limit(b.shared.settings.Load())
	return true
}

// adopt makes l the adaptive limit, if there is none, and if the bulkhead in force has one at all:
// a call from before an update may be the one that cuts it.
func (b *Bulkhead) adopt(s *state, l *limiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return b.shared.settings.Load().Adaptive != nil && s.limiter.CompareAndSwap(nil, l)
}

// resize makes all that share b's state go by other settings. Those inside stay, however many.
// Those who wait go on waiting, for as long as they would have, and get the places that there are
// now.
func (b *Bulkhead) resize(to *settings) {
	b.shared.settings.Store(to)
	s := b.shared.Load()
	if s == nil {
		if to.Adaptive != nil { // nobody is counted, and nobody waits
			return
		}
		s = b.state()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.looks() && s.times == nil {
		s.times = &usual.Times{}
	}
	s.countOlder(b, to)
	if to.Adaptive == nil {
		s.limiter.Store(nil)
		s.row.Store(0)
		s.slowAt.Store(0)
		s.quickAt.Store(0)
	}
	s.limit(to)
	b.serve()
}

// countOlder takes note of the calls in flight that b did not count. The caller holds mu.
func (s *state) countOlder(b *Bulkhead, to *settings) {
	switch l := s.limiter.Load(); {
	case to.MaxConcurrent == check.Off:
		s.older.calls.Store(0)
		return
	case b.counts:
		return
	case l != nil:
		s.older.calls.Store(l.older.Load())
	default:
		s.older.calls.Store(b.older(s.inUse.Load()))
	}
	most := b.limit
	if most <= 0 {
		most = mostOlder
	}
	s.older.until = mono.Now().Add(most)
	if s.older.calls.Load() > 0 {
		// Those who wait for these places get them then, also if no other call comes or ends.
		time.AfterFunc(chance.Pause(most+1), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			b.serve()
		})
	}
}
