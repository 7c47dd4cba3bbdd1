package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// YAML returns a file that makes c. Each service is written in full, with every key of every stage
// that it has. The file has no defaults and no templates. Equal services give the same text, and
// Load returns equal services for it. What a file cannot express of a running pipeline (see Of) is
// a comment in it: "# not in this file: …".
func (c *Config) YAML() []byte {
	services := mapping()
	var left []string
	for _, name := range c.names {
		s := c.services[name]
		if !s.hasStage() { // such as one with only Guards: a file has no such service
			left = append(left, fmt.Sprintf("the service %q, which has no stage that a file can have", name))
			continue
		}
		services.Content = append(services.Content, serviceName(s), s.yaml())
	}
	file := mapping()
	if fleet := c.fleetYAML(); len(fleet.Content) > 0 {
		put(file, "fleet", fleet)
	}
	put(file, "services", services)
	file.Content[len(file.Content)-2].HeadComment = notInFile(left)
	return encode(file)
}

// encode returns the text of a file.
func encode(file *yaml.Node) []byte {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	_ = encoder.Encode(file) // a tree of plain nodes, to memory: it cannot fail
	_ = encoder.Close()
	return text.Bytes()
}

// Notes returns sentences about what a file cannot express of the pipeline that the service was
// made from (see Of). A service that was read from a file has none. The caller may change the
// slice.
func (s Service) Notes() []string { return slices.Clone(s.notes) }

// serviceName returns the key of a service, with its notes as comments above it.
func serviceName(s *Service) *yaml.Node {
	name := text(s.Name)
	name.HeadComment = notInFile(s.notes)
	return name
}

// notInFile returns notes as comments, one on each line.
func notInFile(notes []string) string {
	comments := make([]string, len(notes))
	for i, note := range notes {
		comments[i] = "# not in this file: " + strings.Join(strings.Fields(note), " ")
	}
	return strings.Join(comments, "\n")
}

// yaml returns the mapping of keys that makes s.
func (s *Service) yaml() *yaml.Node {
	m := mapping()
	put(m, "template", text(templateNone))
	for i := range sections {
		sec := &sections[i]
		c, ok := sec.slot.get(s)
		if !ok {
			continue
		}
		r, err := sec.resolve(c)
		if err != nil { // it was valid when it was made, but a caller may have changed their copy
			r = c
		}
		put(m, sec.path, sec.yaml(s, sec.key, r))
	}
	s.facts(m)
	return m
}

// yaml returns the value that a Config has for a key of the section. For a section that is a
// mapping of the keys below it.
func (sec *section) yaml(s *Service, k key, config resilience.Stage) *yaml.Node {
	if k.kind != kindSection {
		v, _ := k.get(config)
		return k.node(v)
	}
	m := mapping()
	for _, below := range keysIn[k.path] {
		v, said := below.get(config)
		switch {
		case below.path == sec.path+".per":
			put(m, below.name(), plain(sec.perIn(s).String()))
		case below.kind == kindSection && !below.isOn(config):
			put(m, below.name(), plain("off"))
		case below.kind == kindSection:
			put(m, below.name(), sec.yaml(s, below, config))
		case below.kind == kindText && v == "":
			// the default, which is not a text of its own
		case said:
			put(m, below.name(), below.node(v))
		}
	}
	return m
}

// node returns a Go value as a node of a file.
func (k key) node(v any) *yaml.Node {
	switch v := v.(type) {
	case retry.AdditiveJitter:
		return factorNode("additive", float64(v))
	case retry.ProportionalJitter:
		return factorNode("proportional", float64(v))
	}
	if k.kind == kindText {
		return text(k.text(v))
	}
	return plain(k.text(v))
}

// factorNode returns a jitter with a factor: {additive: 0.3}.
func factorNode(jitter string, factor float64) *yaml.Node {
	m := mapping()
	m.Style = yaml.FlowStyle
	put(m, jitter, plain(formatNumber(factor)))
	return m
}

// facts adds the keys that only the linter uses.
func (s *Service) facts(m *yaml.Node) {
	if s.RPS != 0 {
		put(m, "rps", plain(formatNumber(s.RPS)))
	}
	if len(s.Calls) > 0 {
		calls := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, c := range s.Calls {
			calls.Content = append(calls.Content, callNode(c))
		}
		put(m, "calls", calls)
	}
	if len(s.Silenced) > 0 {
		ignored := &yaml.Node{Kind: yaml.SequenceNode}
		for _, silence := range s.Silenced {
			one := mapping()
			one.Style = yaml.FlowStyle
			put(one, "code", text(silence.Code))
			put(one, "reason", text(silence.Reason))
			ignored.Content = append(ignored.Content, one)
		}
		section := mapping()
		put(section, "ignore", ignored)
		put(m, "lint", section)
	}
}

func callNode(c lint.Call) *yaml.Node {
	if c.PerCall == 1 || c.PerCall == 0 {
		return text(c.Service)
	}
	one := mapping()
	one.Style = yaml.FlowStyle
	put(one, "service", text(c.Service))
	put(one, "per_call", plain(formatNumber(c.PerCall)))
	return one
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

// put adds a key to a mapping.
func put(m *yaml.Node, key string, value *yaml.Node) {
	m.Content = append(m.Content, plain(key), value)
}

// plain returns a scalar for a number, a duration or a word of this package. None of these needs
// quotes.
func plain(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

// text returns a scalar for any text. It gets quotes if YAML would read it as something else.
func text(value string) *yaml.Node {
	var n yaml.Node
	_ = n.Encode(strings.ToValidUTF8(value, "\uFFFD")) // any valid text can be encoded
	return &n
}
