package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/nearest"
)

// lostService says what a mapping at the top of the file may be.
func lostService(p pair) string {
	if p.value.Kind != yaml.MappingNode {
		return ""
	}
	return "; if it is a service, it belongs under services"
}

// namesIn returns the keys that there are in a section.
func namesIn(section string, facts bool) (names []string) {
	for _, k := range keysIn[section] {
		if facts || !k.fact {
			names = append(names, k.name())
		}
	}
	return names
}

// misplaced returns where a key belongs that is written in a section which has none of that name.
func (s *source) misplaced(name, section string) string {
	if s.full() {
		return ""
	}
	if k, text, ok := strings.Cut(name, ":"); ok && slices.Contains(namesIn(section, true), k) {
		return "; a colon is followed by a blank: " + k + ": " + shortened(text)
	}
	if k, ok := keyOf(strings.TrimPrefix(section+"."+name, ".")); ok && strings.Contains(name, ".") {
		sections := strings.Split(name, ".")
		last := len(sections) - 1
		return "; want it as " + strings.Join(sections[:last], ": {") + ": {" + k.name() + ": …" + strings.Repeat("}", last)
	}
	if section == "" && slices.Contains(topKeys, name) {
		return "; it belongs at the top of the file"
	}
	return placeOf(name, "; it belongs ")
}

// placeOf returns where a key of that name belongs, "" if there is none.
func placeOf(name, before string) string {
	var sections []string
	for _, k := range allKeys {
		if k.name() != name {
			continue
		}
		if k.section() == "" {
			return before + "directly under the service"
		}
		sections = append(sections, k.section())
	}
	if len(sections) == 0 {
		return ""
	}
	return before + "under " + strings.Join(sections, " or ")
}

// elsewhere returns which key of another section may have been meant.
func (s *source) elsewhere(name string) string {
	if s.full() {
		return ""
	}
	s.compared += len(allNames)
	if c, ok := nearest.Name(name, allNames); ok {
		return placeOf(c, "; did you mean "+quoted(c)+", which belongs ")
	}
	return ""
}

var allNames = func() (names []string) {
	for _, k := range allKeys {
		if !slices.Contains(names, k.name()) {
			names = append(names, k.name())
		}
	}
	return names
}()
