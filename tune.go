package holdfast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// Tuning is what an operator changes in a running pipeline. The zero value changes nothing.
type Tuning struct {
	// By says who makes the change. Observers find it in Change.By.
	By string

	// Budget changes the settings of the pipeline's budget. It gets those in force, with every
	// default filled in, and changes some of them. As in any Config, 0 means the default and -1
	// means off. It must not change the budget in another way, as by Tune. nil changes nothing.
	Budget func(c *budget.Config)

	// Stages changes the numbers of the pipeline's stages. It gets them as [Pipeline.Stages]
	// returns them, and changes fields of the Configs in place: numbers, choices, switches, and
	// Adaptive. Each keeps its place and its kind; names and code (Classify, RetryIf) are Update's
	// to change. A budget or rate limit that was given already built may be changed, for all
	// pipelines that share it; any other stage only if it was given as a Config. A budget's Initial
	// has no effect.
	//
	// It should depend only on its argument: it runs under no lock, and runs again if another
	// change of the stages comes first. nil changes nothing.
	Stages func(stages []resilience.Stage)

	// Isolate names breakers that are to refuse all calls until they are reset.
	Isolate []string

	// Reset names breakers to close, isolated or not. They forget their outcomes.
	Reset []string
}

// Tune changes the running pipeline by hand. It makes all changes of t, or none if any is wrong;
// then the error names every problem. Every stage keeps its state, as by [Pipeline.Update]: a
// higher ratio does not fill the bank, and an open breaker stays open. Calls in flight finish with
// the numbers with which they began, but for limits of what is in flight, which hold at once. A
// budget or breaker that is shared with other pipelines changes for all of them. The next Update
// replaces the tuned numbers by those of its stages.
//
// Of the [Keyed.Total], Stages changes the numbers of all keys, as [Keyed.Update] does, and of
// those that come: a key follows at its next Get. What was tuned in one key alone stays until the
// same stage is tuned in the Total, or until an Update.
//
// Tune returns each value that it changed. The pipeline's observers get an EventUpdate with each
// Change, and ctx. ctx does not end Tune: if it has ended, as that of a request whose client has
// gone, the change is made all the same. Tune is safe for concurrent use.
func (p *Pipeline) Tune(ctx context.Context, t Tuning) ([]resilience.Change, error) {
	if p.now() == nil {
		return nil, errNoPipeline
	}
	for i := range mostStagings {
		changes, err := p.tune(t, p.ask(t))
		if errors.Is(err, errOvertaken) {
			time.Sleep(time.Duration(chance.Uint64N(uint64(1+i*i))) * time.Microsecond) // or many who try again would overtake each other for ever
			continue
		}
		p.tellChanges(ctx, changes)
		return changes, err
	}
	return nil, fmt.Errorf("%s: Tuning: Stages: others changed the stages %d times meanwhile; "+
		"want a func that changes no pipeline itself and returns soon, or another try later", p.name, mostStagings)
}

// tellChanges tells the observers of changes that were made by hand.
func (p *Pipeline) tellChanges(ctx context.Context, changes []resilience.Change) {
	if o := p.current.Load().observer(); o != nil {
		name, key := p.nameAndKey()
		for _, c := range changes {
			o.Observe(ctx, resilience.Event{Kind: resilience.EventUpdate, Pipeline: name, Key: key, Stage: c.Stage, Change: &c})
		}
	}
}

// Budget returns the pipeline's retry budget, nil if it has none.
func (p *Pipeline) Budget() *budget.Budget {
	for b := range each[*budget.Budget](p.inUse()) {
		return b
	}
	return nil
}

// Breakers returns the pipeline's breakers, the outermost first; nil if it has none. The Total of a
// Keyed has only those that all keys share. An Update may replace them: ask again instead of
// keeping them. It allocates the slice.
func (p *Pipeline) Breakers() []*breaker.Breaker {
	return slices.Collect(each[*breaker.Breaker](p.inUse()))
}

// tune makes the changes of t, and those of s, which Stages asks for. s may be nil.
func (p *Pipeline) tune(t Tuning, s *staged) ([]resilience.Change, error) {
	p.updating.Lock()
	defer p.updating.Unlock()
	if s.overtaken(p.current.Load()) {
		return nil, errOvertaken
	}
	isolate, err1 := p.breakers("Isolate", t.Isolate)
	reset, err2 := p.breakers("Reset", t.Reset)
	err := errors.Join(err1, err2, p.checkTuning(t), p.prepare(s), p.checkTwice(t, s))
	var changes []resilience.Change
	if err == nil && s != nil && s.assembler != nil {
		p.connect(s.assembler) // observers' code may panic: before anything changes
	}
	if b := p.Budget(); b != nil && t.Budget != nil {
		change := t.Budget
		if err != nil { // change nothing, but say what is wrong with the budget, too
			return nil, errors.Join(err, p.try(b, change))
		}
		from, to, err := b.Modify(change)
		if err != nil {
			return nil, p.named(err)
		}
		for _, c := range differences(from, to) {
			c.By, c.Stage = t.By, "budget"
			changes = append(changes, c)
		}
	}
	if err != nil {
		return nil, err
	}
	changes = append(changes, p.carryOut(t.By, s)...)
	for _, b := range isolate {
		changes = append(changes, switched(t.By, b, resilience.StateIsolated)...)
	}
	for _, b := range reset {
		changes = append(changes, switched(t.By, b, resilience.StateClosed)...)
	}
	return changes, nil
}

// carryOut makes the changes that were prepared, and returns them.
func (p *Pipeline) carryOut(by string, s *staged) (changes []resilience.Change) {
	if s == nil || s.assembler == nil {
		return nil
	}
	p.commit(s.assembler)
	row := s.assembler.reading()
	for _, t := range s.touched {
		for _, c := range differences(t.from, t.to) {
			c.By, c.Stage, c.Name = by, row[t.at].Name, nameIn(row, t.at, t.to)
			changes = append(changes, c)
		}
	}
	return changes
}

// checkTwice refuses a budget that is changed in two ways.
func (p *Pipeline) checkTwice(t Tuning, s *staged) error {
	if s == nil || t.Budget == nil {
		return nil
	}
	for _, t := range s.touched {
		if s.of.row[t.at].Traits.DrawnOn {
			return fmt.Errorf("%s: Tuning: Budget and Stages both change the budget; want one of them", p.name)
		}
	}
	return nil
}

func (p *Pipeline) checkTuning(t Tuning) error {
	var errs []error
	if t.Budget != nil && p.Budget() == nil {
		errs = append(errs, fmt.Errorf("%s: Tuning: Budget is set; %s", p.name, p.lacks("budget to change")))
	}
	for _, name := range t.Isolate {
		if slices.Contains(t.Reset, name) {
			errs = append(errs, fmt.Errorf("%s: Tuning: Isolate and Reset both name breaker %q; want one of them", p.name, name))
		}
	}
	return errors.Join(errs...)
}

// lacks says that there is no such stage to tune.
func (p *Pipeline) lacks(stage string) string {
	if p.isTotal() {
		return "the keys share no " + stage + "; tune the pipeline of a key (Keyed.Get), or Keyed.Overflow"
	}
	return "the pipeline has no " + stage
}

// try returns what is wrong with a change of a budget, without making it.
func (p *Pipeline) try(b *budget.Budget, change func(*budget.Config)) error {
	c := b.Config()
	change(&c)
	c.Initial = 0
	_, err := c.Resolve()
	return p.named(err)
}

// named puts the pipeline's name before each of the errors that err joins.
func (p *Pipeline) named(err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, e := range flatten(err) {
		errs = append(errs, fmt.Errorf("%s: %w", p.name, e))
	}
	return errors.Join(errs...)
}

// breakers returns the pipeline's breakers of the given names.
func (p *Pipeline) breakers(field string, names []string) (found []*breaker.Breaker, err error) {
	all := p.Breakers()
	var known []string
	for _, b := range all {
		known = append(known, strconv.Quote(b.Config().Name))
	}
	var errs []error
	for _, name := range names {
		n := len(found)
		for _, b := range all {
			if b.Config().Name == name {
				found = append(found, b)
			}
		}
		switch {
		case len(found) > n:
		case len(all) == 0:
			errs = append(errs, fmt.Errorf("%s: Tuning: %s names breaker %q; %s", p.name, field, name, p.lacks("breaker")))
		default:
			errs = append(errs, fmt.Errorf("%s: Tuning: %s names breaker %q; want one of %s", p.name, field, name, strings.Join(known, ", ")))
		}
	}
	return found, errors.Join(errs...)
}

// switched isolates or resets b, and returns the change of b's state, if any. Others may switch b
// at the same time: each returns what it has changed itself.
func switched(by string, b *breaker.Breaker, to resilience.State) []resilience.Change {
	of, ok := advice.Of(b)
	if !ok { // it was not made by New, and so stands in no pipeline
		return nil
	}
	var from resilience.State
	if to == resilience.StateIsolated {
		from, _ = of.Isolate(nil)
	} else {
		from = of.Reset()
	}
	if from == to {
		return nil
	}
	return []resilience.Change{{By: by, Stage: "breaker", Name: b.Config().Name, Field: "State", From: from, To: to}}
}
