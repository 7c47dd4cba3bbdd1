package config

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// sourcePipeline is where everything comes from that was read from a running pipeline.
const sourcePipeline = "pipeline"

// configOf returns the file that would make pipelines of these stages, each as Pipeline.Stages returns them. What only the
// linter goes by is taken from facts, which may be nil.
func configOf(pipelines iter.Seq2[string, []resilience.Stage], facts *Config) (*Config, error) {
	services := map[string]*Service{}
	var errs []error
	for name, stages := range pipelines {
		s, err := serviceOf(name, stages)
		if err != nil {
			errs = append(errs, fmt.Errorf("config: %w", err))
			continue
		}
		if facts != nil {
			known, _ := facts.Service(name)
			s.RPS, s.Calls, s.Silenced = known.RPS, known.Calls, known.Silenced
		}
		services[name] = &s
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return newConfig(services), nil
}

// serviceOf returns the service that a file would have to hold for a pipeline of the given stages, which are as
// Pipeline.Stages returns them. What no file can say (a function, a Guard, an order that a file does not
// have) is left out and noted. It fails where the stages could not make a pipeline at all.
func serviceOf(name string, stages []resilience.Stage) (Service, error) {
	if !isFileName(name) {
		return Service{}, fmt.Errorf("%q is no name that a file can have; want one that is printable, without blanks around it", name)
	}
	r := reader{service: Service{Name: name, Template: templateNone}, loop: -1}
	for i, s := range stages {
		if _, ok := s.(retry.Config); ok && r.loop < 0 {
			r.loop = i
		}
	}
	for i, s := range stages {
		if err := r.take(i, s); err != nil {
			return Service{}, fmt.Errorf("%s: stage %d: %w", name, i+1, err)
		}
	}
	r.checkOrder()
	r.service.values = settings{}
	for _, k := range allKeys {
		r.service.values[k.path] = setting{origin: Origin{Source: sourcePipeline}}
	}
	return r.service, nil
}

// reader reads a row of stages into a service.
type reader struct {
	service Service
	loop    int // where the retry loop stands; -1: there is none
	row     []place
}

// place is where in a call a stage of a file stands: the value counts from the outside.
type place int

const (
	placeDeadline place = iota
	placeBulkhead
	placeBreaker
	placeRetry
	placeBulkheadPerAttempt
	placeBreakerPerAttempt
	placeAttemptDeadline
)

var placeNames = [...]string{"deadline", "bulkhead", "breaker", "retry", "bulkhead", "breaker", "attempt_deadline"}

// note notes what the file does not say.
func (r *reader) note(format string, args ...any) {
	r.service.notes = append(r.service.notes, fmt.Sprintf(format, args...))
}

// take reads the stage at i.
func (r *reader) take(i int, s resilience.Stage) (err error) {
	inside := r.loop >= 0 && i > r.loop
	switch c := s.(type) {
	case deadline.Config:
		if c.Limit <= 0 {
			_, err = deadline.New(c)
			return err
		}
		r.deadline(c.Limit, inside)
	case bulkhead.Config:
		if c, err = c.Resolve(); err != nil {
			return err
		}
		r.bulkhead(i, c, inside)
	case budget.Config:
		if c, err = c.Resolve(); err != nil {
			return err
		}
		if r.service.Budget != nil {
			return errors.New("a second budget; a retry loop draws on one")
		}
		r.service.Budget = &c
	case retry.Config:
		if i != r.loop {
			return errors.New("a second retry loop; two multiply their attempts")
		}
		if c, err = c.Resolve(); err != nil {
			return err
		}
		r.retry(c)
	case breaker.Config:
		if c, err = c.Resolve(); err != nil {
			return err
		}
		r.breaker(i, c, inside)
	case nil:
		return errors.New("it is nil")
	default:
		r.note("stage %d, a %s: code puts it in (Registry.Amend)", i+1, typeName(s))
	}
	return nil
}

// deadline takes a deadline. With no loop to tell the call's from the attempt's, the first is the call's, unless
// something stands outside of it that a file has inside.
func (r *reader) deadline(limit time.Duration, inside bool) {
	s := &r.service
	if r.loop < 0 {
		inside = len(r.row) > 0
	}
	at, p := &s.Deadline, placeDeadline
	if inside {
		at, p = &s.AttemptDeadline, placeAttemptDeadline
	}
	if *at != 0 {
		r.note("a deadline of %s around the one of %s: the file has one at its place", brief.Duration(*at), brief.Duration(limit))
		*at = limit // it begins later, and ends sooner all the same
		return
	}
	*at = limit
	r.row = append(r.row, p)
}

func (r *reader) bulkhead(i int, c bulkhead.Config, inside bool) {
	s := &r.service
	if s.Bulkhead != nil {
		r.note("a second bulkhead (stage %d), of %d calls: the file has one", i+1, c.MaxConcurrent)
		return
	}
	if r.loop < 0 && s.Breaker != nil { // it stands inside of the breaker
		inside = true
		r.breakerPerCall()
	}
	s.Bulkhead, s.BulkheadPer = &c, PerCall
	p := placeBulkhead
	if inside {
		s.BulkheadPer, p = PerAttempt, placeBulkheadPerAttempt
	}
	r.row = append(r.row, p)
}

func (r *reader) breaker(i int, c breaker.Config, inside bool) {
	s := &r.service
	if s.Breaker != nil {
		r.note("a second breaker (stage %d, %q): the file has one", i+1, c.Name)
		return
	}
	if c.Classify != nil {
		r.note("the breaker's Classify, a function: code puts it in (Registry.Amend)")
		c.Classify = nil
	}
	switch {
	case c.Name == "" || c.Name == s.Name:
		c.Name = "" // the default
	case !isFileName(c.Name):
		r.note("the breaker's Name, %q, which is not printable", c.Name)
		c.Name = ""
	}
	s.Breaker, s.BreakerPer = &c, PerAttempt
	p := placeBreakerPerAttempt
	if r.loop >= 0 && !inside {
		s.BreakerPer, p = PerCall, placeBreaker
	}
	r.row = append(r.row, p)
}

// breakerPerCall moves the breaker of a service without a loop out of the way of a bulkhead inside of it. To
// such a service a call is an attempt.
func (r *reader) breakerPerCall() {
	r.service.BreakerPer = PerCall
	for i, p := range r.row {
		if p == placeBreakerPerAttempt {
			r.row[i] = placeBreaker
		}
	}
}

func (r *reader) retry(c retry.Config) {
	if c.Classify != nil {
		r.note("the retry loop's Classify, a function: code puts it in (Registry.Amend)")
		c.Classify = nil
	}
	if c.RetryIf != nil {
		r.note("the retry loop's RetryIf, a function: code puts it in (Registry.Amend)")
		c.RetryIf = nil
	}
	switch c.Jitter.(type) {
	case retry.StandardJitter, retry.AdditiveJitter, retry.ProportionalJitter:
	default:
		r.note("the retry loop's Jitter, a %s: code puts it in (Registry.Amend)", typeName(c.Jitter))
		c.Jitter = nil
	}
	if _, ok := c.Backoff.(retry.StandardBackoff); !ok {
		r.note("the retry loop's Backoff, a %s: code puts it in (Registry.Amend)", typeName(c.Backoff))
		c.Backoff = nil
	}
	if c.Budget != nil {
		b := c.Budget.Config()
		r.note("that the budget is the retry loop's own (retry.Config.Budget), and may be shared: here it is this service's alone")
		r.service.Budget, c.Budget = &b, nil
	}
	r.service.Retry = &c
	r.row = append(r.row, placeRetry)
}

// checkOrder notes an order that a file cannot have.
func (r *reader) checkOrder() {
	for i := range r.row[:max(0, len(r.row)-1)] {
		if r.row[i] < r.row[i+1] {
			continue
		}
		names := make([]string, len(r.row))
		for j, p := range r.row {
			names[j] = placeNames[p]
		}
		r.note("the order of its stages, which is %s", strings.Join(names, " → "))
		return
	}
}

func typeName(v any) string { return strings.TrimPrefix(reflect.TypeOf(v).String(), "*") }

// isFileName reports whether a file can have a service of that name.
func isFileName(name string) bool {
	return name != "" && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}
