package holdfast

import (
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// forKey returns a pipeline for one key of those whose front p is. It fails only by the Build of a stage that is not
// this module's.
func (p *Pipeline) forKey(label string) (*Pipeline, error) {
	keyed := &Pipeline{name: p.name + "[" + label + "]", front: p}
	if err := keyed.follow(); err != nil {
		return nil, err
	}
	return keyed, nil
}

// key returns which of its front's keys the pipeline is for, as its name says it.
func (p *Pipeline) key() string { return p.name[len(p.front.name)+1 : len(p.name)-1] }

// nameAndKey returns the pipeline's name as events have it, and the key.
func (p *Pipeline) nameAndKey() (name, key string) {
	if p.front == nil {
		return p.name, ""
	}
	return p.front.name, p.key()
}

// follow gives a key's pipeline the stages and observers that its front has now. It keeps what Update keeps. If it fails, nothing
// changes.
func (p *Pipeline) follow() (err error) {
	p.updating.Lock()
	defer p.updating.Unlock()
	front, was := p.front.current.Load(), p.current.Load()
	if was != nil && was.follows == front {
		return nil
	}
	defer func() {
		if v := recover(); v != nil { // of a Build, which did not panic when the front was made
			err = fmt.Errorf("%s: a stage panicked: %v", p.name, v)
		}
	}()
	b := &assembler{assembly: &assembly{name: p.name, shortest: noDeadline, version: front.version, follows: front}, previous: was}
	if front.observer != nil {
		b.named = []resilience.Observer{front.observer}
	}
	if was != nil && was.follows != nil && was.version == front.version {
		b.row = was.row // only the observers are others, and what was tuned by hand stays
	} else {
		b.alike(front.row)
	}
	if len(b.errs) > 0 {
		return errors.Join(b.errs...)
	}
	p.connect(b)
	p.commit(b)
	return nil
}

// alike makes the row of the front's.
func (b *assembler) alike(front []entry) {
	b.row = make([]entry, 0, len(front))
	for i, e := range front {
		policy, _ := b.another(i, e)
		b.row = append(b.row, entry{given: e.given, policy: policy})
	}
}

// another makes of the front's stage one for this pipeline's key. What has no state is the front's own, and what has a
// state shares the memory of its settings with the front's.
func (b *assembler) another(i int, of entry) (resilience.Policy, bool) {
	switch c := of.given.(type) {
	case deadline.Config:
		return of.policy, true
	case retry.Config:
		if c.Adaptive == nil {
			return of.policy, true
		}
	case breaker.Config:
		if c.Name == "" {
			c.Name = b.name
		} else {
			c.Name += b.name[len(b.follows.name):] // "[key]"
		}
		if front, ok := of.policy.(*breaker.Breaker); ok && b.previous == nil {
			return front.Another(c.Name), true
		}
		return b.build(i, c)
	case budget.Config:
		if front, ok := of.policy.(*budget.Budget); ok && b.previous == nil {
			fresh, err := front.Like(c)
			return fresh, err == nil // New had no error either
		}
	}
	return b.build(i, of.given)
}
