package holdfast

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/media-gateway/holdfast/resilience"
)

// Pipeline is a row of stages around a call. It is safe for concurrent use, and is made by New. It
// is a resilience.Policy, so resilience.Chain can put other policies around it.
//
// A zero or nil Pipeline has no stages and runs nothing: its Do returns an error.
type Pipeline struct {
	name     string
	current  atomic.Pointer[assembly]
	group    *keyedGroup // if it belongs to a Keyed; else nil
	counters counters
	updating sync.Mutex
	watchers []*watcher                   // guarded by updating
	unknown  atomic.Pointer[unclassified] // the unclassified errors; nil before the first
}

// New returns a pipeline of the given stages. The first is the outermost. A stage is a Config, or a
// policy that is already built, which shares its state with every other pipeline that has it.
//
// New checks everything, and its error names every problem: the stage, the field, the value and
// what would be right. Besides what the stages refuse, New refuses an empty name; no stages, or a
// nil stage; two retry loops; a budget without a retry loop inside it, or two budgets; a deadline
// that can never fire because one further out ends no later; the same stateful stage twice; and a
// Policy that is neither one of this module's stages nor a resilience.Guard.
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

// blank returns a pipeline without stages. Observers may look at it before it has any.
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

// errNoPipeline is the error of a pipeline that was not made by New.
var errNoPipeline = errors.New("holdfast: the pipeline is nil or zero; want one made by holdfast.New")

// now returns the assembly in force; nil if the pipeline was not made by New.
func (p *Pipeline) now() *assembly {
	if p == nil {
		return nil
	}
	return p.current.Load()
}

// stages returns the pipeline's stages; nil if it was not made by New.
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
// If the first attempt ends Permanent, Unclassified or Canceled, or a stage refuses the call before
// it, Do returns that error as it is; if ctx ended, resilience.Ended may add that to it. If the
// call was retried, or should have been, Do returns a *retry.Error that says why it stopped.
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

// Value is p.Do for an op with a result. It returns the result of the last attempt, even with an
// error, or the zero value if there was no attempt. It allocates no more than Do.
func Value[T any](ctx context.Context, p *Pipeline, op func(ctx context.Context) (T, error)) (T, error) {
	var v T
	err := p.Do(ctx, func(ctx context.Context) (err error) {
		v, err = op(ctx)
		return err
	})
	return v, err
}

// Update replaces all stages, [Observe] included: pass the observers again to keep them. It first
// checks the new stages as New does, and an error changes nothing. Calls in flight finish on the
// old stages.
//
// Every stage keeps its state, even if its numbers changed. A breaker keeps its outcomes, or stays
// open, half-open or isolated; from then on it is open for no longer than its new numbers say. A
// bulkhead keeps those inside and those who wait, a rate limit its tokens and its queue, a budget
// its bank: a higher ratio does not fill it. An adaptive loop keeps what it has learned if its
// Window is the same. Stages are matched in order: the first breaker.Config with the breaker that
// the first breaker.Config made, and so on. Stages that are passed already built are used as they
// are.
func (p *Pipeline) Update(stages ...resilience.Stage) error {
	b, err := p.update(stages)
	if err == nil {
		b.reportUpdate(context.Background())
	}
	return err
}

// update returns the new assembly, in force. The caller tells its observers, without the lock.
func (p *Pipeline) update(stages []resilience.Stage) (*assembler, error) {
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
	p.renew(b)
	return b, nil
}

// deny counts a call or attempt that was denied for reason.
func (p *Pipeline) deny(reason resilience.Reason) {
	p.counters.deny(reason)
	if p.group != nil {
		p.group.total.counters.deny(reason)
	}
}
