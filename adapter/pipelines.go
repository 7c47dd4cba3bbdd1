package adapter

import (
	"fmt"

	"github.com/media-gateway/holdfast"
)

// Pipelines says which pipeline each call goes through: by its method, its host, or whatever else K
// is.
type Pipelines[K any] struct {
	// Default is for the calls that Choose does not know. [holdfast.None] stands for no pipeline.
	// It may be nil if there is a Choose: then a call that Choose does not know fails.
	Default *holdfast.Pipeline

	// Choose returns a call's pipeline, nil for Default, or [holdfast.None] for a call that is to
	// be made without one. It is called from many goroutines at once. If it is nil, every call goes
	// through Default.
	Choose func(K) *holdfast.Pipeline
}

// Check notes what is wrong: neither a Default nor a Choose, or a Default that is no pipeline.
func (p Pipelines[K]) Check(c *Check) {
	if p.Default != holdfast.None() && (p.Default != nil || p.Choose == nil) {
		c.Pipeline(p.Default)
	}
}

// For returns the pipeline for a call, or nil for a call that is to be made without one. It returns
// an error for a call that has no pipeline: nothing goes unprotected unless somebody said so.
func (p Pipelines[K]) For(call K) (*holdfast.Pipeline, error) {
	chosen := p.Default
	if p.Choose != nil {
		if c := p.Choose(call); c != nil {
			chosen = c
		}
	}
	if chosen == holdfast.None() {
		return nil, nil //nolint:nilnil // see above
	}
	if why := unmade(chosen); why != "" {
		return nil, fmt.Errorf("the pipeline for this call is %s; want one made by holdfast.New, or holdfast.None() to make the call without one", why)
	}
	return chosen, nil
}
