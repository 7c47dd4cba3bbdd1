package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// checked has a function for each Config of the module, by its name: it returns what is wrong with
// a value of that type.
var checked = map[string]any{
	"holdfast.HealthConfig": func(c holdfast.HealthConfig) error { _, err := c.Resolve(); return err },
	"holdfast.KeyedConfig": func(c holdfast.KeyedConfig) error {
		_, err := holdfast.NewKeyed[int]("keys", c, retry.Config{})
		return err
	},
	"breaker.Config":   func(c breaker.Config) error { _, err := c.Resolve(); return err },
	"budget.Config":    func(c budget.Config) error { _, err := c.Resolve(); return err },
	"bulkhead.Config":  func(c bulkhead.Config) error { _, err := c.Resolve(); return err },
	"deadline.Config":  func(c deadline.Config) error { _, err := c.Resolve(); return err },
	"ratelimit.Config": func(c ratelimit.Config) error { _, err := c.Resolve(); return err },
	"retry.Config":     func(c retry.Config) error { _, err := c.Resolve(); return err },
	"bulkhead.Adaptive": func(a bulkhead.Adaptive) error {
		_, err := bulkhead.Config{Adaptive: &a}.Resolve()
		return err
	},
	"retry.Adaptive": func(a retry.Adaptive) error { _, err := retry.Config{Adaptive: &a}.Resolve(); return err },
}

// beside is what a Config needs beside the number that is tried: what has no default.
var beside = map[string]any{"ratelimit.Config": ratelimit.Config{Rate: 5}}

// Whoever adds a Config adds it to the table: the API's own list of them says which there are.
func TestEveryConfigIsInTheTableOfNumbers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "api", "*.txt"))
	require.NoError(t, err)
	config := regexp.MustCompile(`(?m)^type (\w*Config|Adaptive) struct$`)
	found := 0
	for _, file := range files {
		pkg := strings.TrimSuffix(filepath.Base(file), ".txt")
		pkg = pkg[strings.LastIndexByte(pkg, '_')+1:]
		for _, match := range config.FindAllStringSubmatch(read(t, file), -1) {
			name := pkg + "." + match[1]
			if name == "config.Config" { // what was read from a file
				continue
			}
			found++
			require.Contains(t, checked, name)
		}
	}
	require.Len(t, checked, found, "a Config that there is no more")
}

// The table says what 0 and -1 mean in every number of every Config. HOLDFAST_UPDATE=1 writes it
// anew.
func TestTheTableOfNumbers(t *testing.T) {
	const file, begin, end = "numbers.md", "<!-- numbers:begin -->\n", "<!-- numbers:end -->"
	table := "| Field | 0 | -1 | 0 in a file | Words in a file |\n|---|---|---|---|---|\n"
	names := make([]string, 0, len(checked))
	for name := range checked {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		table += numbersOf(t, name)
	}
	text := read(t, file)
	before, rest, ok := strings.Cut(text, begin)
	require.True(t, ok)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := before + begin + table + end + after
	if os.Getenv("HOLDFAST_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, text, "run HOLDFAST_UPDATE=1 go test -run TheTableOfNumbers ./docs")
}

// numbersOf returns the rows of a Config: a line for each field that is a number.
func numbersOf(t *testing.T, name string) (rows string) {
	t.Helper()
	f := reflect.ValueOf(checked[name])
	of := f.Type().In(0)
	for field := range of.Fields() {
		c := reflect.New(of).Elem()
		if with, ok := beside[name]; ok {
			c.Set(reflect.ValueOf(with))
		}
		number := c.FieldByIndex(field.Index)
		says := func(n int64) error {
			switch number.Kind() {
			case reflect.Float64:
				number.SetFloat(float64(n))
			default:
				number.SetInt(n)
			}
			err, _ := f.Call([]reflect.Value{c})[0].Interface().(error)
			return err
		}
		if k := number.Kind(); k != reflect.Float64 && k != reflect.Int && k != reflect.Int64 {
			continue
		}
		rule := ruleOf(t, says(-7), field.Name)
		zero, minus := meaning(t, rule, 0, says(0)), meaning(t, rule, -1, says(-1))
		if field.Name == "MaxRetries" {
			minus += ": write `retry.None` or `retry.Unlimited`"
		}
		atZero, words := inAFile(t, name, field.Name)
		if field.Name == "MaxConcurrent" {
			for _, n := range []int{0, -1} {
				limit, err := bulkhead.Config{MaxConcurrent: n, Adaptive: &bulkhead.Adaptive{}}.Resolve()
				require.NoError(t, err)
				require.Equal(t, -1, limit.MaxConcurrent)
			}
			zero, minus, words = zero+"; no limit with `Adaptive`", minus+"; no limit with `Adaptive`", words+" with `adaptive`"
		}
		rows += fmt.Sprintf("| `%s.%s` | %s | %s | %s | %s |\n", name, field.Name, zero, minus, atZero, words)
	}
	return rows
}

// ruleOf returns the rule that a field broke.
func ruleOf(t *testing.T, err error, field string) resilience.Rule {
	t.Helper()
	var wrong *resilience.FieldError
	require.ErrorAs(t, err, &wrong, "%s: -7 is taken", field)
	require.Equal(t, field, wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:])
	require.NotNil(t, wrong.Rule, field)
	return *wrong.Rule
}

// meaning returns what a value means by the rule, and sees to it that it is taken, or refused, as
// the rule says.
func meaning(t *testing.T, rule resilience.Rule, value int, refused error) string {
	t.Helper()
	if value == 0 && rule.Default != nil {
		require.NoError(t, refused)
		return fmt.Sprintf("the default: %v", rule.Default)
	}
	for _, s := range rule.Special {
		if v := reflect.ValueOf(s.Value); v.CanInt() && v.Int() == int64(value) || v.CanFloat() && v.Float() == float64(value) {
			require.NoError(t, refused)
			return inATable.Replace(s.Means)
		}
	}
	require.Error(t, refused)
	return "an error"
}

// inATable makes of what a sentence says after "or -1" what stands alone.
var inATable = strings.NewReplacer("for ", "", "to turn it off", "off", "to ", "", "so that ", "")

var capital = regexp.MustCompile(`(.)([A-Z])`)

// inAFile returns what a 0 does in a file, which is what the Go value does that it becomes, and
// which words a file may have instead of a number.
func inAFile(t *testing.T, name, field string) (zero, words string) {
	t.Helper()
	if strings.HasPrefix(name, "holdfast.") {
		return "not in a file", ""
	}
	zero = "an error"
	for _, written := range []string{"0", "0s"} {
		if v, ok := parsed(name, field, written); ok {
			zero = as(v)
		}
	}
	var all []string
	for _, word := range []string{"off", "none", "unlimited"} {
		if _, ok := parsed(name, field, word); ok {
			all = append(all, "`"+word+"`")
		}
	}
	return zero, strings.Join(all, ", ")
}

// as says which value in Go stands for a 0 of a file.
func as(v any) string {
	switch v {
	case -1, -1.0, time.Duration(-1):
		return "as -1"
	case retry.None:
		return "as `retry.None`"
	case 0, 0.0, time.Duration(0):
		return "as 0"
	case time.Nanosecond:
		return "every Retry-After is too long"
	}
	return fmt.Sprint(v)
}

// parsed returns what a field is in Go if a file says so.
func parsed(name, field, written string) (value any, ok bool) {
	section, _, _ := strings.Cut(name, ".")
	key := strings.ToLower(capital.ReplaceAllString(field, "${1}_$2"))
	line := section + ": {" + key + ": " + written + "}"
	switch name {
	case "deadline.Config":
		line = "deadline: " + written
	case "retry.Adaptive", "bulkhead.Adaptive":
		line = section + ": {adaptive: {" + key + ": " + written + "}}"
	}
	if section == "bulkhead" && key == "max_concurrent" {
		line = strings.TrimSuffix(line, "}") + ", adaptive: on}" // without a limit there has to be another one
	}
	if section == "ratelimit" && key != "rate" {
		line = strings.TrimSuffix(line, "}") + ", rate: 5}" // which has no default
	}
	if section != "retry" {
		line += ", retry: on" // a budget needs it
	}
	c, err := config.Parse(strings.NewReader("services: {a: {template: none, "+line+"}}"), config.WithEnvironment(nil))
	if err != nil {
		return nil, false
	}
	a, _ := c.Service("a")
	switch name {
	case "deadline.Config":
		return a.Deadline, true
	case "retry.Adaptive":
		return reflect.ValueOf(a.Retry.Adaptive).Elem().FieldByName(field).Interface(), true
	case "bulkhead.Adaptive":
		return reflect.ValueOf(a.Bulkhead.Adaptive).Elem().FieldByName(field).Interface(), true
	}
	stage := reflect.ValueOf(a).FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, section) })
	return stage.Elem().FieldByName(field).Interface(), true
}
