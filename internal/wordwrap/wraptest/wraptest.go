// Package wraptest checks that text for a terminal fits it. It is for tests.
package wraptest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Widths are those of the terminals that everything is shown on: old ones, wider ones, a split
// window, and a phone.
var Widths = []int{100, 80, 60, 40}

// Require fails the test if a line of text is wider than width, unless it is one word that is, or
// if a word was cut: then it is none of the words of whole, which is the same text for a terminal
// of any width.
func Require(t *testing.T, text string, width int, whole string) {
	t.Helper()
	words := map[string]bool{}
	for word := range strings.FieldsSeq(whole) {
		words[word] = true
	}
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if utf8.RuneCountInString(line) > width {
			require.Len(t, fields, 1, "%d of %d columns: %q", utf8.RuneCountInString(line), width, line)
		}
		for _, word := range fields {
			require.True(t, words[word], "%q is cut, or new, in %q", word, line)
		}
	}
}
