package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// Knob is a key of a service whose value may be changed in a running pipeline.
type Knob struct {
	Key     string `json:"key"`               // "retry.max_retries"
	Value   string `json:"value"`             // in force, as a file would write it: "5", "500ms", "{additive: 0.3}"
	Default string `json:"default,omitempty"` // likewise, or in words: "`rate`, rounded up"

	// Kind is what values look like: "count" (a whole number), "number", "duration", "choice" (one
	// of Words; of retry.jitter, also {additive: 0.3} or {proportional: 0.2}), or "flag" (true or
	// false, or one of Words).
	Kind string `json:"kind"`

	// Words are the values that are words: all of a choice; "off" or "unlimited" of a number.
	Words []string `json:"words,omitempty"`

	// Min and Max bound a number, of a duration in seconds. A Min of 0 is no bound: the value must
	// be above 0, or 0 if Zero is set. A Max of 0 is none.
	Min float64 `json:"min,omitempty"`
	Max float64 `json:"max,omitempty"`

	Zero string `json:"zero,omitempty"` // what 0 does: "no call waits"; "" if the value must not be 0
	Want string `json:"want"`           // what a value may be, in words: "a whole number from 1 to 10000"
	Doc  string `json:"doc"`            // what the key does, as in docs/configuration.md

	// Fixed says why the value cannot be changed by Tune, though it is shown: code put in what no
	// file can say, or shares the stage with other pipelines. "" if it can.
	Fixed string `json:"fixed,omitempty"`
}

// Knobs returns the keys that may be turned in a running pipeline, with the values in force, in the
// order of Config.YAML. They are those of the stages that the pipeline has. These are not among
// them, since they are not numbers of a stage in use:
//
//   - whether there is a stage, or a deadline: a tuning adds none and takes none away. But
//     retry.adaptive and bulkhead.adaptive can be turned on and off;
//   - the keys `per`, since a stage keeps its place;
//   - breaker.name, by which others know it;
//   - breaker.fleet and budget.fleet, since all pods must agree on who takes part;
//   - budget.initial, which counts only when a budget is made;
//   - the keys that only the linter uses.
//
// Of several stages of a kind, it shows the one that a file would make: see [Of]. The total of a
// Keyed has the knobs of all its keys. Knobs returns an error if p was not made by holdfast.New. It
// allocates.
func Knobs(p *holdfast.Pipeline) ([]Knob, error) {
	row := stage.RowOf(p)
	if row == nil {
		return nil, errNoPipeline
	}
	stages := p.Stages()
	at := places(stages)
	var all []Knob
	for _, k := range keys() {
		i, ok := at[sectionPath(k)]
		if !ok || k.unturnable() != "" || i >= len(row) {
			continue
		}
		if knob, ok := k.knob(stages[i], row[i]); ok {
			all = append(all, knob)
		}
	}
	return all, nil
}

// errNoPipeline is the error for a pipeline that holdfast.New did not make.
var errNoPipeline = fmt.Errorf("config: the pipeline is nil or zero; want one made by holdfast.New")

// unturnable says why no pipeline in use can change the value; "" if it can.
func (k key) unturnable() string {
	sec := sectionOf(k)
	switch {
	case k.fact:
		return "only the linter uses it"
	case sec == nil:
		return "a file starts from it, and a pipeline in use does not"
	case k.kind == kindSection && k.path == sec.path:
		return "a tuning adds no stage and takes none away; an update does"
	case k.path == sec.path+".per":
		return "a stage keeps its place; an update moves it"
	case k.kind == kindText:
		return "others know it by that name"
	case k.field == "Fleet":
		return "all pods must agree on it, so it is for the file"
	case k.field == "Initial":
		return "it counts only when the budget is made"
	}
	return ""
}

// places returns at which index of a row of stages each section's is: the one that a file would
// make, of several. Their Configs are as Pipeline.Stages returns them.
func places(stages []resilience.Stage) map[string]int {
	at := map[string]int{}
	row, _ := stage.Read(stages) // what is in use has nothing wrong
	for i, m := range row {
		sec := sectionFor(m.Kind, !row.PerCall(i))
		if sec == nil {
			continue
		}
		if _, twice := at[sec.path]; !twice || m.Traits.Limit > 0 { // of deadlines the inner one: see take
			at[sec.path] = i
		}
	}
	return at
}

// knob returns the key as a Knob. It returns false if the key is in a section that is off.
func (k key) knob(config resilience.Stage, m *stage.Member) (Knob, bool) {
	value, fixed, ok := k.standing(config)
	if !ok {
		return Knob{}, false
	}
	knob := Knob{
		Key: k.path, Value: value, Default: k.defaultText(), Kind: k.kindWord(), Words: k.knobWords(),
		Zero: k.zeroMeans, Want: strings.TrimPrefix(k.knobWant(), "want "), Doc: k.doc, Fixed: fixed,
	}
	switch k.kind {
	case kindCount, kindNumber:
		knob.Min, knob.Max = k.min, k.max
	case kindDuration:
		knob.Min, knob.Max = time.Duration(k.min).Seconds(), time.Duration(k.max).Seconds()
	default: // the rest is words
	}
	if !m.Own && !m.Kind.Shares() {
		knob.Fixed = "the " + m.Name + " was given already built, so it may belong to other pipelines as well"
	}
	return knob, true
}

// standing returns the value of a key in a Config, as a file would write it, and why it is fixed.
func (k key) standing(config resilience.Stage) (value, fixed string, ok bool) {
	if k.kind == kindSection {
		if !k.in(reflect.ValueOf(config)).IsValid() {
			return "", "", false
		}
		if k.isOn(config) {
			return "on", "", true
		}
		return "off", "", true
	}
	v, ok := k.get(config)
	if !ok {
		return "", "", false
	}
	if (k.kind == kindChoice || k.kind == kindJitter) && !k.sayable(v) {
		return typeName(v), "it is a " + typeName(v) + ": code puts it in (Registry.Amend)", true
	}
	return k.text(v), "", true
}

func (k key) kindWord() string {
	switch k.kind {
	case kindCount:
		return "count"
	case kindNumber:
		return "number"
	case kindDuration:
		return "duration"
	case kindFlag:
		return "flag"
	default: // of those that can be turned
		return "choice"
	}
}

// knobWords are the key's words in a running pipeline, which no deadline leaves.
func (k key) knobWords() []string {
	if k.isDeadline() {
		return nil
	}
	return k.wordTexts()
}

// isDeadline reports whether the key is a stage by itself.
func (k key) isDeadline() bool { return k.kind == kindDuration && k.section() == "" }

// knobWant returns what would be right.
func (k key) knobWant() string {
	switch {
	case k.isDeadline():
		k.words = nil
	case k.kind == kindSection:
		return "want " + oneOf(k.wordTexts())
	}
	return k.want()
}

// KnobValues returns what the file gives to the keys of [Knobs], by key, defaults included: the
// Value of each Knob of this service while nobody has turned it, and code has not changed the
// stages.
func (s Service) KnobValues() map[string]Value {
	all := map[string]Value{}
	for _, v := range s.inForce() {
		if k := keyByPath[v.Key]; k.unturnable() == "" {
			all[v.Key] = v
		}
	}
	return all
}

// Patch returns the least file that gives a service these values, for whoever has turned knobs and
// wants them to stay: a mapping of services with this one, and of its keys only those of values, in
// the order of Config.YAML. Its keys and values are those of Tune, and are checked likewise; the
// error is as there. Parse accepts the result if the values also agree with the rest of the
// service, such as its template. It is for putting into the file by hand: it replaces no file.
func Patch(service string, values map[string]string) ([]byte, error) {
	if !isServiceName(service) {
		return nil, fmt.Errorf("config: %w", noServiceName(service))
	}
	turns, err := readTurns(values)
	if err != nil {
		return nil, err
	}
	s := mapping()
	within := map[string]*yaml.Node{"": s}
	for _, t := range turns {
		node := t.node
		if t.key.kind == kindSection && t.value == switchedOn {
			node = mapping()
			within[t.key.path] = node
		}
		put(inSection(within, t.key.section()), t.key.name(), node)
	}
	services, file := mapping(), mapping()
	put(services, "", s)
	services.Content[0] = text(service)
	put(file, "services", services)
	return encode(file), nil
}

// inSection returns the mapping of a section, which it adds to the one around it.
func inSection(within map[string]*yaml.Node, path string) *yaml.Node {
	if m, ok := within[path]; ok {
		return m
	}
	around, name := cutLast(path)
	m := mapping()
	within[path] = m
	put(inSection(within, around), name, m)
	return m
}

// turnable are the paths of the keys that some pipeline can turn.
var turnable = func() []string {
	var paths []string
	for _, k := range keys() {
		if k.unturnable() == "" {
			paths = append(paths, k.path)
		}
	}
	return slices.Clip(paths)
}()
