package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

func TestExplain(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("COLUMNS", "")
	files(t, map[string]string{"services.yaml": "payments auth", "one.yaml": "auth", "broken.yaml": "broken", "HF012": "auth"})
	const (
		settings = "\n  deadline           2s  services.yaml:7:5\n  retry.max_retries  5   template critical\n"
		payments = "payments drawn 80 wide, ascii false\n" + settings
		auth     = "auth drawn 80 wide, ascii false\n" + settings
		problems = "services.yaml:3:5: unknown key \"reties\"\nservices.yaml:4:5: deadline is \"x\"\n"
	)
	for _, test := range []struct {
		name   string
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		{"one service", []string{"services.yaml", "payments"}, "", cli.OK, payments, ""},
		{"all services", []string{"services.yaml"}, "", cli.OK, auth + "\n" + payments, ""},
		{"from a stream", []string{"-", "auth"}, "auth", cli.OK, auth, ""},
		{"narrow", []string{"-width", "60", "one.yaml"}, "", cli.OK, "auth drawn 60 wide, ascii false\n" + settings, ""},
		{"plain", []string{"-ascii", "one.yaml"}, "", cli.OK, "auth drawn 80 wide, ascii true\n" + settings, ""},
		{"too narrow", []string{"-width", "6", "one.yaml"}, "", cli.Misuse, "",
			"holdfast explain: flag -width is \"6\"; want 60 to 1000 columns\nRun 'holdfast explain -h' for usage.\n"},
		{"unknown service", []string{"services.yaml", "paymetns"}, "", cli.Failure, "",
			"holdfast explain: services.yaml has no service \"paymetns\"; did you mean payments?\n"},
		{"it does not load", []string{"broken.yaml"}, "", cli.Failure, "", problems},
		{"no file", []string{"payments"}, "", cli.Failure, "", "holdfast explain: open payments: no such file or directory; " +
			"a service comes after its file: holdfast explain services.yaml payments\n"},
		{"two services", []string{"services.yaml", "auth", "payments"}, "", cli.Misuse, "",
			"holdfast explain: 3 arguments; want FILE and at most one SERVICE\nRun 'holdfast explain -h' for usage.\n"},

		{"picture", []string{"services.yaml", "auth", "-svg"}, "", cli.OK, "<svg>auth</svg>", ""},
		{"picture of the only one", []string{"-svg=-", "one.yaml"}, "", cli.OK, "<svg>auth</svg>", ""},
		{"picture of all", []string{"-svg", "services.yaml"}, "", cli.Misuse, "",
			"holdfast explain: -svg draws one service; want auth or payments\nRun 'holdfast explain -h' for usage.\n"},
		{"picture of a code", []string{"-svg", "HF012"}, "", cli.Misuse, "",
			"holdfast explain: -svg draws a service; want FILE SERVICE\nRun 'holdfast explain -h' for usage.\n"},
		{"picture and JSON", []string{"-svg", "-json", "one.yaml"}, "", cli.Misuse, "",
			"holdfast explain: -svg and -json; want one of them\nRun 'holdfast explain -h' for usage.\n"},

		{"a code", []string{"HF001"}, "", cli.OK, "HF001 (error): attempts that can never run\n\nThe deadline comes first.\n\nSo they never run.\n", ""},
		{"a code, not the file of that name", []string{"HF012"}, "", cli.OK, "HF012 (warning): no jitter\n\nAll come back at once.\n", ""},
		{"codes in lower case", []string{"hf012", "hf040"}, "", cli.OK,
			"HF012 (warning): no jitter\n\nAll come back at once.\n\nHF040 (info): a silence that silences nothing\n\nIt may go.\n", ""},
		{"unknown code", []string{"HF112"}, "", cli.Failure, "", "holdfast explain: no code \"HF112\"; did you mean HF012?\n"},
		{"all codes", nil, "", cli.OK,
			"HF001  error    attempts that can never run\nHF012  warning  no jitter\nHF040  info     a silence that silences nothing\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := run(t, test.stdin, append([]string{"explain"}, test.args...)...)
			require.Equal(t, test.stdout, stdout)
			require.Equal(t, test.stderr, stderr)
			require.Equal(t, test.code, code)
		})
	}
}

func TestExplainWritesAPicture(t *testing.T) {
	files(t, map[string]string{"services.yaml": "payments auth", "old.svg": "old"})
	for _, args := range [][]string{
		{"services.yaml", "auth", "-svg", "new.svg"}, {"-svg=new.svg", "services.yaml", "auth"}, {"-svg", "old.svg", "services.yaml", "auth"},
	} {
		code, stdout, stderr := run(t, "", append([]string{"explain"}, args...)...)
		require.Equal(t, cli.OK, code, stderr)
		require.Regexp(t, `^Wrote (new|old)\.svg\.\n$`, stdout)
	}
	require.Equal(t, "<svg>auth</svg>", contents(t, "new.svg"))
	require.Equal(t, "<svg>auth</svg>", contents(t, "old.svg"))
	requireOnly(t, "new.svg", "old.svg", "services.yaml")

	code, _, stderr := run(t, "", "explain", "-svg=nowhere/x.svg", "services.yaml", "auth")
	require.Equal(t, cli.Failure, code)
	require.Contains(t, stderr, "holdfast explain: write nowhere/x.svg: no such file or directory\n")
}

func TestExplainJSON(t *testing.T) {
	files(t, map[string]string{"services.yaml": "auth"})
	const auth = `{"service": "auth", "template": "critical", "chain": "deadline 2s → retry 5×", "settings": [
		{"key": "deadline", "value": "2s", "origin": "services.yaml:7:5"},
		{"key": "retry.max_retries", "value": "5", "origin": "template critical"}], "plan": {"runs": 4}}`
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"services.yaml", "auth"}, auth},
		{[]string{"services.yaml"}, "[" + auth + "]"},
		{[]string{"HF012"}, `{"code": "HF012", "severity": "warning", "title": "no jitter", "text": "All come back at once."}`},
	} {
		code, stdout, stderr := run(t, "", append([]string{"explain", "-json"}, test.args...)...)
		require.Equal(t, cli.OK, code, stderr)
		require.JSONEq(t, test.want, stdout)
	}
	code, stdout, _ := run(t, "", "explain", "-json")
	require.Equal(t, cli.OK, code)
	require.Contains(t, stdout, `"code": "HF040"`)
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
