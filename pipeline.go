package holdfast

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/media-gateway/holdfast/resilience"
)

// Pipeline is a row of stages around a call. It is safe for concurrent use, and is made by
// New. It is a resilience.Policy itself, so other policies can go around it by resilience.Chain.
//
// The zero Pipeline, and a nil one, have no stages and run nothing: Do returns an error that says
// so.
type Pipeline struct {
	name     string
	current  atomic.Pointer[assembly]
	group    *keyedGroup // if it belongs to a Keyed; else nil
	counters counters
	updating sync.Mutex
	watchers []*watcher                   // changed under updating
	unknown  atomic.Pointer[unclassified] // nil before the first such error
}

// New returns a pipeline of the given stages, the first being the outermost. A stage is a
// Config, or a policy already built, which shares its state with whoever else uses it.
//
// New checks everything, and its error names every problem: the stage, the field, the value and
// what would be right. Beside what the stages refuse, it refuses: no name, no stage, a nil stage;
// two retry loops; a budget without a retry loop inside it, or two budgets; a deadline that could
// never end anything because one further out ends sooner; the same stateful stage twice; a Policy
// that is neither one of this module's stages nor a resilience.Guard.
func New(name string, stages ...resilience.Stage) (*Pipeline, error) {
	p := blank(name)
	b, err := p.assemble(stages, nil)
	if err != nil {
		return nil, err
	}
	p.place(b)
	p.commit(b)
	return p, nil
}

// blank returns a pipeline without stages, for observers that look at it before it has any.
func blank(name string) *Pipeline {
	p := &Pipeline{name: name}
	p.counters.split()
	p.current.Store(&assembly{shortest: noDeadline, recorder: recorder{of: p}, declared: declared{name: name}})
	return p
}

// Must returns p, and panics if err is not nil. It is for package-level variables:
//
//	var payments = holdfast.Must(holdfast.New("payments", holdfast.Critical()...))
func Must(p *Pipeline, err error) *Pipeline {
	if err != nil {
		panic(err)
	}
	return p
}

// errNoPipeline is what comes of a pipeline that was not made by New.
var errNoPipeline = errors.New("holdfast: the pipeline is nil or zero; want one made by holdfast.New")

// now returns what the pipeline is made of, nil if it was not made by New.
func (p *Pipeline) now() *assembly {
	if p == nil {
		return nil
	}
	return p.current.Load()
}

// stages returns the row of the pipeline's stages, none if it was not made by New.
func (p *Pipeline) stages() []entry {
	if a := p.now(); a != nil {
		return a.row
	}
	return nil
}

// Name returns the pipeline's name.
func (p *Pipeline) Name() string {
	if p == nil {
		return ""
	}
	return p.name
}

// String returns the chain in words:
// "payments: deadline 2s → budget 10%+1/s → retry 5× 50ms…5s → breaker 50%/20 → deadline 500ms".
func (p *Pipeline) String() string {
	a := p.now()
	if a == nil {
		return "no pipeline: nil or zero"
	}
	return p.name + ": " + a.String()
}

// Wrap returns next inside the pipeline.
func (p *Pipeline) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error { return p.Do(ctx, next) }
}

// Do runs op through the stages. If ctx has ended, op does not run. A call that succeeds at its
// first attempt does not allocate, unless a deadline has to derive a ctx; op, and what it captures,
// stay on the caller's stack.
//
// A first attempt that ends Permanent, Unclassified or Canceled, and a refusal by a stage, come
// back as they are, but for what resilience.Ended adds to the error of a call whose ctx ended. A
// call that was retried, or should have been, comes back as a *retry.Error that says why it
// stopped.
func (p *Pipeline) Do(ctx context.Context, op resilience.Func) (err error) {
	a := p.now()
	if a == nil {
		return errNoPipeline
	}
	c := call{assembly: a}
	left := c.readClock(ctx)
	c.counters = p.counters.pick(&c)
	if p.group != nil {
		if p.isTotal() {
			return p.errTotal()
		}
		c.also = p.group.total.counters.pick(&c)
		c.also.started.Add(1)
	}
	c.counters.started.Add(1)
	returned := false
	defer func() {
		c.counters.finished.Add(1)
		if c.also != nil {
			c.also.finished.Add(1)
		}
		var j resilience.Judgment
		if !returned {
			err = resilience.ErrAborted
		} else if err != nil {
			j = resilience.Assess(ctx, c.classify, err)
			err = resilience.Ended(ctx, j, err)
		}
		if err != nil || c.attempts == 0 || c.observer() != nil {
			c.end(ctx, j, err)
		}
	}()
	err = c.begin(ctx, left, op)
	returned = true
	return err
}

// Value is p.Do for an op with a result. It returns what the last attempt returned, also
// beside an error; the zero value if there was no attempt. It does not allocate either.
func Value[T any](ctx context.Context, p *Pipeline, op func(ctx context.Context) (T, error)) (T, error) {
	var v T
	err := p.Do(ctx, func(ctx context.Context) (err error) {
		v, err = op(ctx)
		return err
	})
	return v, err
}

// Update replaces the stages, the observers included: whoever is to go on observing is
// passed again. The new ones are checked as by New, whole, before anything
// changes; if they are refused, nothing changes. Calls in flight finish on the old stages.
//
// A breaker or bulkhead keeps its state if its numbers did not change. A budget keeps its bank, and
// a rate limit its tokens and those who wait, even if they did: raising a ratio does not fill it.
// Stages are matched in order: the first breaker.Config with the breaker that the first
// breaker.Config made, and so on. Stages that were passed in already built are used as they are.
func (p *Pipeline) Update(stages ...resilience.Stage) error {
	a, err := p.update(stages)
	if err == nil {
		a.reportUpdate()
	}
	return err
}

// update returns the new assembly, whose observer is to be told outside of the lock.
func (p *Pipeline) update(stages []resilience.Stage) (*assembly, error) {
	if p.now() == nil {
		return nil, errNoPipeline
	}
	p.updating.Lock()
	defer p.updating.Unlock()
	b, err := p.assemble(stages, p.current.Load())
	if err != nil {
		return nil, err
	}
	p.place(b)
	p.commit(b)
	return b.assembly, nil
}

// deny counts a call that stopped, for reason.
func (p *Pipeline) deny(reason resilience.Reason) {
	p.counters.deny(reason)
	if p.group != nil {
		p.group.total.counters.deny(reason)
	}
}
