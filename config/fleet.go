package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fleet is what a file says, under its key fleet, of the fleet that the program joins: see package
// fleet. A program passes Name to fleet.Join; the linter uses the rest. Nothing else reads it, so a
// reload that changes it has no effect on a fleet that was joined.
type Fleet struct {
	Name  string // from 1 to 128 bytes, without a slash; "": not said
	Pods  int    // how many pods there are, from 1 to 10,000; 0: not said
	Store string // the service whose calls go to the Redis that the fleet stands on; "": not said
}

// Fleet returns what the file says of the fleet. It is zero if it says nothing.
func (c *Config) Fleet() Fleet { return c.fleet }

// The bounds of package fleet, which refuses a longer name, and takes more pods for a flood.
const (
	maxFleetName = 128
	maxPods      = 10_000
)

// fleetKeys are the keys of the section fleet, at the top of a file. They belong to no service, so
// no variable of the environment sets them.
var fleetKeys = []key{
	{path: "fleet.name", kind: kindText,
		doc: "The fleet's name, for a program that joins it: the pods of one name in one Redis are one fleet. It has no slash."},
	{path: "fleet.pods", kind: kindCount, min: 1, max: maxPods,
		doc: "How many pods there are. The linter uses it, unless it is told by -pods."},
	{path: "fleet.store", kind: kindService,
		doc: "The service of this file whose calls go to the Redis that the fleet stands on. The linter uses it: such a service must not depend on the fleet."},
}

const fleetDoc = "The fleet of pods that the program is one of. Which services take part in it is said there, by `breaker.fleet` and `budget.fleet`."

// readFleet reads the section fleet.
func (f *file) readFleet(p pair) {
	if p.value.Kind != yaml.MappingNode {
		f.wrongKind(p, "fleet", "want a mapping, such as {name: checkout, pods: 200}")
		return
	}
	for _, below := range f.pairs(p.value, "fleet") {
		f.fleetOrigins["fleet."+below.name] = Origin{File: f.name, Line: below.key.Line, Column: below.key.Column, Source: sourceFleet}
		switch below.name {
		case "name":
			f.fleet.Name, _ = f.fleetValue(below).(string)
			if name := f.fleet.Name; len(name) > maxFleetName || strings.Contains(name, "/") {
				f.fail(below.value, "fleet.name", " is %s; want 1 to %d bytes without a slash", describe(below.value), maxFleetName)
			}
		case "pods":
			f.fleet.Pods, _ = f.fleetValue(below).(int)
		case "store":
			f.fleet.Store, _ = f.fleetValue(below).(string)
			f.store = below.value
		default:
			names := make([]string, len(fleetKeys))
			for i, k := range fleetKeys {
				names[i] = k.name()
			}
			f.unknown(below, "fleet", names, "")
		}
	}
}

// fleetValue reads the value of a key of the section. It returns nil if the key cannot have it.
func (f *file) fleetValue(p pair) any {
	for _, k := range fleetKeys {
		if k.name() != p.name {
			continue
		}
		if p.value.Kind == yaml.ScalarNode && p.value.ShortTag() == "!!null" {
			f.wrongKind(p, k.path, k.want())
			return nil
		}
		if v, ok := k.read(f.source, p.value, k.path); ok {
			return v
		}
	}
	return nil
}

// checkStore notes a store that is no service of the file.
func (f *file) checkStore() {
	if f.fleet.Store == "" || f.byName[f.fleet.Store] != nil {
		return
	}
	names := make([]string, len(f.services))
	for i, l := range f.services {
		names[i] = l.name
	}
	f.failIn(f.store, "fleet.store", "there is no service %s in this file%s", quoted(f.fleet.Store),
		f.once("service "+f.fleet.Store, func() string { return f.suggest(f.fleet.Store, names) }))
}

// fleetYAML returns the mapping that a file has under fleet. It leaves out a store that is no
// service of the file, with which the file would not load.
func (c *Config) fleetYAML() *yaml.Node {
	f, m := c.fleet, mapping()
	m.Style = yaml.FlowStyle
	if f.Name != "" {
		put(m, "name", text(f.Name))
	}
	if f.Pods != 0 {
		put(m, "pods", plain(formatNumber(float64(f.Pods))))
	}
	if s := c.services[f.Store]; s != nil && s.hasStage() {
		put(m, "store", text(f.Store))
	}
	return m
}
