package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/timeline"
	"github.com/media-gateway/holdfast/lint"
)

// chartOf returns the chart of a service of a file.
func chartOf(t *testing.T, text, service string) timeline.Chart {
	t.Helper()
	c, err := config.Parse(strings.NewReader(text))
	require.NoError(t, err)
	s, ok := c.Service(service)
	require.True(t, ok)
	chart, err := timeline.Of(service, s.Stages())
	require.NoError(t, err)
	return chart
}

// The chart of a service is followed by its settings and their origins. Several services follow
// each other.
func TestExplain(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("COLUMNS", "")
	t.Setenv("HOLDFAST_PAYMENTS_BUDGET_RATIO", "0.25")
	const text = `
templates:
  slow: {template: none, deadline: 20s}
services:
  payments:
    template: slow
    attempt_deadline: 1s
    budget: {}
    retry: {max_retries: 2, jitter: {proportional: 0.2}}
    calls: [auth]
    rps: 10
  auth: {template: none, deadline: 1s}
`
	files(t, map[string]string{"services.yaml": text})
	const settings = `
  deadline                  20s                  ./services.yaml:3:26 (template slow)
  attempt_deadline          1s                   ./services.yaml:7:5 (service)
  budget.ratio              0.25                 environment HOLDFAST_PAYMENTS_BUDGET_RATIO
  budget.floor              1                    default
  budget.burst              10                   default
  budget.initial            10                   default
  budget.deposit_on         success              default
  budget.slow_cost          1                    default
  budget.refund_on_success  false                default
  budget.slow_times         off                  default
  budget.shadow             false                default
  budget.fleet              off                  default
  retry.max_retries         2                    ./services.yaml:9:13 (service)
  retry.base_delay          100ms                default
  retry.max_delay           5s                   default
  retry.multiplier          2                    default
  retry.jitter              {proportional: 0.2}  ./services.yaml:9:29 (service)
  retry.backoff             exponential          default
  retry.min_attempt         0s                   default
  retry.max_retry_after     1m                   default
  retry.only_unsent         false                default
  retry.patient             false                default
  retry.queue_limit         1000                 default
  retry.adaptive            off                  default
  rps                       10                   ./services.yaml:11:5 (service)
`
	auth := chartOf(t, text, "auth").Text(80, false) + "\n  deadline  1s  ./services.yaml:12:26 (service)\n"
	payments := chartOf(t, text, "payments").Text(80, false) + settings
	code, stdout, stderr := run(t, "", "explain", "./services.yaml")
	require.Equal(t, cli.OK, code, stderr)
	require.Equal(t, auth+"\n"+payments, stdout)
	code, stdout, _ = run(t, "", "explain", "./services.yaml", "payments")
	require.Equal(t, cli.OK, code)
	require.Equal(t, payments, stdout)
	code, stdout, _ = run(t, text, "explain", "-", "auth")
	require.Equal(t, cli.OK, code)
	require.Equal(t, strings.ReplaceAll(auth, "./services.yaml", "stdin"), stdout)

	code, stdout, _ = run(t, clean, "explain", "-", "auth")
	require.Equal(t, cli.OK, code)
	require.Regexp(t, `\n  attempt_deadline +\S+ +built-in template standard\n`, stdout)
}

// An attempt that the budget never pays for is not shown.
func TestExplainOfABudgetThatPaysForNothing(t *testing.T) {
	const text = "services: {auth: {template: critical, budget: {ratio: 0, floor: 0, initial: 0}}}\n"
	code, stdout, _ := run(t, text, "explain", "-ascii", "-width", "120", "-", "auth")
	require.Equal(t, cli.OK, code)
	require.NotContains(t, stdout, "6 of 6 attempts")
	require.Contains(t, stdout, "1 of 6 attempts, since the budget never pays for a retry; the answer comes after 1s.")
	require.Contains(t, stdout, "Retries are never paid for: the budget has neither a ratio nor a floor, and its bank begins empty.")
}

func TestExplainWidthAndCharacters(t *testing.T) {
	files(t, map[string]string{"one.yaml": one})
	chart := chartOf(t, one, "auth")
	for _, test := range []struct {
		locale, columns string
		args            []string
		want            string
	}{
		{"C.UTF-8", "", nil, chart.Text(80, false)},
		{"C.UTF-8", "100", nil, chart.Text(100, false)},
		{"C.UTF-8", "100", []string{"-width", "60"}, chart.Text(60, false)},
		{"C.UTF-8", "", []string{"-ascii"}, chart.Text(80, true)},
		{"C", "", nil, chart.Text(80, true)},
	} {
		t.Setenv("LC_ALL", test.locale)
		t.Setenv("COLUMNS", test.columns)
		code, stdout, stderr := run(t, "", append([]string{"explain", "one.yaml"}, test.args...)...)
		require.Equal(t, cli.OK, code, stderr)
		got, _, _ := strings.Cut(stdout, "\n\n  deadline  ")
		require.Equal(t, test.want, got+"\n")
	}
}

func TestExplainFails(t *testing.T) {
	files(t, map[string]string{"services.yaml": clean, "one.yaml": one, "broken.yaml": broken, "none.yaml": "services: {}\n"})
	const usage = "Run 'holdfast explain -h' for usage.\n"
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"too narrow", []string{"-width", "6", "one.yaml"}, cli.Misuse,
			"holdfast explain: flag -width is \"6\"; want 60 to 1000 columns\n" + usage},
		{"unknown service", []string{"services.yaml", "paymetns"}, cli.Failure,
			"holdfast explain: services.yaml has no service \"paymetns\"; did you mean payments?\n"},
		{"it does not load", []string{"broken.yaml"}, cli.Failure, brokenProblems},
		{"a service before its file", []string{"auth", "services.yaml"}, cli.Failure,
			"auth: no such file or directory\nA service comes after its file: holdfast explain services.yaml auth\n"},
		{"no file", []string{"nowhere.yaml"}, cli.Failure, "nowhere.yaml: no such file or directory\n"},
		{"a file without a name", []string{""}, cli.Misuse, "holdfast explain: file \"\"; want a name, or - for standard input\n" + usage},
		{"no services", []string{"none.yaml"}, cli.Failure, "holdfast explain: none.yaml has no services\n"},
		{"two services", []string{"services.yaml", "auth", "payments"}, cli.Misuse,
			"holdfast explain: 3 arguments; want FILE and at most one SERVICE\n" + usage},
		{"picture of all", []string{"-svg", "-", "services.yaml"}, cli.Misuse,
			"holdfast explain: -svg draws one service; want auth or payments\n" + usage},
		{"picture of none", []string{"-svg", "-", "none.yaml"}, cli.Failure, "holdfast explain: none.yaml has no services\n"},
		{"picture of a code", []string{"-svg", "-", "HF012"}, cli.Misuse, "holdfast explain: -svg draws a service; want -svg - FILE SERVICE\n" + usage},
		{"picture and JSON", []string{"-svg", "-", "-json", "one.yaml"}, cli.Misuse, "holdfast explain: -svg and -json; want one of them\n" + usage},
		{"unknown code", []string{"HF112"}, cli.Failure, "holdfast explain: no code \"HF112\"; did you mean HF012?\n"},
		{"no code", []string{"HF012", "services.yaml"}, cli.Failure,
			"holdfast explain: no code \"services.yaml\"; 'holdfast explain' lists all codes\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, "", append([]string{"explain"}, test.args...)...)
			require.Empty(t, stdout)
			require.Equal(t, test.stderr, stderr)
			require.Equal(t, test.code, code)
		})
	}
}

func TestExplainCodes(t *testing.T) {
	files(t, map[string]string{"HF012": one}) // which is not what is asked for
	code, list, _ := run(t, "", "explain")
	require.Equal(t, cli.OK, code)
	require.Contains(t, list, "HF012  error    Retries without any limit\n")
	docs := lint.Docs()
	require.Equal(t, len(docs), strings.Count(list, "\n"))
	for _, d := range docs {
		code, stdout, _ := run(t, "", "explain", d.Code)
		require.Equal(t, cli.OK, code)
		require.Equal(t, d.Code+" ("+d.Severity.String()+"): "+d.Title+"\n\n"+d.Text+"\n", stdout)
	}
	_, first, _ := run(t, "", "explain", "HF001")
	_, second, _ := run(t, "", "explain", "HF012")
	_, both, _ := run(t, "", "explain", "hf001", "Hf012")
	require.Equal(t, first+"\n"+second, both)
}

func TestExplainDrawsAPicture(t *testing.T) {
	files(t, map[string]string{"services.yaml": clean, "one.yaml": one, "old.svg": "old"})
	picture := string(chartOf(t, clean, "auth").SVG())
	require.NoError(t, xml.Unmarshal([]byte(picture), new(struct{})))
	for _, args := range [][]string{{"services.yaml", "auth", "-svg", "-"}, {"-svg=-", "services.yaml", "auth"}, {"-svg", "-", "services.yaml", "auth"}} {
		code, stdout, stderr := run(t, "", append([]string{"explain"}, args...)...)
		require.Equal(t, cli.OK, code, stderr)
		require.Equal(t, picture, stdout)
	}
	for _, args := range [][]string{
		{"services.yaml", "auth", "-svg", "new.svg"}, {"-force", "-svg=new.svg", "services.yaml", "auth"},
		{"-svg", "old.svg", "services.yaml", "auth", "-force"},
	} {
		code, stdout, stderr := run(t, "", append([]string{"explain"}, args...)...)
		require.Equal(t, cli.OK, code, stderr)
		require.Regexp(t, `^Wrote (new|old)\.svg\.\n$`, stdout)
	}
	require.Equal(t, picture, contents(t, "new.svg"))
	require.Equal(t, picture, contents(t, "old.svg"))
	requireOnly(t, "new.svg", "old.svg", "one.yaml", "services.yaml")

	code, stdout, _ := run(t, "", "explain", "-svg", "-", "one.yaml") // of the only one
	require.Equal(t, cli.OK, code)
	require.Equal(t, string(chartOf(t, one, "auth").SVG()), stdout)

	code, _, stderr := run(t, "", "explain", "-svg=nowhere/x.svg", "services.yaml", "auth")
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stderr, "holdfast explain: write nowhere/x.svg: no such file or directory\n")
}

// A picture never overwrites a file by mistake, and never the file that it is drawn from.
func TestExplainLeavesFilesAlone(t *testing.T) {
	const input = "is the file that the picture is drawn from; want another name"
	for _, test := range []struct {
		args []string
		want string // in the error
	}{
		{[]string{"-svg", "old.svg", "services.yaml", "auth"}, "old.svg is there already, and was left as it is; -force overwrites it"},
		{[]string{"-svg=services.yaml", "services.yaml", "auth"}, "services.yaml is there already, and was left as it is"},
		{[]string{"-svg=services.yaml", "-force", "services.yaml", "auth"}, "services.yaml " + input},
		{[]string{"-svg=./services.yaml", "-force", "services.yaml", "auth"}, "./services.yaml " + input},
		{[]string{"-svg=link.svg", "-force", "services.yaml", "auth"}, "link.svg " + input},
		{[]string{"-svg=hard.svg", "-force", "services.yaml", "auth"}, "hard.svg " + input},
		{[]string{"-svg=services.yaml", "-force", "link.svg", "auth"}, "services.yaml " + input},
		{[]string{"-svg=lost.svg", "services.yaml", "auth"}, "lost.svg is there already"}, // a link to nowhere
		{[]string{"-svg", "services.yaml", "auth"}, "auth: no such file or directory"},
		{[]string{"-svg", "services.yaml"}, "-svg draws a service; want -svg services.yaml FILE SERVICE"},
		{[]string{"-svg=", "services.yaml"}, "flag -svg is \"\"; want a file, or - for standard output"},
		{[]string{"services.yaml", "-svg"}, "flag -svg has no value; want -svg FILE"},
		{[]string{"-force", "services.yaml", "auth"}, "-force without a picture's file; want -svg FILE -force"},
		{[]string{"-svg", "-", "-force", "services.yaml", "auth"}, "-force without a picture's file; want -svg FILE -force"},
	} {
		files(t, map[string]string{"services.yaml": clean, "old.svg": "old"})
		require.NoError(t, os.Symlink("services.yaml", "link.svg"))
		require.NoError(t, os.Symlink("nowhere.svg", "lost.svg"))
		require.NoError(t, os.Link("services.yaml", "hard.svg"))
		code, stdout, stderr := run(t, "", append([]string{"explain"}, test.args...)...)
		require.NotEqual(t, cli.OK, code, test.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, test.want)
		require.Equal(t, clean, contents(t, "services.yaml"))
		require.Equal(t, "old", contents(t, "old.svg"))
		requireOnly(t, "hard.svg", "link.svg", "lost.svg", "old.svg", "services.yaml")
	}
}

func TestExplainJSON(t *testing.T) {
	const text = "services: {auth: {template: none, deadline: 2s}}\n"
	files(t, map[string]string{"services.yaml": text, "none.yaml": "services: {}\n"})
	plan, err := json.Marshal(chartOf(t, text, "auth"))
	require.NoError(t, err)
	doc, _ := lint.Explain("HF012")
	hf012, err := json.Marshal(doc)
	require.NoError(t, err)
	docs, err := json.Marshal(lint.Docs())
	require.NoError(t, err)
	auth := `{"service": "auth", "template": "none", "chain": "deadline 2s", "settings": [{"key": "deadline", "value": "2s",
		"origin": {"file": "services.yaml", "line": 1, "column": 35, "source": "service"}}], "plan": ` + string(plan) + `}`
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"services.yaml", "auth"}, auth},
		{[]string{"services.yaml"}, "[" + auth + "]"},
		{[]string{"none.yaml"}, "[]"},
		{[]string{"hf012"}, string(hf012)},
		{[]string{"HF012", "HF012"}, "[" + string(hf012) + "," + string(hf012) + "]"},
		{nil, string(docs)},
	} {
		code, stdout, stderr := run(t, "", append([]string{"explain", "-json"}, test.args...)...)
		require.Equal(t, cli.OK, code, stderr)
		require.JSONEq(t, test.want, stdout)
	}
}

// What init writes, lint accepts and explain explains: a user's first three commands.
func TestFirstSteps(t *testing.T) {
	files(t, nil)
	for _, args := range [][]string{{"init"}, {"lint", "-strict", "services.yaml"}, {"explain", "services.yaml", "payments"}} {
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, cli.OK, code, stderr)
		require.NotEmpty(t, stdout)
		require.Empty(t, stderr)
	}
}

func TestColumnsOfTheTerminal(t *testing.T) {
	for value, want := range map[string]int{"": 80, "120": 120, "7": 80, "x": 80, "99999": 80} {
		t.Setenv("COLUMNS", value)
		require.Equal(t, want, new(columns).orDefault(), value)
	}
}

func TestUnicodeLocale(t *testing.T) {
	for _, test := range []struct {
		all, ctype, lang string
		want             bool
	}{
		{"", "", "", false}, {"", "", "en_US.UTF-8", true}, {"C", "", "en_US.UTF-8", false}, {"", "de_DE.utf8", "C", true}, {"POSIX", "de_DE.utf8", "", false},
	} {
		t.Setenv("LC_ALL", test.all)
		t.Setenv("LC_CTYPE", test.ctype)
		t.Setenv("LANG", test.lang)
		require.Equal(t, test.want || os.PathSeparator == '\\', unicodeLocale(), test)
	}
}
