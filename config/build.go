package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience"
)

// build makes the services. Whatever holdfast.New would refuse becomes a problem at the place in
// the file where it can be changed.
func (f *file) build() map[string]*Service {
	services := make(map[string]*Service, len(f.services))
	for _, l := range f.services {
		environment := f.environment[l.name]
		if environment == nil {
			environment = newLayer(l.name, l.path, "", nil)
		}
		m := f.merge(l, environment)
		s := m.service(l)
		services[l.name] = s
		if m.broken {
			continue
		}
		f.checkStages(m, s)
		f.checkAssembly(m, s)
		if len(f.list) == 0 {
			f.checkWhole(m, s)
		}
	}
	return services
}

// checkStages notes what the stages refuse in their Configs.
func (f *file) checkStages(m merged, s *Service) {
	for i := range sections {
		sec := &sections[i]
		if c, ok := sec.slot.get(s); ok && !m.bad[sec.path] {
			_, err := sec.resolve(c)
			f.refused(m, sec, err)
		}
	}
}

// checkAssembly notes contradictions between stages that are each valid on their own.
func (f *file) checkAssembly(m merged, s *Service) {
	if s.Deadline > 0 && s.AttemptDeadline >= s.Deadline && !m.bad["deadline"] && !m.bad["attempt_deadline"] {
		attempt, whole := m.settings["attempt_deadline"], m.settings["deadline"]
		inside := "the deadline of " + brief.Duration(s.Deadline)
		if whole.rank < attempt.rank && whole.origin.Source != attempt.origin.Source {
			inside += " (from " + fromWords(whole.origin) + ")"
		}
		f.blame(m, nil, "attempt_deadline", []string{"deadline"}, "is "+brief.Duration(s.AttemptDeadline),
			", which never fires inside "+inside+"; want attempt_deadline below "+brief.Duration(s.Deadline)+
				" or off, or deadline above "+brief.Duration(s.AttemptDeadline))
	}
	for i := range sections {
		if sec := &sections[i]; m.on(sec.path) && sec.needs != "" && !m.on(sec.needs) && !m.bad[sec.path] && !m.bad[sec.needs] {
			f.blame(m, nil, sec.path, []string{sec.needs}, "is on",
				", and "+sec.without+"; want "+sec.needs+" on as well, or "+sec.path+": off")
		}
	}
	if !s.hasStage() && len(m.bad) == 0 {
		f.blame(m, nil, "", nil, "has no stage", "; want at least one, such as retry: {}")
	}
}

// checkWhole calls holdfast.New, in case it refuses something that the checks above do not know.
func (f *file) checkWhole(m merged, s *Service) {
	if _, err := holdfast.New(s.Name, s.Stages()...); err != nil {
		f.blame(m, err, "", nil, "cannot be built", ": "+err.Error())
	}
}

// refused notes what a section's stage refuses.
func (f *file) refused(m merged, sec *section, err error) {
	for _, wrong := range fieldErrors(err) {
		k, ok := sec.keyOf(wrong.Field)
		if !ok {
			f.blame(m, wrong, sec.path, nil, "cannot be built", ": "+wrong.Error())
			continue
		}
		k = keyByPath[k.path] // with its bounds
		want, others := m.wants(sec, k, wrong)
		is := "is " + k.text(wrong.Value)
		if _, said := m.settings[k.path]; !said && k.path != sec.path {
			is = "is missing"
		}
		f.blame(m, wrong, k.path, others, is, "; "+want)
	}
}

// wants returns what would be right instead of a value that a stage refuses, in the file's words.
// others are the paths of the other keys that the broken rule names. If it names none, the key
// itself knows what its value may be.
func (m merged) wants(sec *section, k key, wrong *resilience.FieldError) (want string, others []string) {
	if wrong.Rule == nil {
		return k.want(), nil
	}
	var other key
	rule := wrong.Rule.Renamed(func(field string) string {
		named, _ := sec.keyOf(field)
		if named.path != k.path {
			other, others = named, append(others, named.path)
		}
		return named.name()
	})
	switch {
	case others == nil:
		if least, ok := rule.Min.(float64); ok && least > k.min {
			k.min, k.max = least, 0
		}
		return k.want(), nil
	case rule.AtLeast != nil && rule.AtLeast.Each == nil:
		return m.wayOut(k, other, wrong.Value, rule.AtLeast.Value, "at least", "more", "less"), others
	case rule.AtMost != nil && rule.AtMost.Each == nil:
		return m.wayOut(k, other, wrong.Value, rule.AtMost.Value, "at most", "less", "more"), others
	}
	return rule.String(), others
}

// wayOut says how to repair a value that the value of another key bounds. It also says where that
// other value comes from: who set the one may never have seen the other.
func (m merged) wayOut(k, other key, is, bound any, most, own, others string) string {
	from := ""
	switch mine, its := m.settings[k.path], m.settings[other.path]; {
	case its.origin.Source == "":
		from = ", the default"
	case its.rank < mine.rank && its.origin.Source != mine.origin.Source:
		from = ", from " + fromWords(its.origin)
	}
	limit := other.text(bound)
	return fmt.Sprintf("want %s %s (%s%s): set %s: %s or %s, or %s: %s or %s",
		most, other.name(), limit, from, k.name(), limit, own, other.name(), k.text(is), others)
}

// blame notes a problem with a service's key. others are keys that take part in the problem. It is
// noted where the highest layer set one of them: that layer made the others wrong. The message is
// the subject, is, where the value comes from, and want.
func (f *file) blame(m merged, err error, path string, others []string, is, want string) {
	v, at := m.settings[path], path
	for _, p := range others {
		if m.settings[p].rank > m.settings[at].rank {
			at = p
		}
	}
	guilty := m.settings[at]
	if guilty.origin.Line == 0 && guilty.variable == "" { // built in, or never set: then the service itself is the place
		guilty, at = m.settings[""], ""
	}
	owner := strings.TrimSuffix(strings.TrimSuffix(guilty.where, at), ".")
	subject := join(owner, path)
	if v.origin.Source != guilty.origin.Source && v.origin.Source != "" {
		is += " (from " + fromWords(v.origin) + ")"
	}
	f.failSettingPath(guilty, subject, subject+" "+is+want, err)
}

// fromWords returns where a value comes from, for a message: "services.yaml:5:7, template quick".
func fromWords(o Origin) string {
	switch {
	case o.builtIn():
		return "the " + o.Source
	case o.Line > 0:
		return fmt.Sprintf("%s:%d:%d, %s", o.File, o.Line, o.Column, o.Source)
	}
	return o.Source
}

// failSetting notes a problem at the place where a setting is written.
func (f *file) failSetting(v setting, format string, args ...any) {
	f.failSettingPath(v, v.where, fmt.Sprintf(format, args...), nil)
}

func (f *file) failSettingPath(v setting, path, message string, err error) {
	f.variable = v.variable
	_, name := cutLast(v.where)
	f.failAt(v.origin.Line, v.origin.Column, utf8.RuneCountInString(name), path, message, err)
	f.variable = ""
}
