package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience"
)

// build makes the services, and notes whatever holdfast.New would refuse, at the place in the file where it
// can be changed.
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

// checkStages asks every stage what it thinks of its Config.
func (f *file) checkStages(m merged, s *Service) {
	check := func(section string, resolve func() error) {
		if m.on(section) && !m.bad[section] {
			f.refused(m, resolve())
		}
	}
	check("bulkhead", func() error { _, err := s.Bulkhead.Resolve(); return err })
	check("budget", func() error { _, err := s.Budget.Resolve(); return err })
	check("retry", func() error { _, err := s.Retry.Resolve(); return err })
	check("breaker", func() error { _, err := s.Breaker.Resolve(); return err })
}

// checkAssembly refuses what stages, each of them sound, cannot do together.
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
	if s.Budget != nil && s.Retry == nil && !m.bad["budget"] && !m.bad["retry"] {
		f.blame(m, nil, "budget", []string{"retry"}, "is on",
			", and there is no retry loop for it to pay for; want retry on as well, or budget: off")
	}
	if len(s.Stages()) == 0 && len(m.bad) == 0 {
		f.blame(m, nil, "", nil, "has no stage", "; want at least one, such as retry: {}")
	}
}

// checkWhole asks holdfast.New, in case it refuses something that is not known here.
func (f *file) checkWhole(m merged, s *Service) {
	if _, err := holdfast.New(s.Name, s.Stages()...); err != nil {
		f.blame(m, err, "", nil, "cannot be built", ": "+err.Error())
	}
}

// refused notes the errors of a stage.
func (f *file) refused(m merged, err error) {
	if err == nil {
		return
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the error itself, not one it wraps
		all = joined.Unwrap()
	}
	for _, err := range all {
		field, ok := errors.AsType[*resilience.FieldError](err)
		if !ok {
			f.blame(m, err, "", nil, "cannot be built", ": "+err.Error())
			continue
		}
		k, ok := keyOfField(field)
		if !ok {
			f.blame(m, err, field.Stage, nil, "cannot be built", ": "+err.Error())
			continue
		}
		want, others := k.inFileWords(field.Want)
		f.blame(m, err, k.path, others, "is "+k.text(k.asField(field.Value)), "; "+m.wayOut(k, field.Value, want))
	}
}

var atLeastOther = regexp.MustCompile(`^want at least ([a-z_]+) \(([^)]+)\)$`)

// wayOut adds to what a key wants that is to be at least as long as another one ("want at least open_for (5s)") where that
// one is from, and what to write: whoever set the one may never have seen the other.
func (m merged) wayOut(k key, has any, want string) string {
	parts := atLeastOther.FindStringSubmatch(want)
	is, ok := has.(time.Duration)
	if parts == nil || !ok {
		return want
	}
	least, err := time.ParseDuration(parts[2])
	if err != nil {
		return want
	}
	bound := brief.Duration(least)
	own, other, from := m.settings[k.path], m.settings[join(k.section(), parts[1])], ""
	switch {
	case other.origin.Source == "":
		from = ", the default"
	case other.rank < own.rank && other.origin.Source != own.origin.Source:
		from = ", from " + fromWords(other.origin)
	}
	return fmt.Sprintf("want at least %s (%s%s): set %s: %s or more, or %[1]s: %[6]s or less",
		parts[1], bound, from, k.name(), bound, brief.Duration(is))
}

// keyOfField returns the key that sets the field of an error.
func keyOfField(e *resilience.FieldError) (key, bool) {
	for _, k := range allKeys {
		if k.stage == e.Stage && k.field == e.Field {
			return k, true
		}
	}
	return key{}, false
}

// asField returns the value of an error as the field would hold it: a stage may say -1 for what is a float.
func (k key) asField(v any) any {
	if i, ok := v.(int); ok && k.kind == kindNumber {
		return float64(i)
	}
	return v
}

var (
	goDefault = regexp.MustCompile(`,( or)? 0 for (the default \([^)]*\)|no wait|any time at all)`)
	goOff     = regexp.MustCompile(`,? or -1 (to turn it off|for no limit|to wait as long as the ctx lives)`)
	goWords   = regexp.MustCompile(`-1|[a-z]\.[A-Z]|[A-Za-z]*[a-z][A-Z]`)
	goName    = regexp.MustCompile(`[A-Z][A-Za-z.]+`)
)

// inFileWords returns what a stage wants, said as a file would: the keys of fields, and words instead of -1. Others are the
// paths of keys that it mentions. What cannot be said so is said by the key itself.
func (k key) inFileWords(want string) (text string, others []string) {
	if k.kind == kindChoice || k.kind == kindJitter {
		return k.want(), nil
	}
	text = goDefault.ReplaceAllString(want, "")
	off := ""
	switch {
	case len(k.words) > 0:
		off = ", or " + k.words[0].text
	case k.zero != nil:
		off = ", or 0"
	}
	text = goOff.ReplaceAllString(text, off)
	text = goName.ReplaceAllStringFunc(text, func(name string) string {
		for _, o := range allKeys {
			if o.stage == k.stage && o.field == name {
				others = append(others, o.path)
				return o.name()
			}
		}
		return name
	})
	if goWords.MatchString(text) {
		return k.want(), nil
	}
	return text, others
}

// blame notes a problem of a service's key, where the highest layer said something of it, or of the other keys that have
// to do with it: that is the one that made the others wrong. What it is comes before where it is from, and what would be right after.
func (f *file) blame(m merged, err error, path string, others []string, is, want string) {
	v, at := m.settings[path], path
	for _, p := range others {
		if m.settings[p].rank > m.settings[at].rank {
			at = p
		}
	}
	guilty := m.settings[at]
	if guilty.origin.Line == 0 && guilty.variable == "" { // built in, or nobody's: then it is the service's that it is here
		guilty, at = m.settings[""], ""
	}
	owner := strings.TrimSuffix(strings.TrimSuffix(guilty.where, at), ".")
	subject := join(owner, path)
	if v.origin.Source != guilty.origin.Source && v.origin.Source != "" {
		is += " (from " + fromWords(v.origin) + ")"
	}
	f.failSettingPath(guilty, subject, subject+" "+is+want, err)
}

// fromWords returns where a value is from, as a message says it: "services.yaml:5:7, template quick".
func fromWords(o Origin) string {
	switch {
	case o.builtIn():
		return "the " + o.Source
	case o.Line > 0:
		return fmt.Sprintf("%s:%d:%d, %s", o.File, o.Line, o.Column, o.Source)
	}
	return o.Source
}

// failSetting notes what is wrong where a setting is written.
func (f *file) failSetting(v setting, format string, args ...any) {
	f.failSettingPath(v, v.where, fmt.Sprintf(format, args...), nil)
}

func (f *file) failSettingPath(v setting, path, message string, err error) {
	f.variable = v.variable
	name := v.where[strings.LastIndexByte(v.where, '.')+1:]
	f.failAt(v.origin.Line, v.origin.Column, utf8.RuneCountInString(name), path, message, err)
	f.variable = ""
}
