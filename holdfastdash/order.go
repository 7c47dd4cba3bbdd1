package holdfastdash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
)

// order is the change that a page asks for. Absent fields change nothing.
type order struct {
	Pipeline string `json:"pipeline"`

	// Values are keys and values as in a file: see config.Tune. Was has for each of them the value
	// that the sender saw: if another is in force by now, nothing is changed.
	Values map[string]string `json:"values,omitempty"`
	Was    map[string]string `json:"was,omitempty"`

	Isolate []string `json:"isolate,omitempty"`
	Reset   []string `json:"reset,omitempty"`
}

// maxValues is how many values an order may have: more than a pipeline has.
const maxValues = 200

// tuned is the response to an order that was carried out.
type tuned struct {
	Changes []changed `json:"changes"`
	Who     string    `json:"who"`
}

// changed is one change: What is the key of a file, or words.
type changed struct {
	What string `json:"what"`
	From string `json:"from"`
	To   string `json:"to"`
}

// refused is the response to an order that was not carried out.
type refused struct {
	Errors []problem `json:"errors"`
}

// problem is one thing that is wrong with an order.
type problem struct {
	Field   string `json:"field,omitempty"` // of the order, whose value is wrong: "values.retry.max_retries"
	Message string `json:"message"`
}

func (p problem) Error() string { return p.Message }

// check returns what is wrong with an order whatever the pipeline is.
func (o *order) check() *refusal {
	if len(o.Values) > maxValues || len(o.Was) > maxValues {
		return refuse(http.StatusBadRequest, fmt.Errorf("the order has %d values; want at most %d", max(len(o.Values), len(o.Was)), maxValues))
	}
	if len(o.Values) > 0 && len(o.Isolate)+len(o.Reset) > 0 {
		return refuse(http.StatusBadRequest, errors.New("the order has values, and breakers to isolate or reset; want an order for each"))
	}
	var missing []problem
	for _, key := range slices.Sorted(maps.Keys(o.Values)) {
		if _, ok := o.Was[key]; !ok {
			missing = append(missing, problem{"was." + key, fmt.Sprintf("was has no %q; want the value that you saw, so that nobody else's change is lost", key)})
		}
	}
	if missing != nil {
		return &refusal{http.StatusBadRequest, missing}
	}
	return nil
}

// carryOut makes the changes. It returns the changes made, or why not. by takes note of breakers
// that are isolated now and were not before.
func (o *order) carryOut(ctx context.Context, p *holdfast.Pipeline, who string, by *hands) ([]changed, *refusal) {
	if len(o.Values) > 0 {
		return o.turn(ctx, p, who)
	}
	changes, err := p.Tune(ctx, holdfast.Tuning{By: who, Isolate: o.Isolate, Reset: o.Reset})
	if err != nil {
		return nil, o.refusal(err)
	}
	all := make([]changed, len(changes))
	for i, c := range changes {
		all[i] = changed{c.What(), c.FromText(), c.ToText()}
		if breaker, ok := isolated(&c); ok {
			by.note(hand{p.Name(), breaker}, who)
		}
	}
	return all, nil
}

// turn changes values of stages.
func (o *order) turn(ctx context.Context, p *holdfast.Pipeline, who string) ([]changed, *refusal) {
	changes, err := config.TuneFrom(ctx, p, who, o.Was, o.Values)
	if err != nil {
		return nil, o.refusal(err)
	}
	all := make([]changed, len(changes))
	for i, c := range changes {
		all[i] = changed{c.Key, c.From, c.To}
	}
	return all, nil
}

// refusal returns why nothing was changed: with status 409 if somebody else has turned a value.
func (o *order) refusal(err error) *refusal {
	r := &refusal{http.StatusUnprocessableEntity, nil}
	if errors.Is(err, config.ErrTurned) {
		r.status = http.StatusConflict
	}
	for _, err := range joined(err) {
		p := problem{Message: err.Error()}
		if key, ok := errors.AsType[*config.KeyError](err); ok {
			p = problem{"values." + key.Key, o.Pipeline + ": " + key.Message}
		}
		r.problems = append(r.problems, p)
	}
	return r
}

// joined returns the errors that err joins, at any depth.
func joined(err error) (all []error) {
	of, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // the error itself, not one it wraps
	if !ok {
		return []error{err}
	}
	for _, err := range of.Unwrap() {
		all = append(all, joined(err)...)
	}
	return all
}
