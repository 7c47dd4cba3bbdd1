package config

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// read returns the Go value of a scalar or of jitter's mapping. If the key cannot have it, read
// notes the problem and returns false.
func (k key) read(s *source, n *yaml.Node, path string) (any, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		if v, ok := k.word(n.Value); ok {
			return v, true
		}
	}
	if k.kind == kindJitter && n.Kind == yaml.MappingNode {
		return s.jitter(n, path)
	}
	v, hint := k.scalar(n)
	if v == nil {
		want := k.want()
		if k.kind == kindSection && s.variable != "" {
			want = "want " + oneOf(k.wordTexts())
		}
		s.fail(n, path, " is %s; %s%s", describe(n), want, cmp.Or(oddity(n), hint, k.meant(s, n)))
		return nil, false
	}
	return v, true
}

// scalar returns the Go value of a scalar. If the key cannot have it, the value is nil, and hint
// says what may have been meant.
func (k key) scalar(n *yaml.Node) (value any, hint string) {
	if n.Kind != yaml.ScalarNode {
		return nil, ""
	}
	tag := n.ShortTag()
	switch k.kind {
	case kindDuration:
		return k.duration(n.Value, tag)
	case kindCount:
		if tag == "!!int" && decimal.MatchString(n.Value) {
			return k.count(n.Value), ""
		}
		return nil, inQuotes(n)
	case kindNumber:
		if tag == "!!int" && decimal.MatchString(n.Value) || tag == "!!float" {
			return k.number(n.Value), ""
		}
		return nil, cmp.Or(percent(n.Value), inQuotes(n))
	case kindSection:
		if strings.Contains(n.Value, ":") && n.Value[0] != '{' {
			return nil, "; a key is followed by a colon and a blank"
		}
	case kindJitter:
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil && v > 0 && v <= 1 {
			return nil, "; did you mean {additive: " + shortened(n.Value) + "}?"
		}
	case kindFlag:
		if tag == "!!bool" {
			return strings.EqualFold(n.Value, "true"), ""
		}
	case kindText, kindName:
		if tag == "!!str" && strings.TrimSpace(n.Value) != "" && !strings.ContainsFunc(n.Value, unicode.IsControl) {
			return n.Value, ""
		}
	case kindService:
		if tag != "!!null" && n.Value != "" { // a service may be called 404
			return n.Value, ""
		}
	default: // read has compared the words already, and a list is no scalar
	}
	return nil, ""
}

// decimal matches a whole number. It refuses a leading 0, which YAML 1.1 takes for octal.
var decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)

func (k key) duration(text, tag string) (value any, hint string) {
	if (tag == "!!int" || tag == "!!float") && text != "0" {
		return nil, bareDuration(text)
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		bare := strings.Trim(text, `"'`)
		if d, err := time.ParseDuration(bare); err == nil && d > 0 { // quotes inside the text, as people put them into a variable
			return nil, "; write it without quotes"
		}
		return nil, cmp.Or(bareDuration(bare), meantDuration(text))
	case d < 0:
		return nil, ""
	case d == 0:
		return k.zero, ""
	case float64(d) < k.min:
		return nil, ""
	}
	return d, ""
}

func (k key) count(text string) any {
	v, err := strconv.Atoi(text)
	switch {
	case err != nil || v < 0:
		return nil
	case v == 0:
		return k.zero
	case float64(v) < k.min || k.max != 0 && float64(v) > k.max:
		return nil
	}
	return v
}

func (k key) number(text string) any {
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(v >= 0) || math.IsInf(v, 0):
		return nil
	case v == 0:
		return k.zero
	case v < k.min || k.max != 0 && v > k.max:
		return nil
	}
	return v
}

// want returns what would be right: "want a whole number from 1 to 10000, or off".
func (k key) want() string {
	var w string
	switch k.kind {
	case kindSection:
		w = "a mapping"
	case kindDuration:
		switch {
		case k.min > 0:
			w = fmt.Sprintf("a duration of at least %s, such as 30s", brief.Duration(time.Duration(k.min)))
		case k.zero == nil:
			w = "a duration above 0, such as 500ms"
		default:
			w = "a duration, such as 500ms, or 0 (" + k.zeroMeans + ")"
		}
	case kindCount, kindNumber:
		w = k.wantNumber()
	case kindFlag:
		if len(k.words) > 0 {
			return "want " + oneOf(k.wordTexts()) + ", or true or false"
		}
		w = "true or false"
	case kindChoice:
		return "want " + oneOf(k.wordTexts())
	case kindText:
		w = "a text, on one line"
	case kindName:
		w = "the name of a template"
	case kindService:
		w = "the name of a service"
	case kindJitter:
		return "want " + strings.Join(k.wordTexts(), ", ") + ", {additive: 0.3} or {proportional: 0.2}"
	case kindCalls:
		return "want a list of services, such as [ledger, {service: fraud, per_call: 2}]"
	case kindSilences:
		return `want a list, such as [{code: HF012, reason: "why that is all right"}]`
	}
	if len(k.words) > 0 {
		w += ", or " + strings.Join(k.wordTexts(), " or ")
	}
	return "want " + w
}

// oneOf returns "call or attempt", "one of exponential, constant, linear, fibonacci".
func oneOf(words []string) string {
	if len(words) == 2 {
		return words[0] + " or " + words[1]
	}
	return "one of " + strings.Join(words, ", ")
}

func (k key) wantNumber() string {
	noun := "a number"
	if k.kind == kindCount {
		noun = "a whole number"
	}
	from := "from " + formatNumber(k.min)
	if k.zero == nil && k.min == 0 {
		from = "above 0"
	}
	switch {
	case from == "above 0" && k.max == 0:
		return noun + " above 0"
	case from == "above 0":
		return noun + " above 0 and at most " + formatNumber(k.max)
	case k.max == 0:
		noun += " of at least " + formatNumber(k.min)
		if k.zero != nil && k.min > 0 {
			noun += ", or 0"
		}
		return noun
	}
	return noun + " " + from + " to " + formatNumber(k.max)
}

func (k key) wordTexts() []string {
	texts := make([]string, len(k.words))
	for i, w := range k.words {
		texts[i] = w.text
	}
	return texts
}

// jitter reads {additive: 0.3} or {proportional: 0.2}.
func (s *source) jitter(n *yaml.Node, path string) (jitter any, ok bool) {
	pairs := s.pairs(n, path)
	if len(pairs) != 1 {
		s.fail(n, path, " has %d keys; want one of additive and proportional", len(pairs))
		return nil, false
	}
	factor := key{kind: kindNumber, max: 1}
	for _, p := range pairs {
		if p.name != "additive" && p.name != "proportional" {
			s.unknown(p, path, []string{"additive", "proportional"}, "")
			continue
		}
		v, ok := factor.read(s, p.value, path+"."+p.name)
		f, _ := v.(float64)
		switch {
		case !ok:
		case p.name == "additive":
			jitter = retry.AdditiveJitter(f)
		default:
			jitter = retry.ProportionalJitter(f)
		}
	}
	return jitter, jitter != nil
}
