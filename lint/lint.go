package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience"
)

// Service is what Check checks: the stages of one pipeline, its traffic, and what it calls.
type Service struct {
	Name   string
	Stages []resilience.Stage // the outermost first: Configs, or policies that were built from them

	RPS   float64 // calls per second of one instance; 0: not known, and what depends on it is not checked
	Calls []Call  // the services that this one calls while it answers a call

	Silenced []Silence

	// Keyed says that the stages are those of a holdfast.Keyed: each Config among them is built for
	// each key, and what is built already is shared by all keys.
	Keyed bool

	// Where, if set, returns the place of a setting ("retry.max_retries", or "" for the service
	// itself). If it returns the zero Position, the finding has the place of the section that the
	// setting belongs to.
	Where func(key string) Position
}

// Call is an edge between two services: one calls the other.
type Call struct {
	Service string
	PerCall float64 // calls made for each call answered; 0: 1
}

// Silence says that the findings with a code are known and accepted, and why. Without a reason it
// silences nothing.
type Silence struct {
	Code, Reason string
	Line         int // in the service's file; 0: not known
}

// Options holds what Check cannot see in the services. The zero value is valid.
type Options struct {
	Pods int // instances of each service, for what all of them do together; 0: not known

	// Store is the name of the service whose calls go to the store that the fleet stands on: see
	// package fleet. "": not known.
	Store string
}

// Check checks each service, and what several services do together. It does not fail: stages that
// it cannot read are a finding. It is safe for concurrent use while nobody changes the services.
func Check(services []Service, o Options) Report {
	c := checker{options: o}
	for i := range services {
		c.service(&services[i])
	}
	c.tellOutages()
	c.tellFleets()
	c.tellFewPods()
	c.hops()
	for i := range services {
		c.silence(&services[i])
	}
	c.putFirst()
	slices.SortStableFunc(c.findings, worstFirst)
	return Report{Findings: c.findings}
}

// worstFirst sorts errors first, then warnings, then infos, each in the order of their file.
// Silenced findings are last.
func worstFirst(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(min(len(a.Silenced), 1), min(len(b.Silenced), 1)),
		cmp.Compare(b.Severity, a.Severity),
		strings.Compare(a.Position.File, b.Position.File),
		cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Position.Column, b.Position.Column),
		strings.Compare(a.Service, b.Service), strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message),
	)
}

// checker collects findings.
type checker struct {
	options  Options
	findings []Finding
	subjects []subject // the services whose stages could be read
}

// subject is a service and its plan.
type subject struct {
	*Service
	plan.Plan
	checker     *checker
	best, worst plan.Schedule
	unpaid      float64
}

// Best, Worst and Unpaid are the plan's, computed once.
func (s subject) Best() plan.Schedule  { return s.best }
func (s subject) Worst() plan.Schedule { return s.worst }
func (s subject) Unpaid() float64      { return s.unpaid }

// longAgo is longer than anybody waits. Longer times count as no limit, so that sums of times do
// not overflow.
const longAgo = 365 * 24 * time.Hour

// callTakes returns the most that a call may take, plan.Forever if nothing bounds it.
func (s subject) callTakes() time.Duration {
	w := s.worst
	if w.More && w.Runs == len(w.Attempts) { // and there are more attempts than are listed
		w.End = s.Deadline
	}
	return sane(w.End)
}

// mayTake returns the most that a caller may have to wait for a call: callTakes, or more if the
// loop is patient and waits for what is refused to it.
func (s subject) mayTake() time.Duration { return max(s.callTakes(), sane(s.LongestCall())) }

// attemptTakes returns the most that an attempt may take, plan.Forever if nothing bounds it.
func (s subject) attemptTakes() time.Duration { return sane(s.AttemptLimit()) }

// sane returns plan.Forever for a time that is no limit: 0 or less, or more than longAgo.
func sane(d time.Duration) time.Duration {
	if d <= 0 || d > longAgo {
		return plan.Forever
	}
	return d
}

func (c *checker) service(s *Service) {
	p, err := plan.Of(s.Stages)
	if err != nil {
		f := c.begin(s, unreadable, "")
		f.say("its stages cannot be read: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
		f.end()
		return
	}
	if !s.Keyed {
		p.Pods = c.options.Pods
	}
	v := subject{Service: s, Plan: p, checker: c, best: p.Best(), worst: p.Worst(), unpaid: p.Unpaid()}
	c.subjects = append(c.subjects, v)
	for _, check := range checks {
		check(v)
	}
}

// draft is a finding that is not finished. The methods that note a number return its text for the
// sentence, so a finding has no number that its sentence does not show.
type draft struct {
	Finding
	checker *checker
}

func (c *checker) begin(s *Service, code, key string) *draft {
	doc, _ := Explain(code)
	return &draft{checker: c, Finding: Finding{
		Code: code, Severity: doc.Severity, Service: s.Name, Key: key, Position: s.position(key),
	}}
}

func (s subject) begin(code, key string) *draft { return s.checker.begin(s.Service, code, key) }

func (d *draft) end() { d.checker.findings = append(d.checker.findings, d.Finding) }

func (d *draft) say(format string, args ...any) *draft {
	d.Message = fmt.Sprintf(format, args...)
	return d
}

func (d *draft) arithmetic(format string, args ...any) { d.Arithmetic = fmt.Sprintf(format, args...) }
func (d *draft) fix(settings ...Setting)               { d.Fix = settings }

func (d *draft) number(name string, v float64, unit string) string {
	n := Number{Name: name, Value: v, Unit: unit}
	d.Numbers = append(d.Numbers, n)
	return n.String()
}

func (d *draft) time(name string, t time.Duration) string { return d.number(name, t.Seconds(), "s") }
func (d *draft) rate(name string, v float64) string       { return d.number(name, v, "1/s") }
func (d *draft) count(name string, v float64) string      { return d.number(name, v, "") }

// some notes a count, and returns it with its noun: "1 retry", "5 retries".
func (d *draft) some(name string, v float64, one, many string) string {
	return named(d.count(name, v), one, many)
}

// about notes an estimate, rounded to two significant digits: more would pretend that it is exact.
func (d *draft) about(name string, v float64, unit string) string {
	if unit == "s" {
		return d.number(name, aboutTime(v), unit)
	}
	return d.number(name, twoFigures(v), unit)
}

func (d *draft) percent(name string, v float64) string { return d.number(name, 100*v, "%") }

// says reports whether the file has a setting of the service. It returns false without a file.
func (s *Service) says(key string) bool { return s.Where != nil && s.Where(key) != (Position{}) }

// position returns the place of a setting or, if it has none, of its section or service.
func (s *Service) position(key string) Position {
	if s.Where == nil {
		return Position{}
	}
	for {
		if p := s.Where(key); p != (Position{}) || key == "" {
			return p
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
}
