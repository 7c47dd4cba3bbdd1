package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/nearest"
)

// The variable HOLDFAST_PAYMENTS_BUDGET_RATIO=0.2 changes budget.ratio of the service payments. Its
// name is that of the service, _ and the key, in upper case, with _ for every character that is
// neither a letter nor a digit. An empty variable is ignored, and so is one that begins with
// HOLDFAST_ but has nothing to do with any service.
const envPrefix = "HOLDFAST_"

// inVariable returns a service's name or a key's path as the name of a variable has it.
func inVariable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// keyByVariable holds the keys that a variable can set, by the part of its name after that of the
// service: "BUDGET_RATIO".
var keyByVariable = func() map[string]key {
	m := map[string]key{}
	for _, k := range allKeys {
		if k.inVariable() {
			m[inVariable(k.path)] = k
		}
	}
	return m
}()

// inVariable reports whether a variable can set the key. It cannot set a list.
func (k key) inVariable() bool {
	return k.kind != kindCalls && k.section() != "lint" && k.path != "lint"
}

// readEnvironment reads the variables that change services of the file. If environ has a variable
// twice, the last one counts.
func (f *file) readEnvironment(environ []string) {
	f.environment = map[string]*layer{}
	byVariable := map[string][]*layer{}
	for _, l := range f.services {
		v := inVariable(l.name)
		byVariable[v] = append(byVariable[v], l)
	}
	values := map[string]string{}
	var names []string
	for _, e := range environ {
		name, value, ok := strings.Cut(e, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) {
			continue
		}
		if _, twice := values[name]; !twice {
			names = append(names, name)
		}
		values[name] = value
	}
	slices.Sort(names)
	for _, name := range names {
		if values[name] != "" {
			f.readVariable(byVariable, name, values[name])
		}
	}
	for _, l := range f.environment {
		l.mentionSections()
	}
}

// readVariable finds the service that a variable belongs to. The name of one service may be the
// beginning of another's: then the one counts for which the rest of the variable is a key. A
// variable that is a service's name alone would change nothing, which cannot be meant: it is an
// error.
func (f *file) readVariable(services map[string][]*layer, name, value string) {
	defer func() { f.variable = "" }()
	f.variable = shortened(name) + "=" + escaped(value)
	rest := name[len(envPrefix):]
	var whose []*layer
	var meant key
	longest := ""
	for i := range rest {
		owners := services[rest[:i]]
		if rest[i] != '_' || len(owners) == 0 {
			continue
		}
		longest = rest[:i]
		if k, ok := keyByVariable[rest[i+1:]]; ok {
			whose, meant = append(whose, owners...), k
		}
	}
	switch {
	case len(whose) == 1:
		f.override(whose[0], meant, name, value)
	case len(whose) > 1:
		names := make([]string, len(whose))
		for i, l := range whose {
			names[i] = quoted(l.name)
		}
		f.failAt(0, 0, 0, "", "it is a variable of the services "+strings.Join(names, " and ")+" alike; want it unset, and the value in the file", nil)
	case len(services[inVariable(rest)]) > 0:
		f.noKey(services[inVariable(rest)][0], inVariable(rest), value)
	case longest != "":
		f.unknownVariable(services[longest][0], longest, rest)
	default:
		f.misspelled(services, rest)
	}
}

// override sets a key of the service to the value of a variable.
func (f *file) override(service *layer, k key, name, value string) {
	l := f.environment[service.name]
	if l == nil {
		l = newLayer(service.name, service.path, "", nil)
		f.environment[service.name] = l
	}
	l.source = "environment " + name
	n := variableNode(k, value)
	path := join(l.path, k.path)
	v, ok := any(nil), false
	if n == nil {
		f.failAt(0, 0, 0, path, k.want(), nil)
	} else {
		v, ok = k.read(f.source, n, path)
	}
	if !ok {
		l.spoil(k.path)
		return
	}
	l.values[k.path] = f.setting(v, l, nil, path)
	if k.kind == kindName && f.template(v) == nil {
		f.unknownTemplate(l.values[k.path])
		l.spoil(k.path)
		delete(l.values, k.path)
	}
}

// variableNode returns the value of a variable as a node of a file: a scalar, or for jitter a
// mapping of scalars such as {additive: 0.3}. It returns nil for any other mapping.
func variableNode(k key, value string) *yaml.Node {
	if k.kind == kindJitter && strings.HasPrefix(value, "{") && len(value) < 1000 {
		if n, _, err := yamlNodes([]byte(value)); err == nil && n != nil && n.Kind == yaml.MappingNode {
			for _, c := range n.Content {
				if c.Kind != yaml.ScalarNode {
					return nil
				}
			}
			return n
		}
		return nil
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if k.kind == kindText || k.kind == kindName {
		n.Tag = "!!str"
	}
	return n
}

// mentionSections turns on each section that a variable sets a key of, unless another variable says
// on or off for the section itself.
func (l *layer) mentionSections() {
	for _, path := range slices.Sorted(maps.Keys(l.values)) {
		v := l.values[path]
		for k := keyByPath[path]; k.section() != ""; k = keyByPath[k.section()] {
			if _, said := l.values[k.section()]; !said {
				v.value = switchedOn
				v.where = strings.TrimSuffix(v.where, path) + k.section()
				l.values[k.section()] = v
			}
		}
	}
}

// unknownVariable notes a variable whose name is that of a service and an unknown key.
func (f *file) unknownVariable(service *layer, in, rest string) {
	var candidates []string
	for v := range keyByVariable {
		candidates = append(candidates, envPrefix+in+"_"+v)
	}
	slices.Sort(candidates)
	asked := rest[len(in)+1:]
	more := cmp.Or(f.suggest(envPrefix+rest, candidates), fileOnly(asked), f.endingIn(asked, envPrefix+in+"_"))
	if more == "" {
		more = "; want a key of the service after " + envPrefix + in + "_, such as " + envPrefix + in + "_DEADLINE"
	}
	f.failAt(0, 0, 0, service.path, "unknown key "+quoted(asked)+" of the service "+quoted(service.name)+more, nil)
}

// noKey notes a variable that names a service and no key.
func (f *file) noKey(service *layer, in, value string) {
	var all, taking []string
	for _, k := range keysIn[""] {
		if !k.inVariable() {
			continue
		}
		all = append(all, inVariable(k.path))
		if f.takes(k, value) {
			taking = append(taking, inVariable(k.path))
		}
	}
	if len(taking) == 0 {
		taking = all
	}
	f.failAt(0, 0, 0, service.path, "it names the service "+quoted(service.name)+" and none of its keys; want "+envPrefix+in+"_ and a key: "+
		strings.Join(taking, ", "), nil)
}

// takes reports whether the value is valid for the key.
func (f *file) takes(k key, value string) bool {
	if k.kind == kindName {
		return f.template(value) != nil
	}
	n := variableNode(k, value)
	if n == nil {
		return false
	}
	_, ok := k.read(newSource("", nil), n, "")
	return ok
}

// fileOnly is the hint for a key that only the file can set; "" for others.
func fileOnly(asked string) string {
	for _, k := range allKeys {
		if !k.inVariable() && inVariable(k.path) == asked {
			return "; " + k.path + " can be said in the file only"
		}
	}
	return ""
}

// endingIn is the hint for a key whose section was left out: it names RETRY_MAX_RETRIES for
// MAX_RETRIES.
func (f *file) endingIn(asked, prefix string) string {
	var all []string
	for v := range keyByVariable {
		if strings.HasSuffix(v, "_"+asked) {
			all = append(all, prefix+v)
		}
	}
	slices.Sort(all)
	if len(all) == 0 || f.full() {
		return ""
	}
	return "; did you mean " + strings.Join(all, " or ") + "?"
}

// misspelled notes a variable that ends in a key and begins with something close to a service's
// name. A short name must match better than a long one: what is close to it may belong to another
// program.
func (f *file) misspelled(services map[string][]*layer, rest string) {
	upper := inVariable(rest)
	for i := range rest {
		if rest[i] != '_' || upper == rest || f.full() {
			continue
		}
		if _, ok := keyByVariable[upper[i+1:]]; ok && services[upper[:i]] != nil {
			f.failAt(0, 0, 0, "", "the names of variables are in upper case, without any - or .; did you mean "+envPrefix+upper+"?", nil)
			return
		}
	}
	for i := range rest {
		if rest[i] != '_' {
			continue
		}
		if _, ok := keyByVariable[rest[i+1:]]; !ok || i == 0 || f.full() {
			continue
		}
		best, least := "", 3
		f.compared += len(services)
		for v := range services {
			if d := nearest.Distance(rest[:i], v, 3); d <= len(v)/4 && (d < least || d == least && v < best) {
				best, least = v, d
			}
		}
		if best != "" {
			f.failAt(0, 0, 0, "", "there is no service "+quoted(strings.ToLower(rest[:i]))+"; did you mean "+envPrefix+best+rest[i:]+"?", nil)
			return
		}
	}
}
