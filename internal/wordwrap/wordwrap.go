// Package wordwrap breaks text into lines.
package wordwrap

import (
	"strings"
	"unicode/utf8"
)

// Text returns the words of text in lines of at most width characters, with one space between two
// words. A word that is longer has a line of its own. The last line has no end.
func Text(text string, width int) string {
	var b strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			b.WriteByte('\n')
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
