package model_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// breakerLife is a breaker, its model, and the calls under way.
type breakerLife struct {
	setup    breakerSetup
	breaker  *breaker.Breaker
	deadline *deadline.Policy
	twin     *model.Breaker
	calls    []*heldCall
	cutOffs  map[string]int // what came of attempts that were cut off

	told *diary // what an observer was told
}

func newBreakerLife(s breakerSetup) (*breakerLife, error) {
	l := &breakerLife{setup: s, cutOffs: map[string]int{}}
	c := s.Config
	if s.Classified {
		c.Classify = classifier()
	}
	b, err := breaker.New(c)
	if err != nil {
		return nil, err
	}
	l.twin, l.told = model.NewBreaker(s.Config, time.Now()), &diary{}
	l.breaker, err = l.link(b)
	return l, err
}

// link tells a breaker who watches it, and of the deadline inside it.
func (l *breakerLife) link(b *breaker.Breaker) (*breaker.Breaker, error) {
	row := []resilience.Policy{b}
	if l.setup.Limit > 0 {
		d, err := deadline.New(deadline.In(l.setup.Limit))
		if err != nil {
			return nil, err
		}
		l.deadline = d
		row = append(row, d)
	}
	at := stage.PlaceIn(row, 0)
	at.Observer = l.told
	return at.Link().(*breaker.Breaker), nil //nolint:forcetypeassert // it is its own kind
}

func (l *breakerLife) do(op breakerOp) error {
	now := time.Now()
	switch op.Do {
	case "begin":
		return l.begin(op.Under)
	case "end":
		return l.end(op.Which, op.Answer)
	case "cancel":
		return l.end(op.Which, model.CtxErr)
	case "burst", "mix":
		for i := range op.Times {
			a := op.Answer
			if op.Do == "mix" {
				a = model.OK
				if (i+1)*op.Which/op.Times > i*op.Which/op.Times { // evenly
					a = model.Transient
				}
			}
			if err := l.quick(a); err != nil {
				return err
			}
		}
	case "pass again":
		return l.passAgain(op.Which, op.Answer)
	case "isolate":
		l.breaker.Isolate()
		l.twin.Isolate(now)
	case "reset":
		l.breaker.Reset()
		l.twin.Reset(now)
	case "with":
		time.Sleep(max(0, l.waiting(op))) // nobody looks at the breaker between that and the change
		synctest.Wait()
		return l.with(op.Config)
	case "wait":
		time.Sleep(max(0, l.waiting(op)))
		synctest.Wait()
	}
	return nil
}

// quick makes a call that takes no time.
func (l *breakerLife) quick(a model.Answer) error {
	n := len(l.calls)
	if err := l.begin(0); err != nil {
		return err
	}
	if len(l.calls) > n {
		if err := l.end(n, a); err != nil {
			return err
		}
	}
	return l.compare(false)
}

// waiting is how long to wait.
func (l *breakerLife) waiting(op breakerOp) time.Duration {
	now := time.Now()
	switch op.Until {
	case "probe":
		return l.breaker.RetryAfter() + op.Wait
	case "timeout": // of a probe that begins now
		return l.twin.Config.ProbeTimeout + op.Wait
	}
	if op.Until == "" || len(l.calls) == 0 {
		return op.Wait
	}
	c := l.calls[op.Which%len(l.calls)]
	switch op.Until {
	case "slow": // until a call had as long as makes it a failure if it is cut off
		least, most := l.twin.Patience()
		if op.Wait < 0 {
			return c.began.Add(least).Sub(now) + op.Wait
		}
		return c.began.Add(most).Sub(now) + op.Wait
	case "limit": // until a call had a tenth of what an attempt may take
		return c.began.Add(l.setup.Limit/10).Sub(now) + op.Wait
	case "nearly": // until a call had eight ninths of its time
		if !c.deadline.IsZero() {
			return c.began.Add(8*c.deadline.Sub(c.began)/9).Sub(now) + op.Wait
		}
	}
	return op.Wait
}

// with goes on with other numbers.
func (l *breakerLife) with(c breaker.Config) error {
	twin := c
	if l.setup.Classified {
		c.Classify = classifier()
	}
	r, err := stage.Of(l.breaker).Renew(l.breaker, c)
	if err != nil {
		return err
	}
	if !r.Kept {
		return differ("kept", r.Kept, true)
	}
	r.Commit()
	l.twin.Renumber(twin, time.Now())
	// A change of HalfOpenProbes makes another gobreaker, which lets nobody in at the nanosecond at
	// which it was made.
	time.Sleep(2)
	l.breaker, err = l.link(r.Policy.(*breaker.Breaker)) //nolint:forcetypeassert // it is its own kind
	return err
}

// silent reports whether nobody needs to be told before the next call: who isolates or resets is no
// call, and one that does not return tells nobody.
func silent(op breakerOp) bool {
	leaves := op.Do == "end" || op.Do == "burst"
	return op.Do == "isolate" || op.Do == "reset" || op.Do == "with" || leaves && (op.Answer == model.Exits || op.Answer == model.Panics)
}

func (x *breakerStats) live(e episode[breakerSetup, breakerOp], done *int) error {
	l, err := newBreakerLife(e.setup)
	if err != nil {
		return err
	}
	defer func() {
		for _, c := range l.calls {
			c.end <- model.OK
			if err := <-c.done; err != nil {
				panic(err)
			}
			c.cancel()
		}
		x.add(l)
	}()
	untold := false
	for i, op := range e.ops {
		*done += max(1, op.Times)
		err := l.do(op)
		if err == nil {
			untold = silent(op) || untold && op.Do != "begin" && op.Do != "burst" && op.Do != "mix"
			err = l.compare(!untold)
		}
		if err != nil {
			return fmt.Errorf("operation %d, %v: %w", i, op, err)
		}
	}
	return nil
}

// breakerStats is what the operations came to.
type breakerStats struct {
	changes map[model.Change]int
	spread  []float64
	cutOffs map[string]int
}

func (x *breakerStats) add(l *breakerLife) {
	for _, c := range l.twin.Changes {
		x.changes[c]++
	}
	x.spread = append(x.spread, l.twin.Spread...)
	for what, n := range l.cutOffs {
		x.cutOffs[what] += n
	}
}

func TestBreakerIsWhatItsDocumentationSays(t *testing.T) {
	x := &breakerStats{changes: map[model.Change]int{}, cutOffs: map[string]int{}}
	experiment[breakerSetup, breakerOp]{operations: 300_000, generate: generateBreaker, live: x.live}.run(t)
	for from, all := range map[resilience.State][]resilience.State{
		resilience.StateClosed: {resilience.StateOpen, resilience.StateIsolated}, resilience.StateOpen: {resilience.StateHalfOpen, resilience.StateIsolated},
		resilience.StateHalfOpen: {resilience.StateOpen, resilience.StateClosed}, resilience.StateIsolated: {resilience.StateClosed},
	} {
		for _, to := range all {
			require.Greater(t, x.changes[model.Change{From: from, To: to}], suite.Tries(50), "the operations come to every change: %v", x.changes)
		}
	}
	require.Greater(t, x.cutOffs["failure"], suite.Tries(100))
	require.Greater(t, x.cutOffs["nothing"], suite.Tries(100))
	require.Less(t, x.cutOffs["either"], x.cutOffs["failure"]+x.cutOffs["nothing"], "mostly the documentation decides")
	requireEven(t, x.spread)
}
