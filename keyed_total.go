package holdfast

import "fmt"

// keyedGroup is what the pipelines of one Keyed know of each other. A pipeline that New made has
// none.
type keyedGroup struct {
	total    *Pipeline // counts all calls, and has the stages and observers that the others follow
	overflow *Pipeline // serves the keys for which there is no room
	stats    func() KeyedStats
}

// total returns the total of the Keyed to which the pipeline belongs, or the pipeline itself. It
// remembers the calls that did not succeed and the errors that nobody has classified.
func (p *Pipeline) total() *Pipeline {
	if p.group != nil {
		return p.group.total
	}
	return p
}

// isTotal reports whether the pipeline is the total of a Keyed.
func (p *Pipeline) isTotal() bool { return p != nil && p.group != nil && p.group.total == p }

// inUse returns the stages through which calls of the pipeline go. The total has no calls of its
// own: in use are the stages that were given already built, which all keys share. From the others
// it only makes those of the keys.
func (p *Pipeline) inUse() []entry {
	if !p.isTotal() {
		return p.stages()
	}
	var shared []entry
	for _, e := range p.stages() {
		if !e.Own {
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
