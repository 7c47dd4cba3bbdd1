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

// Service is what is to be checked: the stages of one pipeline, and what is known of its place.
type Service struct {
	Name   string
	Stages []resilience.Stage // the outermost first: Configs, or what was built of them

	RPS   float64 // calls a second of one instance; 0: not known, and what depends on it is not checked
	Calls []Call  // what the service calls while it answers one call

	Silenced []Silence

	// Where, if set, returns the place of a setting ("retry.max_retries", "" for the service
	// itself), or the zero Position if it has none; then that of what it belongs to is shown.
	Where func(key string) Position
}

// Call is an edge between two services: one calls the other.
type Call struct {
	Service string
	PerCall float64 // calls made for each call answered; 0: 1
}

// Silence says that findings of a code are known and meant, and why. Without a reason it silences
// nothing.
type Silence struct {
	Code, Reason string
	Line         int // in the service's file; 0: not known
}

// Options says what Check cannot see in the services. The zero value is sound.
type Options struct {
	Pods int // instances of each service, for what a fleet does together; 0: not known
}

// Check returns what there is to say about the services, alone and together. It neither fails nor
// panics: what it cannot read is a finding. It is safe for concurrent use as long as nobody changes
// the services.
func Check(services []Service, o Options) Report {
	c := checker{options: o}
	for i := range services {
		c.service(&services[i])
	}
	c.tellOutages()
	c.tellFleets()
	c.hops()
	for i := range services {
		c.silence(&services[i])
	}
	c.putFirst()
	slices.SortStableFunc(c.findings, worstFirst)
	return Report{Findings: c.findings}
}

// worstFirst puts errors before warnings and those before infos, each in the order of their file,
// and what is silenced last.
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
	subjects []subject // those that could be read
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

// longAgo is more than anybody waits: such times are taken for no limit, and sums of them do not
// overflow.
const longAgo = 365 * 24 * time.Hour

// callTakes returns the most that a call may take, plan.Forever if nothing bounds it.
func (s subject) callTakes() time.Duration {
	w := s.worst
	if w.More && w.Runs == len(w.Attempts) { // and some that are not listed
		w.End = s.Deadline
	}
	return sane(w.End)
}

// attemptTakes returns the most that an attempt may take, plan.Forever if nothing bounds it.
func (s subject) attemptTakes() time.Duration { return sane(s.AttemptLimit()) }

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
	v := subject{Service: s, Plan: p, checker: c, best: p.Best(), worst: p.Worst(), unpaid: p.Unpaid()}
	c.subjects = append(c.subjects, v)
	for _, check := range checks {
		check(v)
	}
}

// draft is a finding in the making. The methods that note a number return it as the sentence is to
// show it, so that no finding has numbers which its sentence does not.
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

// some notes a count with what is counted: "1 retry", "5 retries".
func (d *draft) some(name string, v float64, one, many string) string {
	return named(d.count(name, v), one, many)
}

// about notes an estimate, to two digits that count: more would say that it is exact.
func (d *draft) about(name string, v float64, unit string) string {
	if unit == "s" {
		return d.number(name, aboutTime(v), unit)
	}
	return d.number(name, twoFigures(v), unit)
}

func (d *draft) percent(name string, v float64) string { return d.number(name, 100*v, "%") }

// says reports whether a file gives the service a setting; false if there is none to look into.
func (s *Service) says(key string) bool { return s.Where != nil && s.Where(key) != (Position{}) }

// position returns the place of a setting, or of what it belongs to.
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
