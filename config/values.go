package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is one setting of a service as it holds in the end: what the file that Config.YAML prints
// says of it, on a line.
type Value struct {
	Key    string `json:"key"`    // "retry.max_retries"
	Text   string `json:"value"`  // "5", "500ms", "{additive: 0.3}"
	Origin Origin `json:"origin"` // who said so
}

// Values returns every setting of every stage that the service has, and its rps, defaults included,
// in the order in which a file gives them.
func (s Service) Values() []Value {
	var all []Value
	s.collect(&all, "", s.yaml())
	return all
}

// collect adds what a mapping says. Which template it began with, whom it calls and what the linter
// leaves out are no settings.
func (s *Service) collect(all *[]Value, path string, m *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := path+m.Content[i].Value, m.Content[i+1]
		switch {
		case key == "template" || key == "calls" || key == "lint":
		case value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0:
			s.collect(all, key+".", value)
		default:
			origin, _ := s.Origin(key)
			*all = append(*all, Value{Key: key, Text: onOneLine(value), Origin: origin})
		}
	}
}

func onOneLine(value *yaml.Node) string {
	if value.Kind == yaml.ScalarNode {
		return value.Value
	}
	text, _ := yaml.Marshal(value) // a tree of plain nodes, to memory: it cannot fail
	return strings.TrimSpace(string(text))
}
