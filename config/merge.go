package config

import "time"

// merged holds the settings of one service after all its layers were merged. The highest layer
// wins.
type merged struct {
	settings
	name     string
	template string
	bad      map[string]bool // keys of the service that were refused in some layer
	broken   bool            // its template is unknown or broken
}

// layers returns the layers of a service, the lowest first. A template that the service names
// itself is above defaults: it is more specific. A template that comes from defaults, or because
// none is named, is below defaults: they change it.
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

// merge merges the layers of a service.
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
	m.dropMoved(all)
	m.dropIdle()
	return m
}

// dropMoved drops what a built-in template says of a stage that a higher layer moves to the other
// side of the retry loop. The template's numbers are for its own place: a wait that suits an
// attempt is no wait for a whole call. The stage begins with its own defaults.
func (m merged) dropMoved(layers []*layer) {
	for i := range sections {
		sec := &sections[i]
		if sec.per == nil {
			continue
		}
		per := sec.path + ".per"
		for _, l := range layers {
			if v, ok := l.values[per]; !ok || !v.origin.builtIn() || v.value == m.settings[per].value {
				continue
			}
			for _, k := range within(sec.path) {
				if m.settings[k.path].origin.builtIn() {
					delete(m.settings, k.path)
				}
			}
		}
	}
}

// dropIdle turns off a stage whose needed stage was turned off by a higher layer: a budget has
// nothing to pay for without a retry loop. If the same layer or a higher one asks for the stage,
// that is a contradiction, which checkAssembly reports.
func (m merged) dropIdle() {
	for i := range sections {
		sec := &sections[i]
		needed := m.settings[sec.needs]
		if needed.value == switchedOff && m.on(sec.path) && m.settings[sec.path].rank < needed.rank {
			m.settings[sec.path] = needed
		}
	}
}

// on reports whether a section is on: some layer mentions it, and no higher layer says off.
func (m merged) on(section string) bool { return m.settings[section].value == switchedOn }

// service returns the Service that the settings make. facts is the service's own layer.
func (m merged) service(facts *layer) *Service {
	s := &Service{Name: m.name, Template: m.template, values: m.settings, Silenced: facts.silenced}
	s.RPS, _ = m.settings["rps"].value.(float64)
	for _, c := range facts.calls {
		s.Calls = append(s.Calls, c.Call)
	}
	for i := range sections {
		sec := &sections[i]
		if c := sec.fresh(); m.fill(sec.key, c.Interface()) {
			sec.slot.adopt(s, c.Interface())
		}
		if sec.per != nil {
			*sec.per(s), _ = m.settings[sec.path+".per"].value.(Per)
			*sec.per(s) = sec.perIn(s)
		}
	}
	return s
}

// fill sets the fields of a stage's Config, and reports whether the service has the stage. config
// is a pointer to the Config.
func (m merged) fill(section key, config any) bool {
	switch v := m.settings[section.path].value.(type) {
	case time.Duration: // a deadline
		section.set(config, v)
		return true
	case toggle:
		if v == switchedOff {
			return false
		}
	default:
		return false
	}
	for _, k := range keysIn[section.path] {
		v, said := m.settings[k.path]
		switch {
		case k.field == "" || !said:
		case k.kind != kindSection:
			k.set(config, v.value)
		case v.value == switchedOn:
			k.turnOn(config)
			m.fill(k, config)
		}
	}
	return true
}
