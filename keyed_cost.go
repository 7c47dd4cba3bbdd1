package holdfast

import (
	"iter"

	"github.com/media-gateway/holdfast/internal/cache"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// costs says how the cache treats a pipeline, by the worth of its stages.
var costs = [...]cache.Cost{stage.Plain: cache.Cheap, stage.Learned: cache.Costly, stage.Precious: cache.Pinned}

// cost returns what would be lost if the cache evicted the pipeline. Only the stages that are its
// own count.
func (p *Pipeline) cost() cache.Cost {
	if !p.counters.idle() {
		return cache.Pinned
	}
	worth := stage.Plain
	for _, e := range p.current.Load().row {
		if e.Own {
			worth = max(worth, e.Kind.Worth(e.policy))
		}
	}
	return costs[worth]
}

// open returns the pipeline's own breakers that are not closed, as entries of its row. A breaker
// that was given already built is shared, and is not the pipeline's own.
func (p *Pipeline) open() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for _, e := range p.current.Load().row {
			if b, ok := e.policy.(*breaker.Breaker); ok && e.Own && b.State() != breaker.StateClosed && !yield(e) {
				return
			}
		}
	}
}
