package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schema.json is generated from the keys of settings.go.
func TestGeneratedSchemaIsCurrent(t *testing.T) {
	requireGenerated(t, "schema.json", generateSchema(t))
}

func TestSchemaIsTheFile(t *testing.T) {
	require.True(t, json.Valid(Schema()))
	require.Equal(t, string(schema), string(Schema()))
	Schema()[0] = 'x' // which changes nobody else's
	require.True(t, json.Valid(Schema()))
}

// The parser accepts every default and every example of the schema.
func TestSchemaExamplesLoad(t *testing.T) {
	count := 0
	for _, k := range keys() {
		values := examplesOf(k)
		if def, ok := jsonOf(k, k.defaultText()); ok {
			values = append(values, def)
		}
		for _, v := range values {
			service := object{{k.path, v}}
			if section, name, ok := strings.Cut(k.path, "."); ok {
				service = object{{section, object{{name, v}}}}
				if name, below, ok := strings.Cut(name, "."); ok {
					service = object{{section, object{{name, object{{below, v}}}}}}
				}
			}
			if k.path == "breaker.slow_call_ratio" {
				service = object{{"breaker", object{{"slow_call_duration", "2s"}, {"slow_call_ratio", v}}}}
			}
			if k.path == "bulkhead.max_concurrent" && v == "unlimited" {
				service = object{{"bulkhead", object{{"max_concurrent", v}, {"adaptive", "on"}}}}
			}
			service = withRequired(k, service)
			others := object{{"template", templateNone}, {"deadline", "1m"}, {"retry", "on"}, {"bulkhead", "on"}}
			for _, o := range others {
				if service[0].name != o.name {
					service = append(service, o)
				}
			}
			file := object{{"services", object{{"payments", service}, {"ledger", object{}}, {"fraud", object{}}}}}
			_, err := Parse(bytes.NewReader(marshal(file)), WithEnvironment(nil))
			require.NoError(t, err, "%s", marshal(file))
			count++
		}
	}
	require.Greater(t, count, 60)
}

// withRequired adds to a service the required keys of k's section.
func withRequired(k key, service object) object {
	in, ok := service[0].value.(object)
	sec := sectionOf(k)
	if !ok || sec == nil {
		return service
	}
	for needs := range sec.required() {
		if needs.path != k.path {
			in = append(slices.Clone(in), member{needs.name(), someNumber})
		}
	}
	return object{{service[0].name, in}}
}

// someNumber is an example for a key that has no default.
const someNumber = 100

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(marshal(m.name))
		b.WriteByte(':')
		b.Write(marshal(m.value))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal is json.Marshal, but leaves < and > as they are.
func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

const schemaID = "https://raw.githubusercontent.com/media-gateway/holdfast/main/config/schema.json"

func generateSchema(t *testing.T) string {
	t.Helper()
	named := func(doc, of string, names object) object {
		return object{
			{"type", "object"}, {"description", doc},
			{"propertyNames", append(object{{"pattern", plainName}}, names...)},
			{"additionalProperties", object{{"$ref", "#/$defs/" + of}}},
		}
	}
	file := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", schemaID},
		{"title", "Holdfast services"},
		{"description", "The resilience of a program's calls: the deadlines, limits, retries and the circuit breaker of each service that it calls."},
		{"type", "object"},
		{"properties", object{
			{"$schema", object{{"description", "Where an editor finds this schema."}, {"type", "string"}}},
			{"fleet", sectionSchema(fleetDoc, fleetKeys)},
			{"defaults", object{{"$ref", "#/$defs/settings"}}},
			{"templates", named("Settings with a name, for services to start from. Built in are "+
				strings.Join(builtInNames, ", ")+".", "settings", object{{"not", object{{"enum", builtInNames}}}})},
			{"services", named("The services, by the name under which the program asks for them.", "service", nil)},
		}},
		{"required", []string{"services"}},
		{"patternProperties", object{{"^x-", object{{"description", "Anything: a place for YAML anchors."}}}}},
		{"additionalProperties", false},
		{"$defs", definitions()},
	}
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, marshal(file), "", "  "))
	return b.String() + "\n"
}

// definitions returns a definition for a service, one for defaults and templates, which have no
// facts, and one for each key in them.
func definitions() object {
	var service, settings, defs object
	for _, k := range keysIn[""] {
		ref := member{k.name(), object{{"$ref", "#/$defs/" + k.name()}}}
		service = append(service, ref)
		if !k.fact {
			settings = append(settings, ref)
		}
		defs = append(defs, member{k.name(), schemaOf(k)})
	}
	holder := func(doc string, properties object) object {
		return object{{"type", "object"}, {"description", doc}, {"properties", properties}, {"additionalProperties", false}}
	}
	duration := func(pattern, want string) object { // patternErrorMessage is what editors show
		return object{{"type", "string"}, {"pattern", pattern}, {"patternErrorMessage", want}}
	}
	defs = append(defs,
		member{"duration", duration(anyDuration, "want a duration, such as 500ms or 1m30s")},
		member{"positive_duration", duration(positiveDuration, "want a duration above 0, such as 500ms or 1m30s")},
	)
	return append(object{
		{"service", holder("One service: the stages of its calls, and facts for the linter.", service)},
		{"settings", holder("What services have in common: the stages of their calls.", settings)},
	}, defs...)
}

// schemaOf returns the schema of one key's value.
func schemaOf(k key) object {
	s := object{{"description", strings.TrimSpace(k.doc + " " + zeroSentence(k) + defaultSentence(k))}}
	if def, ok := jsonOf(k, k.defaultText()); ok {
		s = append(s, member{"default", def})
	}
	if e := examplesOf(k); len(e) > 0 {
		s = append(s, member{"examples", e})
	}
	if k.path == "fleet.name" {
		s = append(s, member{"maxLength", maxFleetName}, member{"not", object{{"pattern", "/"}}})
	}
	forms := formsOf(k)
	if len(forms) == 1 {
		return append(s, forms[0]...)
	}
	return append(s, member{"anyOf", forms})
}

// sectionSchema returns the schema of a mapping of keys; with a description, if there is one.
func sectionSchema(doc string, keys []key) object {
	var properties object
	for _, below := range keys {
		properties = append(properties, member{below.name(), schemaOf(below)})
	}
	s := object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}}
	if doc != "" {
		s = append(object{{"description", doc}}, s...)
	}
	return s
}

func zeroSentence(k key) string {
	if k.zeroMeans == "" {
		return ""
	}
	return "0: " + k.zeroMeans + ". "
}

func defaultSentence(k key) string {
	if def := k.defaultText(); def != "" {
		return "Default: " + def + "."
	}
	return ""
}

// jsonOf returns the JSON value of a text from a file, and false if the text is prose.
func jsonOf(k key, text string) (any, bool) {
	if _, ok := k.word(text); ok {
		return text, true
	}
	switch k.kind {
	case kindCount, kindNumber:
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return nil, false
		}
		return json.Number(text), true
	case kindFlag:
		return text == "true", true
	case kindDuration, kindName:
		return text, text != ""
	case kindJitter:
		for _, w := range k.words { // editors show a word better than a mapping
			if k.text(w.value) == text {
				return w.text, true
			}
		}
	}
	return nil, false
}

// formsOf returns the schemas of the forms that a key's value may have.
func formsOf(k key) []object {
	var forms []object
	switch k.kind {
	case kindSection:
		forms = append(forms, sectionSchema("", keysIn[k.path]))
	case kindDuration:
		if k.zero != nil {
			forms = append(forms, object{{"$ref", "#/$defs/duration"}}, object{{"const", 0}})
		} else {
			forms = append(forms, object{{"$ref", "#/$defs/positive_duration"}})
		}
	case kindCount:
		forms = append(forms, append(object{{"type", "integer"}}, bounds(k)...))
	case kindNumber:
		forms = append(forms, append(object{{"type", "number"}}, bounds(k)...))
	case kindFlag:
		forms = append(forms, object{{"type", "boolean"}})
	case kindText:
		forms = append(forms, plainText)
	case kindName:
		forms = append(forms, object{{"enum", builtInNames}}, plainText)
	case kindJitter:
		factor := object{{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}}
		for _, name := range []string{"additive", "proportional"} {
			forms = append(forms, object{
				{"type", "object"}, {"properties", object{{name, factor}}}, {"required", []string{name}}, {"additionalProperties", false},
			})
		}
	case kindService:
		forms = append(forms, nameOfService)
	case kindCalls:
		call := object{
			{"type", "object"},
			{"properties", object{
				{"service", append(object{{"description", "A service of this file."}}, nameOfService...)},
				{"per_call", object{
					{"description", "How often a call makes it, on average. Default: 1."}, {"default", 1},
					{"type", "number"}, {"exclusiveMinimum", 0},
				}},
			}},
			{"required", []string{"service"}}, {"additionalProperties", false},
		}
		forms = append(forms, object{{"type", "array"}, {"items", object{{"anyOf", []object{nameOfService, call}}}}})
	case kindSilences:
		silence := object{
			{"type", "object"},
			{"properties", object{
				{"code", object{
					{"description", "The finding's code, as `holdfast lint` prints it."}, {"type", "string"}, {"pattern", "^HF[0-9]{3}$"},
				}},
				{"reason", object{{"description", "Why it is accepted."}, {"type", "string"}, {"pattern", "\\S"}}},
			}},
			{"required", []string{"code", "reason"}}, {"additionalProperties", false},
		}
		forms = append(forms, object{{"type", "array"}, {"items", silence}})
	}
	if len(k.words) > 0 {
		words := make([]string, len(k.words))
		for i, w := range k.words {
			words[i] = w.text
		}
		if word := (object{{"enum", words}}); k.kind == kindDuration || k.kind == kindCount || k.kind == kindNumber {
			forms = append(forms, word)
		} else { // what editors say of a wrong value is most often about the first form
			forms = slices.Insert(forms, 0, word)
		}
	}
	return forms
}

// A duration as time.ParseDuration reads it. One above 0 has a digit that is not 0.
const (
	durationUnit     = `(ns|us|µs|μs|ms|s|m|h)`
	durationPart     = `([0-9]+(\.[0-9]*)?|\.[0-9]+)` + durationUnit
	positivePart     = `([0-9]*[1-9][0-9]*(\.[0-9]*)?|[0-9]*\.[0-9]*[1-9][0-9]*)` + durationUnit
	anyDuration      = `^\+?(0|(` + durationPart + `)+)$`
	positiveDuration = `^\+?(` + durationPart + `)*` + positivePart + `(` + durationPart + `)*$`
)

// A name that can be a key of the file; and a text on one line, not blank.
const (
	plainName = `^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\xa0]*[^\x00-\x20\x7f-\xa0])?$`
	oneLine   = `^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$`
)

// A service may be called 404.
var nameOfService = object{{"type", []string{"string", "integer"}}, {"minLength", 1}}

var plainText = object{{"type", "string"}, {"pattern", oneLine}}

// bounds returns the bounds of a number.
func bounds(k key) object {
	var b object
	switch {
	case k.min == 0 && k.zero == nil:
		b = object{{"exclusiveMinimum", 0}}
	default:
		b = object{{"minimum", k.min}}
	}
	if k.max > 0 && k.max < 1e300 {
		b = append(b, member{"maximum", json.Number(formatNumber(k.max))})
	}
	return b
}

// examplesOf returns example values for a key whose default shows too little.
func examplesOf(k key) []any {
	if e, ok := examples[k.path]; ok {
		return e
	}
	if k.kind == kindSection || k.kind == kindFlag || k.kind == kindChoice || k.kind == kindJitter { // the schema already lists the values
		return nil
	}
	var all []any
	if def, ok := jsonOf(k, k.defaultText()); ok {
		all = append(all, def)
	}
	if sec := sectionOf(k); sec != nil && k.kind != kindDuration {
		for needs := range sec.required() {
			if needs.path == k.path {
				all = append(all, someNumber)
			}
		}
	}
	for _, w := range k.words {
		if !slices.Contains(all, any(w.text)) {
			all = append(all, w.text)
		}
	}
	return all
}

// examples are for keys whose default and words show too little. TestSchemaExamplesLoad loads them
// all.
var examples = map[string][]any{
	"template":         {"critical", "standard", "background", templateNone},
	"deadline":         {"2s", "off"},
	"attempt_deadline": {"500ms", "off"},
	"rps":              {200},
	"calls":            {[]any{"ledger", object{{"service", "fraud"}, {"per_call", 2}}}},
	"lint.ignore":      {[]any{object{{"code", "HF040"}, {"reason", "full is meant: rather refused than queued"}}}},
	"breaker.name":     {"payments-eu"},
	"fleet.name":       {"checkout"},
	"fleet.pods":       {200},
	"fleet.store":      {"cache"},

	"breaker.slow_call_duration": {"2s", "off"},
	"breaker.min_open_for":       {"100ms", "off"},
}
