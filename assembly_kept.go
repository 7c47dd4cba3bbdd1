package holdfast

import (
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// policyOf builds s, or renews the policy of its counterpart in the previous assembly.
func (b *assembler) policyOf(s resilience.Stage) (resilience.Policy, error) {
	kind, ok := stage.OfConfig(s)
	if !ok {
		return s.Build()
	}
	c := kind.Named(s, b.name, "")
	var renewal stage.Renewal[resilience.Policy]
	var err error
	if was := b.counterpart(kind); was != nil {
		renewal, err = kind.Renew(was, c)
	} else {
		renewal.Policy, err = c.Build()
	}
	if err != nil {
		return nil, err
	}
	if renewal.Commit != nil {
		b.commits = append(b.commits, renewal.Commit)
	}
	if b.lenient && !renewal.Kept {
		return kind.Lenient(renewal.Policy), nil
	}
	return renewal.Policy, nil
}

// counterpart returns the policy of the previous assembly that corresponds to the next Config of
// this kind: the n-th Config of a kind there is the counterpart of the n-th here. nil: none.
func (b *assembler) counterpart(kind *stage.Kind) resilience.Policy {
	if b.previous == nil {
		return nil
	}
	n := 0
	for _, e := range b.row {
		if e.Own && e.Kind == kind {
			n++
		}
	}
	for _, e := range b.previous.row {
		if !e.Own || e.Kind != kind {
			continue
		}
		if n == 0 {
			return e.policy
		}
		n--
	}
	return nil
}
