package config

import (
	"time"

	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// merged is what all layers say of one service, the higher one having the last word.
type merged struct {
	settings
	name     string
	template string
	bad      map[string]bool // keys of the service that some layer had wrong
	broken   bool            // by its template
}

// layers returns what a service is made of, the lowest first. A template that the service names itself is above
// defaults: it is more special. One that it has from defaults, or because nothing else is said, is
// below them: defaults are what is changed in it.
func (f *file) layers(service, environment *layer) (all []*layer, template setting, known bool) {
	defaults := f.defaults
	if defaults == nil {
		defaults = newLayer("", "defaults", sourceDefaults, nil)
	}
	own := service.values["template"]
	if v, ok := environment.values["template"]; ok {
		own = v
	}
	template = own
	if own.value == nil {
		template = defaults.values["template"]
	}
	if template.value == nil {
		template = setting{value: defaultTemplate, origin: Origin{Source: sourceDefault}}
	}
	t := f.template(template.value)
	if t == nil || t.broken {
		return nil, template, false
	}
	if own.value != nil {
		all = append(all, defaults)
	}
	all = append(all, t.chain...)
	if own.value == nil {
		all = append(all, defaults)
	}
	return append(all, service, environment), template, true
}

// merge puts the layers of a service on top of each other.
func (f *file) merge(service, environment *layer) merged {
	m := merged{settings: settings{}, name: service.name, bad: map[string]bool{}}
	all, template, known := f.layers(service, environment)
	m.template, _ = template.value.(string)
	m.broken = !known
	for rank, l := range all {
		for path := range l.bad {
			m.bad[path] = true
		}
		for path, v := range l.values {
			if v.origin.builtIn() {
				v.rank = 0
			} else {
				v.rank = rank + 1
			}
			m.settings[path] = v
		}
	}
	m.settings["template"] = template
	m.dropBudget()
	return m
}

// dropBudget takes out a budget that a layer below asks for than the one that turns the retry loop off: there is nothing left for it
// to pay for. One that the same layer asks for, or one above, is a contradiction, which checkAssembly tells.
func (m merged) dropBudget() {
	loop := m.settings["retry"]
	if loop.value == switchedOff && m.on("budget") && m.settings["budget"].rank < loop.rank {
		m.settings["budget"] = loop
	}
}

// on reports whether a section is there: some layer mentions it, and none above says off.
func (m merged) on(section string) bool { return m.settings[section].value == switchedOn }

// duration returns a deadline, 0 if it is off.
func (m merged) duration(path string) time.Duration {
	d, _ := m.settings[path].value.(time.Duration)
	return d
}

// service returns the service in Go's terms.
func (m merged) service(facts *layer) *Service {
	s := &Service{
		Name: m.name, Template: m.template, values: m.settings, Silenced: facts.silenced,
		Deadline: m.duration("deadline"), AttemptDeadline: m.duration("attempt_deadline"),
		BulkheadPer: PerCall, BreakerPer: PerAttempt,
	}
	s.RPS, _ = m.settings["rps"].value.(float64)
	for _, c := range facts.calls {
		s.Calls = append(s.Calls, c.Call)
	}
	if m.on("bulkhead") {
		s.Bulkhead = &bulkhead.Config{}
		m.fill("bulkhead", s.Bulkhead)
	}
	if m.on("budget") {
		s.Budget = &budget.Config{}
		m.fill("budget", s.Budget)
	}
	if m.on("retry") {
		s.Retry = &retry.Config{}
		if m.on("retry.adaptive") {
			s.Retry.Adaptive = &retry.Adaptive{}
			m.fill("retry.adaptive", s.Retry)
		}
		m.fill("retry", s.Retry)
	}
	if m.on("breaker") {
		s.Breaker = &breaker.Config{}
		m.fill("breaker", s.Breaker)
	}
	if v, ok := m.settings["bulkhead.per"].value.(Per); ok {
		s.BulkheadPer = v
	}
	if v, ok := m.settings["breaker.per"].value.(Per); ok {
		s.BreakerPer = v
	}
	return s
}

// fill sets the fields of a stage's Config that stand directly in a section.
func (m merged) fill(section string, config any) {
	for _, k := range keysIn[section] {
		if k.field == "" || k.kind == kindSection {
			continue
		}
		if v, ok := m.settings[k.path]; ok {
			k.set(config, v.value)
		}
	}
}

// keysIn are the keys that stand directly in each section.
var keysIn = func() map[string][]key {
	in := map[string][]key{}
	for _, k := range allKeys {
		in[k.section()] = append(in[k.section()], k)
	}
	return in
}()
