package visible

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"":                      "",
		"payments":              "payments",
		"my file.yaml":          "my file.yaml",
		"zahlung-für-日本":        "zahlung-für-日本",
		`a"b\c`:                 `a"b\c`,
		"a\x1b[2Jb":             `"a\x1b[2Jb"`,
		"a\nb":                  `"a\nb"`,
		"a\rb":                  `"a\rb"`,
		"a\x7f":                 `"a\x7f"`,
		"a\u009b2J":             `"a\u009b2J"`,
		"a\u202egpj.exe":        `"a\u202egpj.exe"`,
		"a\u2066b":              `"a\u2066b"`,
		"a\u200bb":              `"a\u200bb"`,
		"a\u00a0b":              `"a\u00a0b"`,
		"a\xffb":                `"a\xffb"`,
		"\U000e0041":            `"\U000e0041"`,
		"::error::hello":        `"::error::hello"`,
		"  ::error::hello":      `"  ::error::hello"`,
		"##[error]hello":        `"\x23#[error]hello"`,
		"a ##[error]hello":      `"a \x23#[error]hello"`,
		"a##vso[x]##VSO[y]":     `"a\x23#vso[x]\x23#VSO[y]"`,
		"##teamcity[x]":         `"\x23#teamcity[x]"`,
		"##vs[ ##vso ##teamcit": "##vs[ ##vso ##teamcit",
		"####[###--##[":         "####[###--##[", // a picture, as of explain
		"a::b":                  "a::b",
		":":                     ":",
		"# a":                   "# a",
		strings.Repeat("x", 99): strings.Repeat("x", 99),
	} {
		require.Equal(t, want, Name(name), "%q", name)
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		"a\nb\n":              "a\nb\n",
		"┌─▶ 日本 µs\n":         "┌─▶ 日本 µs\n",
		"a\x1b[31mb\r\n":      `a\u001b[31mb\u000d` + "\n",
		"a\tb":                `a\u0009b`,
		"\u202ea\u009bb":      `\u202ea\u009bb`,
		"\U000e0041\x7f":      `\udb40\udc41\u007f`,
		"a\xff\ufffd":         `a\xff` + "\ufffd",
		`\u001b as it is`:     `\u001b as it is`,
		"a\n  ::error::b\n::": "a\n  " + `\u003a:error::b` + "\n" + `\u003a:`,
		"##[group]":           `\u0023#[group]`,
		"a ###[group]":        `a #\u0023#[group]`,
		"a\nb ##vso[x ##Vso[": "a\nb " + `\u0023#vso[x \u0023#Vso[`,
		"##teamcity[x] ##":    `\u0023#teamcity[x] ##`,
		"{\n  \"a\": 1\n}":    "{\n  \"a\": 1\n}",
		"a ::b\n: :":          "a ::b\n: :",
	} {
		require.Equal(t, want, Text(text), "%q", text)
	}
}

func TestLine(t *testing.T) {
	require.Equal(t, `a\u000ab\u001b`, Line("a\nb\x1b"))
	require.Equal(t, `a\u000a\u003a:error::b`, Line("a\n::error::b"))
}

// Every text comes out printable, and JSON means what it meant.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"a\u202eb\x7f\U000e0041", "\x1b[2J", "\xff\xfe", "::error::", "a ##vso[", "##teamcity[", "###["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for r := range strings.SplitSeq(Text(text), "\n") {
			require.True(t, Printable(r), "%q", r)
			require.False(t, isCommand(r), "%q", r)
		}
		require.False(t, isCommand(Name(text)), "%q", text)
		require.False(t, strings.ContainsFunc(Name(text), func(r rune) bool { return !unicode.IsPrint(r) }), "%q", text)

		data, err := json.Marshal(text)
		require.NoError(t, err)
		var before, after string
		require.NoError(t, json.Unmarshal(data, &before))
		require.NoError(t, json.Unmarshal([]byte(Text(string(data))), &after))
		require.Equal(t, before, after)
	})
}
