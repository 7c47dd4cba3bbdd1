package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/nearest"
)

// lostService is the hint for an unknown mapping at the top of the file: it may be a service.
func lostService(p pair) string {
	if p.value.Kind != yaml.MappingNode {
		return ""
	}
	return "; if it is a service, it belongs under services"
}

// namesIn returns the names of the keys directly in a section, those of facts only if asked for.
func namesIn(section string, facts bool) (names []string) {
	for _, k := range keysIn[section] {
		if facts || !k.fact {
			names = append(names, k.name())
		}
	}
	return names
}

// misplaced is the hint for a key that is unknown in its section: it says where a key of this name
// belongs.
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
		if below := placeOf(name, "; it belongs "); below != "" {
			return below + ", or at the top of the file"
		}
		return "; it belongs at the top of the file"
	}
	return placeOf(name, "; it belongs ")
}

// placeOf returns before and the place where a key of this name belongs; "" if no key has the name.
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
	for _, k := range fleetKeys {
		if k.name() == name {
			sections = append(sections, "fleet at the top of the file")
		}
	}
	if len(sections) == 0 {
		return ""
	}
	return before + "under " + strings.Join(sections, " or ")
}

// elsewhere is the hint that names a similar key of another section.
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
