package holdfastdash

import (
	"sync"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// hands remembers who isolated which breaker by hand: the breaker itself only knows whose order for
// a fleet isolated it. It knows of changes that were made on the page, and of those that the
// program made while somebody looked. The zero value is empty. It is safe for concurrent use.
type hands struct {
	mu sync.Mutex
	by map[hand]isolation
}

// hand is a breaker of a pipeline.
type hand struct{ pipeline, breaker string }

type isolation struct {
	by string
	at time.Time
}

// note takes note of a breaker that was isolated.
func (h *hands) note(breaker hand, by string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[hand]isolation{}
	}
	h.by[breaker] = isolation{by, time.Now()}
}

// who returns who isolated a breaker, "" if that is not known.
func (h *hands) who(breaker hand) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.by[breaker].by
}

// keep forgets the breakers of a pipeline that were found not isolated at a time, or gone: somebody
// has reset them. One that was isolated after that time stays.
func (h *hands) keep(pipeline string, found time.Time, isolated func(breaker string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for breaker, is := range h.by {
		if breaker.pipeline == pipeline && is.at.Before(found) && !isolated(breaker.breaker) {
			delete(h.by, breaker)
		}
	}
}

// isolates returns whether an event tells of a change that isolates a breaker, and which. Those of
// the keys of a Keyed do not count: no page shows them.
func isolates(e *resilience.Event) (breaker string, ok bool) {
	if e.Change == nil || e.Key != "" {
		return "", false
	}
	return isolated(e.Change)
}

// isolated returns whether a breaker was isolated, and which.
func isolated(c *resilience.Change) (breaker string, ok bool) {
	return c.Name, c.Stage == "breaker" && c.To == any(resilience.StateIsolated)
}
