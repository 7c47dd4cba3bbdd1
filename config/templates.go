package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

const (
	// defaultTemplate is the template of a service if neither the service nor defaults name one.
	defaultTemplate = "standard"

	// templateNone is the built-in template that is empty.
	templateNone = "none"
)

var builtInNames = []string{"critical", "standard", "background", templateNone}

func isBuiltIn(name string) bool { return slices.Contains(builtInNames, name) }

// builtIn are the built-in templates: the presets as layers of a file. They are never changed.
var builtIn = map[string]*layer{
	"critical":   preset("critical", holdfast.Critical()),
	"standard":   preset("standard", holdfast.Standard()),
	"background": preset("background", holdfast.Background()),
	templateNone: preset(templateNone, nil),
}

func preset(name string, stages []resilience.Stage) *layer {
	l := newLayer(name, "", "built-in template "+name, nil)
	l.chain = []*layer{l}
	row, _ := stage.Read(stages) // the presets are valid
	for i, m := range row {
		if sec := sectionFor(m.Kind, !row.PerCall(i)); sec != nil {
			l.putAll(sec, m.Given)
			if inside := !row.PerCall(i); sec.per != nil && inside != (sec.place == aroundAttempt) {
				l.put(sec.path+".per", perOf(inside))
			}
		}
	}
	return l
}

func (l *layer) put(path string, value any) {
	l.values[path] = setting{value: value, origin: Origin{Source: l.source}}
}

// putAll puts every field of a stage's Config that is not zero.
func (l *layer) putAll(sec *section, config any) {
	if sec.kind == kindSection {
		l.put(sec.path, switchedOn)
	}
	for _, k := range append(within(sec.path), sec.key) {
		if v, ok := k.get(config); ok && v != nil && !reflect.ValueOf(v).IsZero() {
			l.put(k.path, v)
		}
		if k.kind == kindSection && k.isOn(config) {
			l.put(k.path, switchedOn)
		}
	}
}

// linkTemplates sets the chain of every template. It notes unknown templates, and those that start
// from themselves.
func (f *file) linkTemplates() {
	for _, name := range f.templateNames() {
		if t := f.templates[name]; t != nil && t.chain == nil {
			f.link(t, nil)
		}
	}
	for _, l := range append([]*layer{f.defaults}, f.services...) {
		if l == nil {
			continue
		}
		if v, ok := l.values["template"]; ok && f.template(v.value) == nil {
			f.unknownTemplate(v)
			l.spoil("template")
		}
	}
}

// link sets the chain of t. way are the templates that lead to t.
func (f *file) link(t *layer, way []*layer) {
	v, named := t.values["template"]
	base := f.template(v.value)
	way, t.linking = append(way, t), true
	switch {
	case !named:
	case base == nil:
		f.unknownTemplate(v)
		t.broken = true
	case base.linking:
		f.cycle(way[slices.Index(way, base):], base)
	case base.chain == nil:
		f.link(base, way)
	}
	t.linking = false
	if base != nil && base.broken {
		t.broken = true
	}
	if base != nil && !t.broken {
		t.chain = append(t.chain, base.chain...)
	}
	t.chain = append(t.chain, t)
	if len(t.chain) == maxChain+1 {
		f.failSetting(v, "%s starts from more than %d templates, one after the other; want fewer", v.where, maxChain-1)
		t.broken = true
	}
}

// cycle notes that the templates around start from each other.
func (f *file) cycle(around []*layer, first *layer) {
	var names []string
	for i, t := range around {
		t.broken = true
		switch {
		case i < 8 || i == len(around)-1:
			names = append(names, t.name)
		case i == 8:
			names = append(names, "…")
		}
	}
	v := around[len(around)-1].values["template"]
	f.failSetting(v, "%s: %s → %s is a cycle; want templates that do not start from themselves", v.where, strings.Join(names, " → "), first.name)
}

// template returns the template with this name, or nil.
func (f *file) template(name any) *layer {
	n, _ := name.(string)
	if t := builtIn[n]; t != nil {
		return t
	}
	return f.templates[n]
}

func (f *file) unknownTemplate(v setting) {
	name, _ := v.value.(string)
	if f.allTemplates == nil {
		f.allTemplates = f.templateNames()
	}
	more := cmp.Or(oddity(&yaml.Node{Kind: yaml.ScalarNode, Value: name}), f.once("template "+name, func() string { return f.suggest(name, f.allTemplates) }))
	if more == "" {
		more = "; want one of " + shortList(f.allTemplates)
	}
	f.failSetting(v, "%s: there is no template %s%s", v.where, quoted(name), more)
}

// shortList returns the names, or only the last ten: the built-in ones are at the end.
func shortList(names []string) string {
	if n := len(names) - 10; n > 0 {
		return "… " + strings.Join(names[n:], ", ")
	}
	return strings.Join(names, ", ")
}
