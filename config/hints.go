package config

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/media-gateway/holdfast/internal/brief"
)

// The hints in this file guess what the author of a wrong value meant. A message adds the hint to
// what would be right.

// syntaxHints holds the usual mistake behind each error of the YAML parser.
var syntaxHints = map[string]string{
	"did not find expected key":                   "; is the line indented like those it belongs to?",
	"did not find expected '-' indicator":         "; is the line indented like those it belongs to?",
	"did not find expected ',' or '}'":            "; is a brace, a comma or a quote missing?",
	"did not find expected ',' or ']'":            "; is a bracket, a comma or a quote missing?",
	"found character that cannot start any token": "; a text that begins with it wants quotes",
	"found unexpected end of stream":              "; a quote is opened and not closed",
	"could not find expected ':'":                 "; a key is followed by a colon and a blank",
	"mapping values are not allowed in this context": "; does the key above have its colon, and a blank after it; is the line indented like those it " +
		"belongs to; is a text with a colon in quotes?",
	"block sequence entries are not allowed in this context": "; want the list on lines of its own",
}

// conflict matches a conflict marker that a merge left in the file.
var conflict = regexp.MustCompile(`^(<{7} |={7}$|>{7} )`)

// jsonHint returns the usual mistake behind an error of the JSON decoder.
func jsonHint(message string) string {
	switch {
	case strings.Contains(message, "invalid character '/'"), strings.Contains(message, "invalid character '#'"):
		return "; JSON has no comments"
	case strings.HasSuffix(message, "after object key:value pair"), strings.HasSuffix(message, "after array element"):
		return "; is there a comma before it?"
	case strings.HasSuffix(message, "after object key"):
		return "; is a quote missing before it?"
	}
	return ""
}

// meantBy holds, for each word of a file, what people write instead of it.
var meantBy = map[string][]string{
	"on":        {"yes", "true", "enabled", "enable", "pooled"},
	"off":       {"no", "false", "none", "never", "disabled", "disable", "-1", "-1s", "0", "0s", "0.0"},
	"unlimited": {"no", "false", "none", "never", "infinite", "infinity", "inf", ".inf", "forever", "off", "-1", "-1s"},
	"pooled":    {"yes", "true", "on", "enabled", "pool", "shared"},
	"none":      {"no", "false", "off", "0", "never", "disabled", "-1"},
	"true":      {"yes", "on", "enabled", "1"},
	"false":     {"no", "off", "disabled", "0"},
}

// meant is the hint that names the words that may have been meant. It names two where other
// programs use what was written for both: -1 retries may mean none or unlimited.
func (k key) meant(s *source, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return ""
	}
	words := k.wordTexts()
	if k.kind == kindFlag && len(words) == 0 {
		words = []string{"true", "false"}
	}
	var meant []string
	for _, w := range words {
		if slices.ContainsFunc(meantBy[w], func(written string) bool { return strings.EqualFold(n.Value, written) }) {
			meant = append(meant, quoted(w))
		}
	}
	if len(meant) > 0 {
		return "; did you mean " + strings.Join(meant, " or ") + "?"
	}
	return s.suggest(n.Value, words)
}

// oddity is the hint for mistakes in a value of any kind: typographic quotes, and placeholders that
// no template engine filled in.
func oddity(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		if n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode && len(n.Content[0].Content) > 0 {
			return unfilled // {{ .Values.deadline }}
		}
	case n.Kind != yaml.ScalarNode:
	case strings.Contains(n.Value, "${"), strings.Contains(n.Value, "$("), strings.Contains(n.Value, "{{"):
		return unfilled
	case strings.ContainsAny(n.Value, "“”„‘’«»"):
		return `; YAML knows the quotes " and '`
	}
	return ""
}

const unfilled = "; it looks like a template that was not filled in"

// inQuotes is the hint for a number in quotes, in the file or inside the value of a variable.
func inQuotes(n *yaml.Node) string {
	bare := strings.Trim(n.Value, `"'`)
	if v, err := strconv.ParseFloat(bare, 64); bare != n.Value || err == nil && n.ShortTag() == "!!str" && !math.IsNaN(v) && !math.IsInf(v, 0) {
		return "; write it without quotes"
	}
	return ""
}

// percent is the hint for a percentage, since a ratio is a plain number: 10% is 0.1.
func percent(text string) string {
	digits, ok := strings.CutSuffix(text, "%")
	if v, err := strconv.ParseFloat(digits, 64); ok && err == nil && v >= 0 && !math.IsInf(v, 0) {
		return "; " + text + " is " + strconv.FormatFloat(v/100, 'g', 6, 64)
	}
	return ""
}

// bareDuration is the hint for a duration without a unit.
func bareDuration(text string) string {
	if v, err := strconv.ParseFloat(text, 64); err == nil && v > 0 && !math.IsInf(v, 0) {
		return "; a duration has a unit: " + shortened(text) + "s, or " + shortened(text) + "ms"
	}
	return ""
}

var (
	looseDuration = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?[a-zµμ]+)+$`)
	loosePart     = regexp.MustCompile(`([0-9.]+)([a-zµμ]+)`)
)

var looseUnits = map[string]time.Duration{
	"ms": time.Millisecond, "msec": time.Millisecond, "msecs": time.Millisecond, "millis": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// meantDuration is the hint for a duration in the style of people or of ISO 8601 (2 seconds, 1d,
// PT30S): it gives the duration as Go writes it.
func meantDuration(text string) string {
	if len(text) > 40 {
		return ""
	}
	text = strings.TrimPrefix(strings.ToLower(strings.Join(strings.Fields(text), "")), "pt")
	if !looseDuration.MatchString(text) {
		return ""
	}
	sum := 0.0
	for _, part := range loosePart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(part[1], 64)
		unit, ok := looseUnits[part[2]]
		if err != nil || !ok {
			return ""
		}
		sum += n * float64(unit)
	}
	if sum < 1 || sum > math.MaxInt64/2 {
		return ""
	}
	return "; did you mean " + brief.Duration(time.Duration(sum)) + "?"
}
