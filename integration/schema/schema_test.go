package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/config"
)

// compiled returns the schema at a pointer ("" is the whole), which the compiler has held to draft
// 2020-12.
func compiled(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", document(t)))
	s, err := c.Compile("schema.json#" + pointer)
	require.NoError(t, err)
	return s
}

func document(t *testing.T) any {
	t.Helper()
	d, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	require.NoError(t, err)
	return d
}

// What an editor offers is accepted where it offers it.
func TestDefaultsAndExamplesAreValid(t *testing.T) {
	shown := 0
	eachSchema(document(t), "", func(pointer string, s map[string]any) {
		values, _ := s["examples"].([]any)
		if def, ok := s["default"]; ok {
			values = append(values, def)
		}
		for _, v := range values {
			require.NoError(t, compiled(t, pointer).Validate(v), "%s: %v", pointer, v)
			shown++
		}
	})
	require.Greater(t, shown, 60)
}

// Nothing but what is named is accepted, but for names of services and templates.
func TestEveryObjectIsClosed(t *testing.T) {
	objects := 0
	eachSchema(document(t), "", func(pointer string, s map[string]any) {
		if _, ok := s["properties"]; ok {
			require.Equal(t, false, s["additionalProperties"], pointer)
			objects++
		}
	})
	require.Greater(t, objects, 8)
}

// eachSchema calls f for every object of the document, with its place.
func eachSchema(v any, pointer string, f func(pointer string, s map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(pointer, v)
		for name, below := range v {
			eachSchema(below, pointer+"/"+name, f)
		}
	case []any:
		for i, below := range v {
			eachSchema(below, fmt.Sprintf("%s/%d", pointer, i), f)
		}
	}
}

// value returns a file as the JSON that an editor would see in it.
func value(t *testing.T, file string) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(file), &v), "%s", file)
	return plain(v)
}

// plain gives a key that is not a text the form it has in JSON.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case map[any]any:
		m := make(map[string]any, len(v))
		for k := range v {
			m[fmt.Sprint(k)] = plain(v[k])
		}
		return m
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	}
	return v
}

func parse(file string) error {
	_, err := config.Parse(strings.NewReader(file), config.WithEnvironment(nil))
	return err
}

func TestSchemaAcceptsTheFilesThatLoad(t *testing.T) {
	s := compiled(t, "")
	files, err := filepath.Glob("../../config/testdata/good/*")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	texts := map[string]string{"the starter": string(config.Starter())}
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		if filepath.Ext(path) == ".json" {
			var v any
			require.NoError(t, json.Unmarshal(data, &v))
			require.NoError(t, s.Validate(v), "%s", path)
			continue
		}
		texts[path] = string(data)
	}
	for name, text := range texts {
		require.NoError(t, parse(text), "%s", name)
		require.NoError(t, s.Validate(value(t, text)), "%s", name)
		c, err := config.Parse(strings.NewReader(text), config.WithEnvironment(nil))
		require.NoError(t, err)
		require.NoError(t, s.Validate(value(t, string(c.YAML()))), "%s, as YAML prints it", name)
	}
}

// Schema and parser agree on each of these.
func TestSchemaAndParserAgree(t *testing.T) {
	s := compiled(t, "")
	for _, test := range cases() {
		t.Run(test.file, func(t *testing.T) {
			parsed, validated := parse(test.file), s.Validate(value(t, test.file))
			if test.good {
				require.NoError(t, parsed)
				require.NoError(t, validated)
				return
			}
			require.Error(t, parsed)
			require.Error(t, validated)
		})
	}
}

type oneCase struct {
	file string
	good bool
}

func cases() (all []oneCase) {
	add := func(good bool, format string, values ...string) {
		for _, v := range values {
			all = append(all, oneCase{fmt.Sprintf(format, v), good})
		}
	}
	add(true, "%s", "services: {}", "x-a: {b: [c]}\nservices: {}", "$schema: x\nservices: {}", "defaults: {}\ntemplates: {}\nservices: {}",
		"fleet: {}\nservices: {}", "fleet: {name: checkout, pods: 1}\nservices: {}", "fleet: {pods: 10000, store: a}\nservices: {a: {}}",
		"fleet: {store: 404}\nservices: {404: {}}")
	add(false, "%s", "{}", "[]", "services", "services: []", "services: {}\nservice: {}", "services: null", "y-a: 1\nservices: {}",
		"services: {}\ndefaults: on", "services: {}\ntemplates: [a]", "services: {}\ndefaults: {rps: 1}", "services: {}\ntemplates: {a: {calls: []}}",
		"fleet: on\nservices: {}", "fleet: null\nservices: {}", "fleet: {name: a/b}\nservices: {}",
		"fleet: {name: 5}\nservices: {}", "fleet: {name: "+strings.Repeat("n", 129)+"}\nservices: {}", "fleet: {pods: 0}\nservices: {}",
		"fleet: {pods: 10001}\nservices: {}", "fleet: {pods: 1.5}\nservices: {}", "fleet: {store: ''}\nservices: {}", "fleet: {size: 5}\nservices: {}",
		"services: {}\ntemplates: {critical: {}}", "services: {}\ntemplates: {a: null}")
	// A service.
	in := "services: {payments: %s, ledger: {}}"
	add(true, in, "{}", "{template: none, deadline: 1s}")
	add(false, in, "null", "[]", "critical", "{retrys: on}", "{max_retries: 3}", "{DEADLINE: 1s}")
	in = "services: {payments: {%s}, ledger: {}, '404': {}}"
	add(true, in, "template: background", "deadline: off", "attempt_deadline: 90ms", "deadline: 1h2m3.5s", "deadline: .5m", "deadline: +5s", "deadline: 0.0s1ns, attempt_deadline: off",
		"rps: 200", "rps: 0.5", "calls: []", "calls: [ledger]", "calls: ['404']", "calls: [404]", "calls: [{service: ledger}]", "calls: [{service: ledger, per_call: 0.1}]",
		"lint: {}", "lint: {ignore: []}", "lint: {ignore: [{code: HF001, reason: because}]}")
	add(false, in, "template: 1", "template: ''", "template: ' '", "template: null", "deadline: 5", "deadline: 0", "deadline: 0s", "deadline: on", "deadline: unlimited", "deadline: -1s",
		"deadline: 5 s", "deadline: 5S", "deadline: 1d", "deadline: ''", "deadline: [1s]", "deadline: true", "deadline: -1", "deadline: 1.5",
		"attempt_deadline: null", "rps: 0", "rps: -1", "rps: off", "rps: '5'", "rps: .inf", "calls: ledger", "calls: {ledger: 1}", "calls: [null]", "calls: ['']", "calls: [{}]", "calls: [{per_call: 1}]",
		"calls: [{service: ledger, per_call: 0}]", "calls: [{service: ledger, percall: 1}]", "calls: [[ledger]]",
		"lint: off", "lint: []", "lint: {ignored: []}", "lint: {ignore: HF001}", "lint: {ignore: [HF001]}", "lint: {ignore: [{code: HF001}]}",
		"lint: {ignore: [{reason: because}]}", "lint: {ignore: [{code: HF1, reason: because}]}", "lint: {ignore: [{code: HF001, reason: ' '}]}",
		"lint: {ignore: [{code: HF001, reason: 5}]}", "lint: {ignore: [{code: HF001, reason: because, until: 2027}]}")
	// Sections.
	for _, section := range []string{"bulkhead", "budget", "retry", "breaker"} {
		add(true, "services: {payments: {"+section+": %s}}", sectionValues(section)...)
		add(false, "services: {payments: {"+section+": %s}}", "true", "false", "null", "[]", "5", "yes", "'On'", "{on: true}", "{name_: x}")
	}
	for key, values := range goodValues {
		section, name, _ := strings.Cut(key, ".")
		add(true, "services: {payments: {"+section+": {"+name+": %s}}}", values...)
	}
	for key, values := range badValues {
		section, name, _ := strings.Cut(key, ".")
		add(false, "services: {payments: {"+section+": {"+name+": %s}}}", values...)
		add(false, "services: {payments: {"+section+": {"+name+": %s}}}", "null", "[]", "{sometimes: 1}")
	}
	return all
}

func sectionValues(section string) []string {
	values := []string{"{}", "on"}
	if section != "retry" { // without which a budget pays for nothing
		values = append(values, "off")
	}
	return values
}

var goodValues = map[string][]string{
	"ratelimit.rate":               {"0.000001", "0.5", "100", "1000000000", "unlimited"},
	"ratelimit.burst":              {"1, rate: 5", "2147483647, rate: 5"},
	"ratelimit.max_wait":           {"0, rate: 5", "5ms, rate: 5", "unlimited, rate: 5"},
	"ratelimit.per":                {"call, rate: 5", "attempt, rate: 5"},
	"bulkhead.max_concurrent":      {"1", "2147483647", "unlimited"},
	"bulkhead.max_wait":            {"0", "0s", "5ms", "unlimited"},
	"bulkhead.queue_limit":         {"1", "2147483647", "unlimited"},
	"bulkhead.per":                 {"call", "attempt"},
	"budget.ratio":                 {"0", "0.1", "1", "1000", "1e-3"},
	"budget.floor":                 {"0", "0.5", "1000000"},
	"budget.burst":                 {"5", "1000000000"},
	"budget.initial":               {"0", "5"},
	"budget.deposit_on":            {"success", "arrival", "any_success"},
	"budget.slow_cost":             {"1", "2.5", "5"},
	"budget.refund_on_success":     {"true", "false"},
	"budget.slow_times":            {"1", "2.5", "off"},
	"budget.shadow":                {"true", "false"},
	"budget.fleet":                 {"pooled", "off"},
	"retry.max_retries":            {"0", "1", "100", "none", "unlimited"},
	"retry.base_delay":             {"1ns", "5s"},
	"retry.max_delay":              {"5s", "unlimited"},
	"retry.multiplier":             {"1", "1.5", "10"},
	"retry.jitter":                 {"none", "full", "equal", "decorrelated", "additive", "{additive: 0.3}", "{additive: 1}", "{proportional: 0.001}"},
	"retry.backoff":                {"exponential", "constant", "linear", "fibonacci"},
	"retry.min_attempt":            {"0", "0s", "5ms"},
	"retry.max_retry_after":        {"0", "0s", "1m", "unlimited"},
	"retry.patient":                {"true", "false"},
	"retry.queue_limit":            {"1", "1000", "unlimited"},
	"retry.adaptive":               {"on", "off", "{}", "{window: 1s}", "{min_samples: 1}", "{min_gain: 0}", "{min_gain: off}", "{explore: 1}", "{max_stretch: 100}", "{max_stretch: off}"},
	"breaker.name":                 {"eu", "'404'", "a b"},
	"breaker.failure_ratio":        {"0.5", "1", "off"},
	"breaker.min_requests":         {"1"},
	"breaker.consecutive_failures": {"1", "off"},
	"breaker.window":               {"1s"},
	"breaker.buckets":              {"1", "10000"},
	"breaker.open_for":             {"1s"},
	"breaker.max_open_for":         {"5s"},
	"breaker.min_open_for":         {"100ms", "off"},
	"breaker.half_open_probes":     {"1"},
	"breaker.probe_timeout":        {"1s", "unlimited"},
	"breaker.fleet":                {"on", "off", "true", "false"},
	"breaker.per":                  {"call", "attempt"},
}

var badValues = map[string][]string{
	"ratelimit.rate":               {"0", "-1", "0.0000009", "1000000001", "'5'", "off", "5s", ".inf", ".nan"},
	"ratelimit.burst":              {"0, rate: 5", "-1, rate: 5", "1.5, rate: 5", "2147483648, rate: 5", "unlimited, rate: 5"},
	"ratelimit.max_wait":           {"5, rate: 5", "-1, rate: 5", "off, rate: 5"},
	"ratelimit.per":                {"calls, rate: 5", "true, rate: 5"},
	"bulkhead.max_concurrent":      {"0", "-1", "1.5", "'5'", "off", "2147483648", "5s"},
	"bulkhead.max_wait":            {"5", "-1", "off", "true", "5"},
	"bulkhead.queue_limit":         {"0", "-1", "1.5", "off", "2147483648", "5s"},
	"bulkhead.per":                 {"calls", "true", "1"},
	"budget.ratio":                 {"-1", "1001", "'0.1'", "10%", "off", "true", ".nan", ".inf"},
	"budget.floor":                 {"-1", "1000001", "off", "1s"},
	"budget.burst":                 {"0", "-1", "0.5", "1000000001"},
	"budget.initial":               {"-1", "0.5", "off"},
	"budget.deposit_on":            {"failure", "1"},
	"budget.slow_cost":             {"0", "0.5", "-1", "1000000001", "off", "'5'"},
	"budget.refund_on_success":     {"on", "1", "'true'"},
	"budget.slow_times":            {"0", "0.5", "-1", "'3'", "true"},
	"budget.shadow":                {"on", "1", "'true'"},
	"budget.fleet":                 {"on", "true", "false", "1", "pool"},
	"retry.max_retries":            {"-1", "1.5", "off", "'3'", "true", "3s"},
	"retry.base_delay":             {"0", "0s", "50", "unlimited", "-5ms"},
	"retry.max_delay":              {"0", "0s", "5", "off", "-1"},
	"retry.multiplier":             {"0", "0.5", "-1", "off", "'2'"},
	"retry.jitter":                 {"0.3", "true", "Full", "{additive: 0}", "{additive: 1.5}", "{additive: full}", "{full: 1}", "{additive: 0.1, proportional: 0.1}"},
	"retry.backoff":                {"Exponential", "2", "off"},
	"retry.min_attempt":            {"5", "-5ms", "off"},
	"retry.max_retry_after":        {"60", "off", "-1"},
	"retry.patient":                {"on", "off", "1", "'true'"},
	"retry.queue_limit":            {"0", "-1", "0.5", "off", "none"},
	"retry.adaptive":               {"{window: 5}", "{min_samples: 0}", "{min_gain: 2}", "{explore: -1}", "{max_stretch: 0.5}", "{max_stretch: 101}", "{stretch: 4}", "true"},
	"breaker.name":                 {"''", "' '", "5", "true"},
	"breaker.failure_ratio":        {"0", "1.5", "-1", "50%"},
	"breaker.min_requests":         {"0", "off"},
	"breaker.consecutive_failures": {"0", "-1", "unlimited"},
	"breaker.window":               {"0", "0s", "10", "unlimited"},
	"breaker.buckets":              {"0", "10001"},
	"breaker.open_for":             {"0s", "5", "off"},
	"breaker.max_open_for":         {"0s", "unlimited"},
	"breaker.min_open_for":         {"0s", "5", "unlimited"},
	"breaker.half_open_probes":     {"0"},
	"breaker.probe_timeout":        {"0", "0s", "off"},
	"breaker.fleet":                {"pooled", "1", "yes", "'true'", "{}"},
	"breaker.per":                  {"call_", "2"},
}
