package model_test

import (
	"context"
	"errors"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// retryLoop is a loop as it is used, what it was seen to do in the last call, and its model.
type retryLoop struct {
	setup retrySetup
	do    func(context.Context, resilience.Func) error
	bank  *budget.Budget
	twin  *model.Loop

	call      retryCall
	attempts  []seen
	shut      bool // the gate
	stepsLeft []step
	events    []resilience.Event
}

// seen is an attempt as it was seen from inside.
type seen struct {
	step         step
	began, ended time.Time
	refused      bool
	ctxErr       error // of the attempt's ctx, when it returned
	cut          bool  // it returned for the end of its ctx
	err          error
	atBegin      budget.Stats
	atEnd        budget.Stats
}

func newRetryLoop(s retrySetup) (*retryLoop, error) {
	l := &retryLoop{setup: s, twin: &model.Loop{Config: model.RetryDefaults(s.Config), Jitter: ownJitter{}.Jitter}}
	c := s.Config
	if s.Classified {
		c.Classify = classifier()
	}
	switch s.RetryIf {
	case "yes":
		c.RetryIf = func(error) bool { return true }
	case "no":
		c.RetryIf = func(error) bool { return false }
	case "some":
		c.RetryIf = func(err error) bool { return errors.Is(err, errPlain) || errors.Is(err, errOwn) }
	}
	l.twin.Config.RetryIf = c.RetryIf
	if s.Budget != nil {
		bank, err := budget.New(*s.Budget)
		if err != nil {
			return nil, err
		}
		l.bank, l.twin.Bank = bank, model.NewBudget(*s.Budget, time.Now())
	}
	if s.Form == "bare" {
		loop, err := retry.New(c)
		if err != nil {
			return nil, err
		}
		l.do = func(ctx context.Context, op resilience.Func) error {
			attempt := func(ctx context.Context) error { l.begin(); return op(ctx) }
			if l.bank == nil {
				return loop.Do(ctx, attempt)
			}
			return resilience.Chain(l.bank, loop).Wrap(attempt)(ctx)
		}
		return l, nil
	}
	var stages []resilience.Stage
	if s.Form == "observed" {
		stages = append(stages, holdfast.Observe(resilience.ObserverFunc(l.observe)))
	}
	if s.Classified {
		stages = append([]resilience.Stage{holdfast.Classify(c.Classify)}, stages...)
		c.Classify = nil
	}
	if s.Outer > 0 {
		stages = append(stages, deadline.In(s.Outer))
	}
	if l.bank != nil {
		stages = append(stages, l.bank)
	}
	stages = append(stages, c, resilience.Prebuilt((*gate)(l)))
	if s.Inner > 0 {
		stages = append(stages, deadline.In(s.Inner))
	}
	p, err := holdfast.New("p", append([]resilience.Stage{holdfast.SilenceUnclassified()}, stages...)...)
	if err != nil {
		return nil, err
	}
	l.do = p.Do
	return l, nil
}

func (l *retryLoop) observe(_ context.Context, e resilience.Event) {
	switch e.Kind {
	case resilience.EventAttempt, resilience.EventRetry, resilience.EventGiveUp, resilience.EventCall:
		l.events = append(l.events, e)
	}
}

func (l *retryLoop) stats() (s budget.Stats) {
	if l.bank != nil {
		s = l.bank.Stats()
	}
	return s
}

// begin notes that an attempt begins.
func (l *retryLoop) begin() *seen {
	s := step{Answer: model.OK}
	if len(l.stepsLeft) > 0 {
		s, l.stepsLeft = l.stepsLeft[0], l.stepsLeft[1:]
	}
	l.attempts = append(l.attempts, seen{step: s, began: time.Now(), atBegin: l.stats()})
	return l.last()
}

func (l *retryLoop) last() *seen { return &l.attempts[len(l.attempts)-1] }

// op does what the attempt's step says.
func (l *retryLoop) op(ctx context.Context) error {
	a := l.last()
	defer func() {
		a.ended, a.ctxErr, a.atEnd = time.Now(), ctx.Err(), l.stats()
		l.shut = a.step.Gate
	}()
	switch {
	case a.step.Obeys == "":
		time.Sleep(a.step.Takes)
	case a.step.Takes > 0:
		timer := time.NewTimer(a.step.Takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			a.cut = true
			a.err = map[string]error{"err": ctx.Err(), "cause": context.Cause(ctx), "own": errOwn}[a.step.Obeys]
			return a.err
		}
	}
	a.err = errorOf(a.step.Answer, a.step.Hint)
	return a.err
}

// gate is the guard inside the loop.
type gate retryLoop

func (g *gate) Acquire(context.Context) error {
	l := (*retryLoop)(g)
	a := l.begin()
	if a.step.Refuse {
		a.refused, a.ended, a.err, a.atEnd = true, time.Now(), errRefuse, l.stats()
		l.shut = a.step.Gate
		return errRefuse
	}
	return nil
}

func (g *gate) Release(context.Context, error) {}

func (g *gate) Ready() error {
	if g.shut {
		return resilience.MarkRejected(errGate)
	}
	return nil
}

func (g *gate) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }
