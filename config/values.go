package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is one setting that is in force for a service, with its value as Config.YAML writes it.
type Value struct {
	Key    string `json:"key"`    // "retry.max_retries"
	Text   string `json:"value"`  // "5", "500ms", "{additive: 0.3}"
	Origin Origin `json:"origin"` // where the value comes from
}

// Values returns every setting of every stage that the service has, and its rps, in the order of
// Config.YAML. Settings that have their default are included.
func (s Service) Values() []Value {
	var all []Value
	s.collect(&all, "", s.yaml())
	return all
}

// collect adds the settings in a mapping. The keys template, calls and lint are not settings of a
// stage, and are left out.
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
