package holdfast

import "fmt"

// keyedGroup links the pipelines of one Keyed. A pipeline that New made has none.
type keyedGroup struct {
	total    *Pipeline // counts all calls, and has the stages and observers that the others follow
	overflow *Pipeline // serves the keys for which there is no room
	stats    func() KeyedStats
}

// total returns the total of the Keyed to which the pipeline belongs, or the pipeline itself. That
// one counts the recent calls that did not succeed, and the unclassified errors.
func (p *Pipeline) total() *Pipeline {
	if p.group != nil {
		return p.group.total
	}
	return p
}

// isTotal reports whether the pipeline is the total of a Keyed.
func (p *Pipeline) isTotal() bool { return p != nil && p.group != nil && p.group.total == p }

// inUse returns the stages that calls pass through. The total runs no calls: only those of its
// stages are in use that all keys share, since they were given already built or are stateless. The
// others are models for the stages of the keys.
func (p *Pipeline) inUse() []entry {
	if !p.isTotal() {
		return p.stages()
	}
	var shared []entry
	for _, e := range p.stages() {
		if !e.Own || e.Traits.Stateless {
			shared = append(shared, e)
		}
	}
	return shared
}

// errTotal is the error of a call through the total.
func (p *Pipeline) errTotal() error {
	return fmt.Errorf("holdfast: %s is the total over all keys of a Keyed, and runs nothing; "+
		"want the pipeline of a key (Keyed.Get) or Keyed.Overflow", p.name)
}
