package budget

import (
	"sync"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// floor is what pays when the bank has too little: a token bucket that time fills. It is asked only
// when a call has failed and the bank cannot pay, so a lock is cheap enough. It takes a quarter of
// the memory of a rate.Limiter; a process may have 100,000 budgets.
type floor struct {
	mu    sync.Mutex
	saved float64   // tokens, when it was last asked
	at    mono.Time // when that was
}

// savedBy returns what is saved at now, by the settings s.
func (f *floor) savedBy(now mono.Time, s *settings) float64 {
	passed := max(0, time.Duration(now-f.at)) // below 0: another clock, a synctest bubble's
	return min(s.mostSaved(), f.saved+s.floor*passed.Seconds())
}

// pay takes the price, in tokens, if it is saved. Whoever is less than a nanosecond short has
// enough: sums of fractions are not exact.
func (f *floor) pay(now mono.Time, price float64, s *settings) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	saved := f.savedBy(now, s)
	if (price-saved)*float64(time.Second) >= s.floor {
		return false
	}
	f.saved, f.at = saved-price, now
	return true
}

// change keeps what is saved under the settings from, cut to what may be saved under to. The caller
// holds mu.
func (f *floor) change(now mono.Time, from, to *settings) {
	f.saved, f.at = min(f.savedBy(now, from), to.mostSaved()), now
}
