package wordwrap_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/wordwrap"
	"github.com/media-gateway/holdfast/internal/wordwrap/wraptest"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		" \n ":                 "",
		"one":                  "one",
		"one  two\nsix":        "one two\nsix",
		"one two4":             "one two4",
		"one two45":            "one\ntwo45",
		"longer than that, so": "longer\nthan\nthat, so",
		"incomprehensible a b": "incomprehensible\na b",
		"a incomprehensible":   "a\nincomprehensible",
		"äöü äöüß":             "äöü äöüß",
	} {
		require.Equal(t, want, wordwrap.Text(text, 8), text)
	}
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"exactly twelv":                   "exactly\n   twelv", // a line of 13
		"exactly twel":                    "exactly twel",
		"a  b\nc":                         "a  b\nc",
		"a      columns kept":             "a\n   columns\n   kept",
		"a   b   cc dd e":                 "a   b   cc\n   dd e",
		"  in dented and on":              "  in dented\n   and on",
		"        deep enough":             "        deep\n   enough",
		"incomprehensible":                "incomprehensible",
		"incomprehensible a b":            "incomprehensible\n   a b",
		"an incomprehensible word":        "an\n   incomprehensible\n   word",
		"             ":                   "",
		"twelve chars   ":                 "twelve chars",
		"äöüß äöüß äöüß":                  "äöüß äöüß\n   äöüß",
		"one two three four\nfive\n\nsix": "one two\n   three\n   four\nfive\n\nsix",
	} {
		require.Equal(t, want, wordwrap.Fold(text, 12), text)
	}
	long := strings.Repeat("word ", 100)
	require.Equal(t, long, wordwrap.Fold(long, 0), "as wide as it likes")
	require.Equal(t, long, wordwrap.Fold(long, -1))
	for _, width := range []int{1, 2, 5, 40} {
		wraptest.Require(t, wordwrap.Fold(long, width), width, long)
	}
	require.Contains(t, wordwrap.Fold(long, 40), "\n    word", "four blanks, and never more than a quarter of the width")
}

func TestParagraphs(t *testing.T) {
	require.Equal(t, "one two\nthree\nfour\n\nfive six\n  as it\n  is\nend",
		wordwrap.Paragraphs("one two three\nfour\n\nfive\nsix\n  as it is\nend", 8))
	require.Empty(t, wordwrap.Paragraphs("", 8))
	require.Equal(t, "a b\n", wordwrap.Paragraphs("a\nb\n", 8))
}
