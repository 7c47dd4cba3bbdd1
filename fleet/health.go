package fleet

import (
	"strings"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/internal/mono"
)

// Health returns how the fleet stands, with the fleet's name, for a handler of your own. It is
// Degraded while the pod is apart from the store, and while it goes by itself because its probes
// failed and those of other pods succeeded. Why says so. Else it is Healthy, also after Leave.
//
// It is never Unhealthy. A pod without its fleet serves as well as one that never had one, and all
// pods lose the store at the same moment: a readiness probe that failed because Redis is gone would
// take all of them out of rotation. For the same reason no pipeline's Health mentions the fleet. It
// waits for nothing.
func (f *Fleet) Health() holdfast.Status {
	s := f.Stats()
	status := holdfast.Status{Name: s.Fleet}
	if s.Left {
		return status
	}
	var why []string
	if s.Apart {
		why = append(why, "no news from the fleet's store for "+f.trouble.lasted()+", so every breaker goes by itself: "+s.Why)
	}
	for _, service := range s.Services {
		if service.Banned {
			why = append(why, "probes of "+service.Name+" failed in this pod and succeeded in others")
		}
	}
	if why != nil {
		status.State, status.Why = holdfast.Degraded, strings.Join(why, "; ")
	}
	return status
}

// lasted returns for how long there are no news, in words.
func (s *trouble) lasted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return brief.Duration(mono.Since(s.since).Round(100 * time.Millisecond))
}
