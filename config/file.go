package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/lint"
)

// file is what was read: layers of settings that are not merged yet.
type file struct {
	*source
	defaults  *layer // nil: there are none
	templates map[string]*layer
	services  []*layer // in the order of the file
	byName    map[string]*layer

	fleet        Fleet
	fleetOrigins map[string]Origin // by the path of the key
	store        *yaml.Node        // the value of fleet.store

	environment  map[string]*layer // what variables set, by the service's name
	allTemplates []string          // the names, made when a template is first found to be unknown
}

// layer holds the settings of one place: defaults, a template, a service, or the environment.
type layer struct {
	name     string // of the service or template
	path     string // in the file: "services.payments"
	source   string // as in Origin
	key      *yaml.Node
	ofOne    bool // it is a service's, so it may hold facts (see key.fact)
	values   settings
	bad      map[string]bool // keys of the service whose values were refused: "retry"
	calls    []call
	silenced []lint.Silence
	chain    []*layer // of a template: those it starts from and itself, the lowest first; set by linkTemplates
	linking  bool     // while link makes its chain
	broken   bool     // it has no chain, and the problem is noted
}

// call is a lint.Call and its place in the file.
type call struct {
	lint.Call
	at   *yaml.Node
	path string
}

func newLayer(name, path, source string, key *yaml.Node) *layer {
	return &layer{name: name, path: path, source: source, key: key, values: settings{}, bad: map[string]bool{}}
}

// spoil notes that a value was refused, so that problems that only follow from it are not reported.
func (l *layer) spoil(path string) {
	top, _, _ := strings.Cut(path, ".")
	l.bad[top] = true
}

var topKeys = []string{"fleet", "defaults", "templates", "services"}

// file reads the file's mapping. It ignores keys that begin with x-, which are for users, and
// $schema, which is for editors.
func (s *source) file(root *yaml.Node) *file {
	f := &file{source: s, templates: map[string]*layer{}, byName: map[string]*layer{}, fleetOrigins: map[string]Origin{}}
	found, unknown := false, false
	pairs := s.pairs(root, "")
	if kind := manifest(pairs); kind != nil {
		s.fail(kind, "", "this is a manifest of Kubernetes; want what stands in it under data, as a file of its own")
		return f
	}
	for _, p := range pairs {
		switch {
		case p.name == "fleet":
			f.readFleet(p)
		case p.name == "defaults":
			f.defaults = newLayer("", "defaults", sourceDefaults, p.key)
			s.settingsOf(f.defaults, p)
		case p.name == "templates":
			f.readTemplates(p)
		case p.name == "services":
			found = true
			f.readServices(p)
		case strings.HasPrefix(p.name, "x-"), p.name == "$schema":
		default:
			unknown = true
			s.unknown(p, "", topKeys, cmp.Or(s.misplaced(p.name, ""), s.suggest(p.name, topKeys), lostService(p)))
		}
	}
	if !found && !unknown {
		s.failFile("has no services; want them under the key services")
	}
	f.checkCalls()
	f.checkStore()
	f.linkTemplates()
	return f
}

// manifest returns the key apiVersion if the file is a Kubernetes manifest, else nil.
func manifest(pairs []pair) *yaml.Node {
	var version, kind *yaml.Node
	for _, p := range pairs {
		switch p.name {
		case "apiVersion":
			version = p.key
		case "kind":
			kind = p.key
		}
	}
	if kind == nil {
		return nil
	}
	return version
}

func (f *file) readTemplates(p pair) {
	for _, t := range f.named(p, "templates", "settings under names, such as patient: {deadline: 1m}") {
		if isBuiltIn(t.name) {
			f.failIn(t.key, "templates", "%s is built in; want another name, and in it template: %s", quoted(t.name), t.name)
			continue
		}
		l := newLayer(t.name, "templates."+t.name, "template "+t.name, t.key)
		f.settingsOf(l, t)
		f.templates[t.name] = l
	}
}

func (f *file) readServices(p pair) {
	for i, v := range f.named(p, "services", "services under their names, such as payments: {template: critical}") {
		if i == maxServices {
			f.failIn(v.key, "services", "more than %d services; want fewer in a file", maxServices)
			return
		}
		l := newLayer(v.name, "services."+v.name, sourceService, v.key)
		l.ofOne = true
		l.values[""] = f.setting(nil, l, v.key, l.path)
		f.settingsOf(l, v)
		f.services = append(f.services, l)
		f.byName[v.name] = l
	}
}

// named returns the pairs of a mapping of names to settings, without those whose name is refused.
func (f *file) named(p pair, path, want string) (good []pair) {
	if p.value.Kind != yaml.MappingNode {
		f.wrongKind(p, path, "want a mapping of "+want)
		return nil
	}
	for _, n := range f.pairs(p.value, path) {
		if strings.TrimSpace(n.name) != n.name || !visible.Printable(n.name) {
			f.failIn(n.key, path, "the name %s begins or ends with a blank, or is not printable; want a plain name", quoted(n.name))
			continue
		}
		if len(n.name) > maxName {
			f.failIn(n.key, path, "the name %s has more than %d bytes; want a shorter one", quoted(n.name), maxName)
			continue
		}
		good = append(good, n)
	}
	return good
}

// wrongKind notes a value that is not of the kind wanted. An empty value has no place of its own,
// so the problem is noted at its key.
func (s *source) wrongKind(p pair, path, want string) {
	at := p.value
	if at.Kind == yaml.ScalarNode && at.ShortTag() == "!!null" {
		at = p.key
	}
	s.fail(at, path, " is %s; %s", describe(p.value), want)
}

func (s *source) settingsOf(l *layer, p pair) {
	if p.value.Kind != yaml.MappingNode {
		s.wrongKind(p, l.path, "want a mapping, such as {template: critical}, or {} for what is the default")
		for _, k := range keysIn[""] {
			l.bad[k.path] = true
		}
		return
	}
	s.section(l, p.value, "")
}

// section reads the keys of a mapping: those of a section, or those of a service.
func (s *source) section(l *layer, n *yaml.Node, section string) {
	prefix := ""
	if section != "" {
		prefix = section + "."
	}
	path := join(l.path, section)
	for _, p := range s.pairs(n, path) {
		k, ok := keyOf(prefix + p.name)
		switch {
		case !ok || strings.Contains(p.name, "."):
			l.spoil(prefix + p.name)
			if section != "" {
				l.spoil(section)
			}
			names := namesIn(section, l.ofOne)
			s.unknown(p, path, names, s.once("key "+section+" "+p.name, func() string {
				return cmp.Or(s.misplaced(p.name, section), s.suggest(p.name, names), s.elsewhere(p.name))
			}))
		case k.fact && !l.ofOne:
			s.failIn(p.key, path, "%s says something of one service; want it under services", quoted(p.name))
		default:
			s.value(l, k, p)
		}
	}
}

func join(path, key string) string {
	if key == "" {
		return path
	}
	return path + "." + key
}

// value reads the value of a key.
func (s *source) value(l *layer, k key, p pair) {
	path := join(l.path, k.path)
	isNull := p.value.Kind == yaml.ScalarNode && p.value.ShortTag() == "!!null"
	switch {
	case isNull:
		s.wrongKind(p, path, k.want())
		l.spoil(k.path)
	case k.kind == kindSection && p.value.Kind == yaml.MappingNode:
		if len(k.words) > 0 {
			l.values[k.path] = s.setting(switchedOn, l, p.key, path)
		}
		s.section(l, p.value, k.path)
	case k.kind == kindCalls:
		l.calls = s.readCalls(l, p.value, path)
		l.values[k.path] = s.setting(nil, l, p.key, path)
	case k.kind == kindSilences:
		l.silenced = s.readSilences(p.value, path)
		l.values[k.path] = s.setting(nil, l, p.key, path)
	default:
		v, ok := k.read(s, p.value, path)
		if !ok {
			l.spoil(k.path)
			return
		}
		l.values[k.path] = s.setting(v, l, p.key, path)
	}
}

// setting returns a value with the place of its key.
func (s *source) setting(value any, l *layer, key *yaml.Node, where string) setting {
	if s.variable != "" {
		return setting{value: value, where: where, variable: s.variable, origin: Origin{Source: l.source}}
	}
	return setting{value: value, where: where, origin: Origin{File: s.name, Line: key.Line, Column: key.Column, Source: l.source}}
}

// templateNames returns the names of all templates, the built-in ones last.
func (f *file) templateNames() []string {
	return append(slices.Sorted(maps.Keys(f.templates)), builtInNames...)
}
