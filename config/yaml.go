package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
)

// YAML returns the file that would make c: every service in full, with every key of every stage that it has, and
// neither defaults nor templates. It is the same text for the same services, and Load makes equal services of it. What
// no file can say of a running pipeline (see Of) stands in it as a comment: "# not in this file: …".
func (c *Config) YAML() []byte {
	services := mapping()
	var left []string
	for _, name := range c.names {
		s := c.services[name]
		if len(s.Stages()) == 0 { // nothing but Guards, say: a file has no such service
			left = append(left, fmt.Sprintf("the service %q, which has no stage that a file can have", name))
			continue
		}
		services.Content = append(services.Content, serviceName(s), s.yaml())
	}
	file := mapping()
	put(file, "services", services)
	file.Content[0].HeadComment = notInFile(left)
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	_ = encoder.Encode(file) // a tree of plain nodes, to memory: it cannot fail
	_ = encoder.Close()
	return text.Bytes()
}

// Notes returns what a file cannot say of the pipeline that the service was made from (see Of), each in words. A
// service that was read from a file has none.
func (s Service) Notes() []string { return slices.Clone(s.notes) }

// serviceName returns the key of a service, under the comments on what is not in it.
func serviceName(s *Service) *yaml.Node {
	name := text(s.Name)
	name.HeadComment = notInFile(s.notes)
	return name
}

// notInFile returns notes as comments, each on a line.
func notInFile(notes []string) string {
	comments := make([]string, len(notes))
	for i, note := range notes {
		comments[i] = "# not in this file: " + strings.Join(strings.Fields(note), " ")
	}
	return strings.Join(comments, "\n")
}

// yaml returns what a file would say of s.
func (s *Service) yaml() *yaml.Node {
	m := mapping()
	put(m, "template", text(templateNone))
	if s.Deadline != 0 {
		put(m, "deadline", plain(brief.Duration(s.Deadline)))
	}
	if s.AttemptDeadline != 0 {
		put(m, "attempt_deadline", plain(brief.Duration(s.AttemptDeadline)))
	}
	if s.Bulkhead != nil {
		put(m, "bulkhead", s.section("bulkhead", resolved(s.Bulkhead.Resolve())))
	}
	if s.Budget != nil {
		put(m, "budget", s.section("budget", resolved(s.Budget.Resolve())))
	}
	if s.Retry != nil {
		put(m, "retry", s.section("retry", resolved(s.Retry.Resolve())))
	}
	if s.Breaker != nil {
		put(m, "breaker", s.section("breaker", resolved(s.Breaker.Resolve())))
	}
	s.facts(m)
	return m
}

// resolved returns a stage's Config with its defaults filled in. Those of a service were checked when it was made.
func resolved[C resilience.Stage](c C, _ error) any { return c }

// section returns the keys below a path, as the stage's Config has them.
func (s *Service) section(path string, config any) *yaml.Node {
	m := mapping()
	for _, k := range allKeys {
		if k.section() != path {
			continue
		}
		switch v, ok := k.get(config); {
		case k.path == "bulkhead.per":
			put(m, k.name(), plain(cmp.Or(s.BulkheadPer, PerCall).String()))
		case k.path == "breaker.per":
			put(m, k.name(), plain(cmp.Or(s.BreakerPer, PerAttempt).String()))
		case k.path == "retry.adaptive" && s.Retry.Adaptive != nil:
			put(m, k.name(), s.section(k.path, config))
		case k.path == "retry.adaptive":
			put(m, k.name(), plain("off"))
		case k.kind == kindText && v == "":
			// the default, which is not a text of its own
		case ok:
			put(m, k.name(), k.node(v))
		}
	}
	return m
}

// node returns a value, in Go's terms, as a file has it.
func (k key) node(v any) *yaml.Node {
	written := k.text(v)
	switch {
	case k.kind == kindText:
		return text(written)
	case strings.HasPrefix(written, "{"): // a jitter with a factor
		name, factor, _ := strings.Cut(strings.Trim(written, "{}"), ": ")
		m := mapping()
		m.Style = yaml.FlowStyle
		put(m, name, plain(factor))
		return m
	}
	return plain(written)
}

// facts puts in what the linter goes by.
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

// plain returns a number, a duration or a word of this package's: none needs quotes.
func plain(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

// text returns any text, which gets quotes where it would be read as something else.
func text(value string) *yaml.Node {
	var n yaml.Node
	_ = n.Encode(strings.ToValidUTF8(value, "\uFFFD")) // any valid text can be encoded
	return &n
}
