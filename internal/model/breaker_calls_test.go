package model_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing/synctest"
	"time"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// heldCall is a call that waits to be told how to end.
type heldCall struct {
	ignore   bool // errors that nobody has classified, when it began
	began    time.Time
	deadline time.Time          // of the caller's ctx; zero: none
	twin     *model.BreakerCall // nil: of a breaker that is no more
	end      chan model.Answer
	again    chan func(context.Context) // something to do inside of the op
	cancel   context.CancelFunc
	done     chan error
}

// begin begins a call in a goroutine of its own, which waits inside the op.
func (l *breakerLife) begin(timeout time.Duration) error {
	state := l.twin.State(time.Now())
	twin := l.twin.Begin(time.Now())
	ctx, cancel := context.WithCancel(context.Background())
	c := &heldCall{began: time.Now(), twin: twin, ignore: l.twin.Config.IgnoreUnclassified, end: make(chan model.Answer), again: make(chan func(context.Context)), cancel: cancel, done: make(chan error, 1)}
	if timeout > 0 {
		c.deadline = c.began.Add(timeout)
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, c.deadline)
		c.cancel = func() { stop(); cancel() }
	}
	admitted := false
	b := l.breaker
	go func() {
		returned := false
		var err error
		defer func() {
			if p := recover(); p != nil && p != any(errPlain) {
				err = fmt.Errorf("panic: %v", p)
			}
			if !returned && err == nil {
				err = errGone
			}
			c.done <- err
		}()
		err = l.guarded(b)(ctx, func(ctx context.Context) error {
			admitted = true
			for {
				select {
				case do := <-c.again:
					do(ctx)
				case a := <-c.end:
					return answer(ctx, a)
				}
			}
		})
		returned = true
	}()
	synctest.Wait()
	if admitted != (twin != nil) {
		return differ("admitted", admitted, twin != nil)
	}
	if admitted {
		l.calls = append(l.calls, c)
		return nil
	}
	cancel()
	return l.compareRefusal(<-c.done, state)
}

// answer is how an op ends.
func answer(ctx context.Context, a model.Answer) error {
	switch a {
	case model.Exits:
		runtime.Goexit()
	case model.CtxErr:
		return ctx.Err()
	}
	return errorOf(a, 0)
}

// passAgain lets a call under way pass the breaker once more, at once and with its ctx.
func (l *breakerLife) passAgain(which int, a model.Answer) error {
	if len(l.calls) == 0 || a == model.Exits || a == model.Panics {
		return nil
	}
	outer := l.calls[which%len(l.calls)]
	now := time.Now()
	if outer.twin == nil || !outer.deadline.IsZero() && now.After(outer.deadline) || l.setup.Limit > 0 && now.Sub(outer.began) >= l.setup.Limit {
		return nil // of another breaker, or with a ctx under which no call begins
	}
	done := make(chan error)
	admitted := false
	outer.again <- func(ctx context.Context) {
		done <- l.guarded(l.breaker)(ctx, func(context.Context) error {
			admitted = true
			return errorOf(a, 0)
		})
	}
	err := <-done
	synctest.Wait()
	inner := l.twin.BeginInside(outer.twin, now)
	if admitted != (inner != nil) {
		return differ("admitted", admitted, inner != nil)
	}
	if inner == nil {
		return l.compareRefusal(err, l.twin.State(now))
	}
	if a == model.OK {
		l.twin.Returned(inner, now)
	}
	l.twin.End(inner, now, l.outcomeOf(&heldCall{began: now, twin: inner, ignore: l.twin.Config.IgnoreUnclassified}, a, model.Lives, false))
	return l.compareError(err, a)
}

// guarded runs an op behind b and the deadline inside it.
func (l *breakerLife) guarded(b *breaker.Breaker) func(context.Context, resilience.Func) error {
	return func(ctx context.Context, op resilience.Func) error {
		return b.Do(ctx, func(ctx context.Context) error {
			if l.deadline == nil {
				return op(ctx)
			}
			return l.deadline.Do(ctx, op)
		})
	}
}

// errGone stands for a call that did not return.
var errGone = errors.New("the call did not return")

// end ends a call under way.
func (l *breakerLife) end(which int, a model.Answer) error {
	if len(l.calls) == 0 {
		return nil
	}
	i := which % len(l.calls)
	c := l.calls[i]
	l.calls = slices.Delete(l.calls, i, i+1)
	now := time.Now()
	ctx := model.Lives
	switch {
	case !c.deadline.IsZero() && now.After(c.deadline):
		ctx = model.RanOut
	case a == model.CtxErr:
		ctx = model.Canceled
	}
	if a == model.CtxErr {
		c.cancel()
	}
	before := l.breaker.Counts().ConsecutiveFailures
	state := l.breaker.State()
	c.end <- a
	err := <-c.done
	c.cancel()
	synctest.Wait()
	if c.twin != nil {
		// Each outcome of a series may make the next pause longer, so it may be open again.
		opens := l.breaker.State() != state && !l.twin.ProbesInSeries()
		failed := opens || l.breaker.Counts().ConsecutiveFailures > before
		if a == model.OK {
			l.twin.Returned(c.twin, now)
		}
		l.twin.End(c.twin, now, l.outcomeOf(c, a, ctx, failed))
	}
	return l.compareError(err, a)
}

// outcomeOf is what a breaker makes of an answer. failed says what it did where the model leaves a
// choice.
func (l *breakerLife) outcomeOf(c *heldCall, a model.Answer, ctx model.Ending, failed bool) model.Outcome {
	now := time.Now()
	switch a {
	case model.Panics, model.Exits:
		return model.Failure
	case model.OK:
		return model.Success
	case model.Rejects:
		return model.Nothing
	}
	had := now.Sub(c.began)
	early := a == model.Timeout && !c.deadline.IsZero() && c.deadline.Sub(now) <= had/8
	inner := l.setup.Limit > 0 && had >= l.setup.Limit && (c.deadline.IsZero() || c.deadline.Sub(c.began) > l.setup.Limit)
	judged := ctx
	if ctx == model.Lives && inner {
		judged = model.RanOut
	}
	verdict := model.Assess(a, 0, judged, l.setup.Classified).Dependency
	if definite := verdict == resilience.Permanent || verdict == resilience.Overload; (ctx != model.Lives || early) && !definite {
		may := l.twin.CutOffs(model.CutOff{Had: had, Limit: l.setup.Limit, ByCaller: ctx == model.Canceled})
		if len(may) == 1 {
			l.cutOffs[map[model.Outcome]string{model.Failure: "failure", model.Nothing: "nothing"}[may[0]]]++
			return may[0]
		}
		l.cutOffs["either"]++
		if failed {
			return model.Failure
		}
		return model.Nothing
	}
	switch verdict {
	case resilience.Success, resilience.Permanent:
		return model.Success
	case resilience.Transient, resilience.Overload:
		return model.Failure
	case resilience.Unclassified:
		if c.ignore {
			return model.Nothing
		}
		return model.Unclassified
	}
	return model.Nothing
}
