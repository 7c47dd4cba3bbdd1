package holdfast

import (
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/resilience"
)

// overflowSuffix follows the Keyed's name in the name of its overflow pipeline. It is never the
// suffix of a key, which is in brackets.
const overflowSuffix = " (overflow)"

// forKey returns a pipeline for the key of this label. It fails only if the Build of a stage fails
// that is not this module's.
func (g *keyedGroup) forKey(label string) (*Pipeline, error) {
	p := &Pipeline{name: g.total.name + "[" + label + "]", group: g}
	if err := p.follow(); err != nil {
		return nil, err
	}
	return p, nil
}

// suffix returns what the pipeline's name has after the Keyed's: "[api.example.com]" or
// overflowSuffix.
func (p *Pipeline) suffix() string { return p.name[len(p.group.total.name):] }

// key returns the label of the pipeline's key, "" if it has none.
func (p *Pipeline) key() string {
	if p.group == nil || p == p.group.total || p == p.group.overflow {
		return ""
	}
	suffix := p.suffix()
	return suffix[1 : len(suffix)-1]
}

// nameAndKey returns the pipeline's name as events have it, and the key.
func (p *Pipeline) nameAndKey() (name, key string) { return p.total().name, p.key() }

// follow gives the pipeline the stages and observers that its total has now, and keeps what Update
// keeps. An error changes nothing.
func (p *Pipeline) follow() error {
	p.updating.Lock()
	defer p.updating.Unlock()
	total, was := p.group.total.current.Load(), p.current.Load()
	if was != nil && was.follows == total {
		return nil
	}
	b, err := p.derive(total, was)
	if err != nil {
		return err
	}
	p.adopt(b)
	return nil
}

// derive makes an assembly from the total's. It changes nothing that is in use.
func (p *Pipeline) derive(total, was *assembly) (b *assembler, err error) {
	defer func() {
		if v := recover(); v != nil { // in a Build that did not panic when the total was made
			err = fmt.Errorf("%s: a stage panicked: %v", p.name, v)
		}
	}()
	b = newAssembler(total.declared, was)
	b.name, b.follows, b.row, b.observers, b.stems = p.name, total, nil, nil, nil
	b.lenient = p == p.group.overflow
	if was != nil && was.follows != nil && was.version == total.version {
		b.row, b.stems = was.row, was.stems // only the observers differ, and what was tuned by hand stays
	} else {
		b.deriveRow(total.row, p.suffix())
	}
	return b, errors.Join(b.errs...)
}

// adopt puts a derived assembly into force.
func (p *Pipeline) adopt(b *assembler) {
	if o := b.follows.observer(); o != nil {
		b.observers = []resilience.Observer{o}
	}
	p.connect(b)
	p.commit(b)
}

// deriveRow makes b's row from the total's.
func (b *assembler) deriveRow(total []entry, suffix string) {
	b.row = make([]entry, 0, len(total))
	for i, e := range total {
		if own, ok := b.untouched(i, e, len(total)); ok {
			b.row = append(b.row, own)
			continue
		}
		b.row = append(b.row, b.another(i, e, suffix))
	}
}

// untouched returns the key's stage, if it was made from this one of the total's: a tuning of the
// total has left it alone.
func (b *assembler) untouched(i int, of entry, stages int) (own entry, ok bool) {
	was := b.previous
	if was == nil || len(was.row) != stages {
		return entry{}, false
	}
	own = was.row[i]
	if was.stems == nil {
		return own, own.Member == of.Member
	}
	if (*was.stems)[i] != of.Member {
		return entry{}, false
	}
	if b.stems == nil {
		stems := b.follows.stemsOr(b.follows.row)
		b.stems = &stems
	}
	return own, true
}

// another makes b's own stage from a stage of the total's. A stage that was given already built, or
// that is stateless, is shared instead. A new one shares the memory of its settings with the
// total's.
func (b *assembler) another(i int, of entry, suffix string) entry {
	switch {
	case !of.Own:
		e, _ := b.build(i, of.Given)
		return e
	case of.Traits.Stateless:
		return of
	}
	if b.previous != nil {
		e, _ := b.build(i, of.Kind.Named(of.Given, b.name, suffix))
		return entry{of.Member, e.policy}
	}
	policy, err := of.Kind.Another(of.policy, of.Given, b.name, suffix)
	if err != nil { // there was none when the total was made
		b.fail("stage %d: %w", i+1, err)
		return entry{of.Member, nil}
	}
	if b.lenient {
		policy = of.Kind.Lenient(policy)
	}
	return entry{of.Member, policy}
}
