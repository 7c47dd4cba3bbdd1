package resilience

import (
	"context"

	"github.com/media-gateway/holdfast/internal/link"
)

// Func is a protected call. It should return when ctx ends: nothing in Holdfast abandons a
// running Func, so one that ignores its ctx blocks its caller.
type Func func(ctx context.Context) error

// Policy decorates a Func: it may run it, run it again, bound it, or refuse it.
//
// Wrap is called once, where the call is wired up; the Func it returns is called for every
// call and, for every Policy of this module, from any number of goroutines at once.
type Policy interface {
	Wrap(next Func) Func
}

// PolicyFunc makes a Policy of a function. It may be in a [Chain]; a pipeline refuses it as a
// stage, since it would see the op and so move it to the heap.
type PolicyFunc func(next Func) Func

// Wrap returns f(next).
func (f PolicyFunc) Wrap(next Func) Func { return f(next) }

// Build returns f itself.
func (f PolicyFunc) Build() (Policy, error) { return f, nil }

// Stage is one entry of a pipeline: either data (a stage's Config), which Build turns into a
// Policy after checking it, or a Policy already built, whose Build returns itself so that its
// state can be shared between pipelines.
//
// An error of Build names every field that is wrong, its value, and what would be right.
type Stage interface {
	Build() (Policy, error)
}

// Prebuilt makes a Stage of a Policy that has no Build method of its own, such as a Guard
// from another library.
func Prebuilt(p Policy) Stage { return prebuilt{p} }

type prebuilt struct{ Policy }

func (p prebuilt) Build() (Policy, error) { return p.Policy, nil }

// Gate is a Policy that can say, before a call is made, that it would be refused. A retry
// loop asks the gates inside it before it sleeps, since a retry that is going to be refused
// is not worth waiting for.
type Gate interface {
	// Ready returns the error with which a call would be refused now, or nil. It must be
	// cheap, free of side effects, and safe for concurrent use.
	Ready() error
}

// Chain composes policies into one; the first is the outermost. The stages of this module find each
// other in it, as in a pipeline: a retry loop draws on the budget outside of it, and asks the
// breaker inside. Nil policies are left out; a Chain of none returns next as it is.
func Chain(policies ...Policy) Policy {
	var c chain
	for _, p := range policies {
		switch p := p.(type) {
		case nil:
		case chain: // so that a chain inside a chain links as if written out
			c = append(c, p...)
		default:
			c = append(c, p)
		}
	}
	return c
}

type chain []Policy

func (c chain) Wrap(next Func) Func {
	for i := len(c) - 1; i >= 0; i-- {
		next = c.linked(i).Wrap(next)
	}
	return next
}

// linked returns the policy at i, bound to its place.
func (c chain) linked(i int) Policy {
	if link.InChain == nil { // the program has no stage of this module
		return c[i]
	}
	row := make([]any, len(c))
	for i, p := range c {
		row[i] = p
	}
	return link.InChain(row, i).(Policy) //nolint:forcetypeassert // by contract
}
