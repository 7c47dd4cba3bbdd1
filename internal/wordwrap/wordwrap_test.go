package wordwrap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/wordwrap"
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
