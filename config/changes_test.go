package config

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/told"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func parsed(t *testing.T, file string, environ ...string) *Config {
	t.Helper()
	c, err := parse([]byte(file), "services.yaml", environ)
	require.NoError(t, err, file)
	return c
}

// lone is a file in which payments has the stages that the key needs, and sets the key to value.
func lone(k key, value string) string {
	var b strings.Builder
	b.WriteString("services:\n  ledger: {}\n  fraud: {}\n  payments:\n    template: none\n")
	top, _, below := strings.Cut(k.path, ".")
	if top == "retry" {
		b.WriteString("    bulkhead: {}\n") // so that there is a stage without it
	} else {
		b.WriteString("    retry: {}\n")
	}
	if !below {
		fmt.Fprintf(&b, "    %s: %s\n", top, value)
		return b.String()
	}
	fmt.Fprintf(&b, "    %s:\n", top)
	if top == "ratelimit" && k.path != "ratelimit.rate" {
		b.WriteString("      rate: 5\n")
	}
	if k.path == "breaker.slow_call_ratio" {
		b.WriteString("      slow_call_duration: 1ms\n")
	}
	indent := "      "
	parts := strings.Split(k.path, ".")
	for _, part := range parts[1 : len(parts)-1] {
		fmt.Fprintf(&b, "%s%s:\n", indent, part)
		indent += "  "
	}
	fmt.Fprintf(&b, "%s%s: %s\n", indent, parts[len(parts)-1], value)
	return b.String()
}

// Every key of the table: if its value is another one in the file, that is the one change, with
// what the file said before and says now, and where. Only defaults that depend on it may follow.
func TestAChangeOfAnyKeyIsListed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	value := func(k key) string {
		switch {
		case k.path == "lint":
			return ""
		case k.kind == kindSection:
			return pick(rng, k.words...).text
		case k.kind == kindCalls:
			return pick(rng, "[ledger]", "[ledger, {service: fraud, per_call: 0.5}]")
		case k.kind == kindSilences:
			return pick(rng, "[{code: HF012, reason: 'known'}]", "[{code: HF013, reason: 'known'}]")
		}
		return randomValue(rng, k)
	}
	for _, k := range allKeys {
		if k.kind == kindName || k.path == "lint" || k.path == "ratelimit" { // no values; and a rate has no default
			continue
		}
		tried := 0
		for range 2000 {
			before, after := value(k), value(k)
			was, err1 := parse([]byte(lone(k, before)), "services.yaml", nil)
			is, err2 := parse([]byte(lone(k, after)), "services.yaml", nil)
			if err1 != nil || err2 != nil || textOf(t, was, k) == textOf(t, is, k) {
				continue
			}
			l := changesBetween(was, is)
			var own []Change
			for _, c := range l.all {
				require.Equal(t, "payments", c.Service)
				if c.Key == k.path {
					own = append(own, c)
					continue
				}
				require.True(t, c.ToDefault, "%s: %s → %s changes %v too", k.path, before, after, c)
			}
			require.Len(t, own, 1, "%s: %s → %s: %v", k.path, before, after, l.all)
			c := own[0]
			require.Equal(t, textOf(t, was, k), c.From, k.path)
			require.Equal(t, textOf(t, is, k), c.To, k.path)
			switch k.kind {
			case kindCount, kindNumber, kindFlag, kindChoice, kindCalls:
				if k.words == nil || k.kind == kindChoice {
					require.Equal(t, before, c.From, k.path)
					require.Equal(t, after, c.To, k.path)
				}
			}
			require.Equal(t, "services.yaml", c.Origin.File, k.path)
			line := strings.Split(lone(k, after), "\n")[c.Origin.Line-1]
			require.True(t, strings.HasPrefix(strings.TrimSpace(line), k.name()+":"), "%s: %s", k.path, line)
			if tried++; tried == 5 {
				break
			}
		}
		require.Positive(t, tried, "no change of %s was tried", k.path)
	}
}

// textOf returns the value of a key of payments, as a file writes it.
func textOf(t *testing.T, c *Config, k key) string {
	t.Helper()
	for _, v := range c.services["payments"].inForce() {
		if v.Key == k.path {
			return v.Text
		}
	}
	return ""
}

// A key that goes, or comes, is named with the default.
func TestDefaultsInChanges(t *testing.T) {
	file := func(payments string) *Config {
		return parsed(t, "services:\n  payments: {template: none, "+payments+"}\n")
	}
	for _, c := range []struct{ from, to, want string }{
		{"retry: {}", "retry: {max_retries: 5}", "payments: retry.max_retries default 3 → 5 (services.yaml:2:38 (service))"},
		{"retry: {max_retries: 5}", "retry: {}", "payments: retry.max_retries 5 → default 3 (default)"},
		{"retry: {max_retries: 3}", "retry: {}", ""},
		{"retry: {}", "retry: {}, deadline: 2s", "payments: deadline off → 2s (services.yaml:2:41 (service))"},
		{"retry: {}, deadline: 2s", "retry: {}", "payments: deadline 2s → off (default)"},
		{"retry: {}", "retry: {}, breaker: {window: 5s}", "payments: breaker off → on (services.yaml:2:41 (service))\n" +
			"payments: breaker.window not set → 5s (services.yaml:2:51 (service))"},
		{"retry: {}, breaker: {window: 5s}", "retry: {}, breaker: off", "payments: breaker on → off (services.yaml:2:41 (service))"},
		{"breaker: {}", "breaker: {name: replica}", "payments: breaker.name default payments → replica (services.yaml:2:40 (service))"},
		{"breaker: {}", "breaker: {name: \"a\u202eb\"}", `payments: breaker.name default payments → a\u202eb (services.yaml:2:40 (service))`},
		{"retry: {}", "retry: {adaptive: {}}", "payments: retry.adaptive off → on (services.yaml:2:38 (service))"},
		{"retry: {}", "retry: {}, rps: 5", "payments: rps not set → 5 (services.yaml:2:41 (service))"},
		{"retry: {}, rps: 5", "retry: {}", "payments: rps 5 → not set (default)"},
		{"retry: {}", "retry: {}, lint: {ignore: [{code: HF012, reason: few calls}, {code: HF013, reason: \"a, b\"}]}", "payments: lint.ignore not set → " +
			"[{code: HF012, reason: few calls}, {code: HF013, reason: 'a, b'}] (services.yaml:2:48 (service))"},
		{"retry: {jitter: full}", "retry: {jitter: {additive: 0.5}}", "payments: retry.jitter full → {additive: 0.5} (services.yaml:2:38 (service))"},
	} {
		l := changesBetween(file(c.from), file(c.to))
		var got []string
		for _, change := range l.all {
			got = append(got, change.String())
		}
		require.Equal(t, c.want, strings.Join(got, "\n"), "%s → %s", c.from, c.to)
	}
}

// What is in force counts: a template that changes is a change of the services that use it, and so
// is a variable of the environment. A template of another name with the same numbers is none.
func TestTemplatesAndEnvironmentInChanges(t *testing.T) {
	const file = "defaults: {template: ours}\ntemplates:\n  ours: {template: none, retry: {max_retries: %d}}\n  same: {template: none, retry: {max_retries: %[1]d}}\n" +
		"services:\n  a: {template: %s}\n  b: {}\n  c: {retry: {max_retries: 7}}\n"
	was := parsed(t, fmt.Sprintf(file, 2, "ours"))
	l := changesBetween(was, parsed(t, fmt.Sprintf(file, 4, "ours")))
	require.Equal(t, "[a: retry.max_retries 2 → 4 (services.yaml:3:34 (template ours)) b: retry.max_retries 2 → 4 (services.yaml:3:34 (template ours))]", fmt.Sprint(l.all))
	require.Empty(t, changesBetween(was, parsed(t, fmt.Sprintf(file, 2, "same"))).all)
	l = changesBetween(was, parsed(t, fmt.Sprintf(file, 2, "ours"), "HOLDFAST_B_RETRY_MAX_RETRIES=9"))
	require.Equal(t, "[b: retry.max_retries 2 → 9 (environment HOLDFAST_B_RETRY_MAX_RETRIES)]", fmt.Sprint(l.all))
}

func TestTheSectionFleetInChanges(t *testing.T) {
	was := parsed(t, "fleet: {name: checkout}\nservices: {a: {}}\n")
	is := parsed(t, "fleet: {name: shop, pods: 200}\nservices: {a: {}}\n")
	require.Equal(t, "[fleet.name checkout → shop (services.yaml:1:9 (fleet)) fleet.pods not set → 200 (services.yaml:1:21 (fleet))]", fmt.Sprint(changesBetween(was, is).all))
	require.Equal(t, "[fleet.name checkout → not set (default)]", fmt.Sprint(changesBetween(was, parsed(t, "services: {a: {}}\n")).all))
}

// Random files: whoever makes the changes by hand in the first one has the second.
func TestChangesLeadFromOneFileToTheOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	valid := func() *Config {
		for {
			if c, err := parse([]byte(randomFile(rng)), "services.yaml", nil); err == nil {
				return c
			}
		}
	}
	was, total := valid(), 0
	for range 300 {
		is := valid()
		var tree map[string]any
		require.NoError(t, yaml.Unmarshal(was.YAML(), &tree))
		l := changesBetween(was, is)
		require.Zero(t, l.more)
		require.Equal(t, l, changesBetween(was, is), "the order is always the same")
		require.Empty(t, changesBetween(is, is).all)
		for _, c := range l.all {
			carryOut(t, tree, c)
		}
		file, err := yaml.Marshal(tree)
		require.NoError(t, err)
		made := parsed(t, string(file))
		for _, name := range is.names {
			require.Equal(t, texts(is.services[name]), texts(made.services[name]), "%s\n%v", file, l.all)
		}
		total += len(l.all)
		was = is
	}
	require.Greater(t, total, 300)
}

func texts(s *Service) (all []string) {
	for _, v := range s.inForce() {
		all = append(all, v.Key+": "+v.Text)
	}
	return all
}

// carryOut makes a change in a file, as a human would.
func carryOut(t *testing.T, tree map[string]any, c Change) {
	t.Helper()
	at := tree["services"].(map[string]any)[c.Service].(map[string]any) //nolint:forcetypeassert // a test
	parts := strings.Split(c.Key, ".")
	for _, part := range parts[:len(parts)-1] {
		below, ok := at[part].(map[string]any)
		if !ok {
			below = map[string]any{}
			at[part] = below
		}
		at = below
	}
	name := parts[len(parts)-1]
	if c.To == "" {
		delete(at, name)
		return
	}
	var value any = c.To
	if k, _ := keyOf(c.Key); k.kind != kindText {
		require.NoError(t, yaml.Unmarshal([]byte(c.To), &value))
	}
	if k, _ := keyOf(c.Key); k.kind == kindSection && c.To == "on" {
		value = map[string]any{}
	}
	at[name] = value
}

// A section that was turned on covers what an observer is told of that section, and of no other
// field that was nil.
func TestASectionCoversItself(t *testing.T) {
	on := Change{Service: "payments", Key: "retry.adaptive", From: "off", To: "on"}
	update := told.Update{Pipeline: "payments", Stage: "retry", Field: "Adaptive", To: &retry.Adaptive{}}
	require.True(t, on.covers(update))
	update.Field = "Classify"
	require.False(t, on.covers(update))
}
