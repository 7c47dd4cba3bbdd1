package adapter

import (
	"fmt"

	"github.com/media-gateway/holdfast"
)

// Pipelines says which pipeline each call goes through. K is what the choice depends on: a method
// or a host, for example.
type Pipelines[K any] struct {
	// Default is for calls for which Choose returns nil. [holdfast.None] means no pipeline. Default
	// may be nil if Choose is set: then a call for which Choose returns nil fails.
	Default *holdfast.Pipeline

	// Choose returns the pipeline of a call, nil for Default, or [holdfast.None] to make the call
	// without a pipeline. It must be safe for concurrent use. If Choose is nil, every call goes
	// through Default.
	Choose func(K) *holdfast.Pipeline
}

// Check records an error in c if Default is not a pipeline, or if both Default and Choose are nil.
func (p Pipelines[K]) Check(c *Check) {
	if p.Default != holdfast.None() && (p.Default != nil || p.Choose == nil) {
		c.Pipeline(p.Default)
	}
}

// For returns the pipeline for a call, or nil if the call is to be made without one
// ([holdfast.None]). It returns an error if no pipeline was chosen: a call is unprotected only on
// request.
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
