package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/told"
	"github.com/media-gateway/holdfast/internal/visible"
)

// Change is one setting that a reload changed, in the words of a file. The values are those that a
// file gives, with defaults, templates and environment applied. So a change of a template is a
// change of every service that uses it.
type Change struct {
	Service string `json:"service,omitempty"` // its name; "" for a key of the section fleet
	Key     string `json:"key"`               // "retry.max_retries"; "retry" for a stage that was turned on or off

	// The values before and after, as a file writes them: "3", "500ms", "off". "" if a file does
	// not set the key and there is no default, or if the service did not have the key's stage.
	From string `json:"from"`
	To   string `json:"to"`

	// FromDefault and ToDefault say that nothing set the value, so that it is the stage's default.
	FromDefault bool `json:"from_default,omitempty"`
	ToDefault   bool `json:"to_default,omitempty"`

	Origin Origin `json:"origin"` // where the new value comes from
}

// FromText returns From for people: "3", "default 3", "not set".
func (c Change) FromText() string { return settingWords(c.From, c.FromDefault) }

// ToText returns To for people.
func (c Change) ToText() string { return settingWords(c.To, c.ToDefault) }

// String returns "payments: retry.max_retries default 3 → 5 (services.yaml:14:7 (service))". It is
// one line of printable characters, whatever the names are.
func (c Change) String() string {
	of := ""
	if c.Service != "" {
		of = visible.Name(c.Service) + ": "
	}
	return of + c.Key + " " + c.FromText() + " → " + c.ToText() + " (" + c.Origin.String() + ")"
}

func settingWords(text string, byDefault bool) string {
	switch {
	case text == "":
		return "not set"
	case byDefault:
		return "default " + visible.Line(text)
	}
	return visible.Line(text)
}

// maxChanges is how many changes a Reload lists at most.
const maxChanges = 1000

// changeList is a list of at most maxChanges changes.
type changeList struct {
	all  []Change
	more int // how many were left out
}

func (l *changeList) add(c Change) {
	if len(l.all) == maxChanges {
		l.more++
		return
	}
	l.all = append(l.all, c)
}

// covers reports whether the log of the reload says what an observer is told. A list that is full
// covers everything, since the point of its end is that the log is not flooded.
func (l *changeList) covers(u told.Update) bool {
	if u.What == "" || l.more > 0 {
		return true
	}
	return slices.ContainsFunc(l.all, func(c Change) bool { return c.covers(u) })
}

// covers is changeList.covers for one change.
func (c Change) covers(u told.Update) bool {
	k := keyByPath[c.Key]
	switch {
	case c.Service != u.Pipeline:
		return false
	case u.Stage == "pipeline": // the order of the stages
		return k.name() == "per"
	case !k.isOf(u.Stage, u.Name):
		return false
	case u.Field == "": // the stage as a whole came or went
		return k.section() == "" && (u.From == "" && c.From == "off" || u.To == "" && c.To == "off")
	case k.kind == kindSection: // Adaptive
		return k.field == u.Field && (c.From == "off") == isNone(u.From) && (c.To == "off") == isNone(u.To)
	}
	return k.field == u.Field && c.From == k.text(u.From) && c.To == k.text(u.To)
}

// isOf reports whether the key is one of the stage of which a change says this: see
// resilience.Change.Stage and Name. Of the deadlines a file has two keys.
func (k key) isOf(stage, name string) bool {
	if k.stage != stage || !k.isDeadline() || name == "" {
		return k.stage == stage
	}
	if sec := sectionOf(k); sec != nil && sec.place == atAttempt {
		return name == "attempt"
	}
	return name == "call"
}

// isNone reports whether the value of a field that is a pointer is nil.
func isNone(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// changesBetween lists what differs between two Configs: first the section fleet, then the services
// that both have, by name. The keys are in the order of a printed file.
func changesBetween(was, is *Config) (l changeList) {
	before, after := was.fleetValues(), is.fleetValues()
	for i, v := range after {
		if v.Text != before[i].Text {
			l.add(Change{Key: v.Key, From: before[i].Text, To: v.Text, Origin: v.Origin})
		}
	}
	for _, name := range is.names {
		if s := was.services[name]; s != nil && !s.saysTheSame(is.services[name]) {
			l.compare(s, is.services[name])
		}
	}
	return l
}

// namesBetween returns the names of the services that only one of two Configs has, and of those
// with other stages. was may be nil: then nothing is known to have changed.
func namesBetween(was, is *Config) (c holdfast.Changes) {
	if was == nil {
		return c
	}
	for _, name := range is.names {
		switch before := was.services[name]; {
		case before == nil:
			c.Added = append(c.Added, name)
		case !before.hasSameStages(is.services[name]):
			c.Changed = append(c.Changed, name)
		}
	}
	for _, name := range was.names {
		if is.services[name] == nil {
			c.Removed = append(c.Removed, name)
		}
	}
	return c
}

// saysTheSame reports whether two services are certainly the same, wherever their settings come
// from.
func (s *Service) saysTheSame(other *Service) bool {
	return s.hasSameStages(other) &&
		s.RPS == other.RPS && slices.Equal(s.Calls, other.Calls) && slices.Equal(s.Silenced, other.Silenced)
}

func (s *Service) hasSameStages(other *Service) bool {
	for i := range sections {
		sec := &sections[i]
		mine, _ := sec.slot.get(s)
		its, _ := sec.slot.get(other)
		if !reflect.DeepEqual(mine, its) || sec.per != nil && *sec.per(s) != *sec.per(other) {
			return false
		}
	}
	return true
}

// compare adds what differs between two services of one name.
func (l *changeList) compare(was, is *Service) {
	before := map[string]Value{}
	for _, v := range was.inForce() {
		before[v.Key] = v
	}
	for _, v := range is.inForce() {
		old, had := before[v.Key]
		switch {
		case had && old.Text == v.Text:
		case had:
			l.add(Change{is.Name, v.Key, old.Text, v.Text, isDefault(old), isDefault(v), v.Origin})
		case v.Origin.Source != sourceDefault: // of a stage that is new: its defaults go without saying
			l.add(Change{Service: is.Name, Key: v.Key, To: v.Text, Origin: v.Origin})
		}
	}
}

// isDefault reports whether a value is the stage's own default. A stage that nothing turns on, and
// what only the linter uses, have none.
func isDefault(v Value) bool {
	k := keyByPath[v.Key]
	sec := sectionOf(k)
	return v.Origin.Source == sourceDefault && k.kind != kindSection && !k.fact && sec != nil && sec.path != k.path
}

// inForce returns the value of every key: "on" or "off" for each stage, and below each that is on
// its settings with every default filled in; then what only the linter uses, "" if it is not set.
// The template is not a value: all that it sets is there.
func (s *Service) inForce() (all []Value) {
	add := func(key, text string) {
		origin, _ := s.Origin(key)
		all = append(all, Value{key, text, origin})
	}
	for i := range sections {
		sec := &sections[i]
		c, ok := sec.slot.get(s)
		if !ok {
			add(sec.path, "off")
			continue
		}
		if r, err := sec.resolve(c); err == nil {
			c = r
		}
		sec.settings(s, sec.key, c, add)
	}
	facts := mapping()
	s.facts(facts)
	for _, k := range allKeys {
		if k.fact && k.kind != kindSection {
			add(k.path, factText(facts, k))
		}
	}
	return all
}

// settings passes the value that a Config has for a key of the section to add; for a section, those
// of all keys below it.
func (sec *section) settings(s *Service, k key, config any, add func(key, text string)) {
	v, said := k.get(config)
	switch {
	case k.path == sec.path+".per":
		add(k.path, sec.perIn(s).String())
	case k.kind == kindSection && k.path != sec.path && !k.isOn(config):
		add(k.path, "off")
	case k.kind == kindSection:
		add(k.path, "on")
		for _, below := range keysIn[k.path] {
			sec.settings(s, below, config, add)
		}
	case k.kind == kindText && v == "":
		add(k.path, s.Name) // the default
	case said:
		add(k.path, k.text(v))
	}
}

// factText returns the value of a key that only the linter uses on one line; "" if it is not set.
func factText(m *yaml.Node, k key) string {
	for name := range strings.SplitSeq(k.path, ".") {
		var value *yaml.Node
		for i := 0; i+1 < len(m.Content); i += 2 {
			if m.Content[i].Value == name {
				value = m.Content[i+1]
			}
		}
		if value == nil {
			return ""
		}
		m = value
	}
	if m.Kind == yaml.SequenceNode {
		m.Style = yaml.FlowStyle
	}
	return onOneLine(m)
}

// fleetValues returns the keys of the section fleet, "" for one that is not set.
func (c *Config) fleetValues() []Value {
	pods := ""
	if c.fleet.Pods != 0 {
		pods = formatNumber(float64(c.fleet.Pods))
	}
	all := []Value{{Key: "fleet.name", Text: c.fleet.Name}, {Key: "fleet.pods", Text: pods}, {Key: "fleet.store", Text: c.fleet.Store}}
	for i := range all {
		all[i].Origin = Origin{Source: sourceDefault}
		if o, ok := c.fleetOrigins[all[i].Key]; ok {
			all[i].Origin = o
		}
	}
	return all
}
