package fleet

import (
	"slices"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// choice says which breakers of the pipelines are followed: all of those that the program names,
// and of the others those whose Config has Fleet set.
type choice struct {
	named map[*holdfast.Pipeline]bool
	found bool // a Follow without names found a service
}

// choose returns the choice as of now.
func (f *Fleet) choose() choice {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := choice{named: map[*holdfast.Pipeline]bool{}}
	for _, followed := range f.follows {
		if len(followed.services) == 0 {
			for range followed.registry.All() {
				c.found = true
				break
			}
		}
		for _, name := range followed.services {
			if p, ok := followed.registry.Get(name); ok {
				c.named[p] = true
			}
		}
	}
	for _, p := range f.pipelines {
		c.named[p] = true
	}
	return c
}

// breakersOf returns the breakers of a pipeline that are followed.
func (c *choice) breakersOf(p *holdfast.Pipeline) []*breaker.Breaker {
	all := p.Breakers()
	if c.named[p] {
		return all
	}
	return slices.DeleteFunc(all, func(b *breaker.Breaker) bool { return !b.Config().Fleet })
}

// idleFor is for how many ticks in a row a fleet finds nothing to do before it says so: a program
// may follow a registry before it applies its file.
const idleFor = 6

const idleWhy = "none of the services that Follow found shares anything with the fleet; write breaker: {fleet: on} or " +
	"budget: {fleet: pooled} into the file (Fleet: true in a Config), or name the services in Follow"

// idleness is how long a fleet has had nothing to do. It belongs to the tick at work.
type idleness struct {
	ticks int
	why   string
}

// look takes note of a tick. After some without anything to do it says so, once.
func (s *idleness) look(f *Fleet) {
	if !f.members.choice.found || len(f.members.all) > 0 || len(f.pools.all) > 0 {
		*s = idleness{}
		return
	}
	if s.ticks++; s.ticks == idleFor {
		s.why = idleWhy
		f.say(sayings{func(f *Fleet) {
			f.log.Warn("the fleet has nothing to do", "fleet", f.name, "pod", f.pod, "why", idleWhy)
		}})
	}
}
