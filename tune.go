package holdfast

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// Tuning is what an operator changes in a pipeline that runs. The zero value changes nothing.
type Tuning struct {
	// By is who makes the change, for those who are told of it.
	By string

	// Budget changes the settings of the pipeline's budget: it is given those in force, every
	// default filled in, to change what it likes. As in any Config, 0 is the default and -1 is
	// none. It must not change the budget in another way meanwhile. nil leaves the budget alone.
	Budget func(c *budget.Config)

	// Isolate keeps all calls out of the breakers of these names until they are reset.
	Isolate []string

	// Reset closes the breakers of these names, isolated or not, and forgets their outcomes.
	Reset []string
}

// Tune changes numbers of the pipeline by hand, without the code that made it: all of t, or
// nothing if any of it is wrong, and then the error names every problem. The state of every stage
// stays: a raised ratio does not fill the bank. A budget or breaker shared with other
// pipelines changes for all of them. The next Update sets what its stages say.
//
// Tune returns each thing that became different. The pipeline's observers hear of each in an
// EventUpdate with that Change.
func (p *Pipeline) Tune(ctx context.Context, t Tuning) ([]resilience.Change, error) {
	if p.now() == nil {
		return nil, errNoPipeline
	}
	changes, err := p.tune(t)
	if o := p.current.Load().observer(); o != nil {
		name, key := p.nameAndKey()
		for _, c := range changes {
			o.Observe(ctx, resilience.Event{Kind: resilience.EventUpdate, Pipeline: name, Key: key, Stage: c.Stage, Change: &c})
		}
	}
	return changes, err
}

// Budget returns the pipeline's retry budget, nil if it has none.
func (p *Pipeline) Budget() *budget.Budget {
	for b := range each[*budget.Budget](p.inUse()) {
		return b
	}
	return nil
}

func (p *Pipeline) tune(t Tuning) ([]resilience.Change, error) {
	p.updating.Lock()
	defer p.updating.Unlock()
	isolate, err1 := p.breakers("Isolate", t.Isolate)
	reset, err2 := p.breakers("Reset", t.Reset)
	err := errors.Join(err1, err2, p.checkTuning(t))
	var changes []resilience.Change
	if b := p.Budget(); b != nil && t.Budget != nil {
		change := t.Budget
		if err != nil { // then only see what is wrong with the budget, too
			return nil, errors.Join(err, p.try(b, change))
		}
		from, to, err := b.Modify(change)
		if err != nil {
			return nil, p.named(err)
		}
		changes = differences(t.By, from, to)
	}
	if err != nil {
		return nil, err
	}
	for _, b := range isolate {
		changes = append(changes, switched(t.By, b, b.Isolate)...)
	}
	for _, b := range reset {
		changes = append(changes, switched(t.By, b, b.Reset)...)
	}
	return changes, nil
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

// try says what is wrong with a change of a budget that is not going to be made.
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
	var all []*breaker.Breaker
	var known []string
	for b := range each[*breaker.Breaker](p.inUse()) {
		all = append(all, b)
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

// differences lists the fields in which two settings of a budget differ. Initial is none of them:
// it was used up when the budget was made.
func differences(by string, from, to budget.Config) (changes []resilience.Change) {
	before, after := reflect.ValueOf(from), reflect.ValueOf(to)
	for field := range before.Type().Fields() {
		was, is := before.FieldByIndex(field.Index).Interface(), after.FieldByIndex(field.Index).Interface()
		if field.Name != "Initial" && !reflect.DeepEqual(was, is) {
			changes = append(changes, resilience.Change{By: by, Stage: "budget", Field: field.Name, From: was, To: is})
		}
	}
	return changes
}

// switched isolates or resets b, and says what came of it.
func switched(by string, b *breaker.Breaker, flip func()) []resilience.Change {
	from := b.State()
	flip()
	to := b.State()
	if from == to {
		return nil
	}
	return []resilience.Change{{By: by, Stage: "breaker", Name: b.Config().Name, Field: "State", From: from, To: to}}
}
