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

// further is how much more the second and later lines of a folded line are indented.
const further = 4

// Fold returns text with the lines that are longer than width characters broken at their blanks.
// What is broken off is indented like its line, and a little more. Lines that fit stay as they are,
// and a word that is longer than a line is not cut. A width of 0 or less breaks nothing.
func Fold(text string, width int) string {
	if width <= 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if utf8.RuneCountInString(line) > width {
			lines[i] = fold(line, width)
		}
	}
	return strings.Join(lines, "\n")
}

// Paragraphs returns text with each paragraph wrapped anew. Paragraphs have an empty line between
// them. A line that begins with a blank is no part of one, and is folded if it is too long.
func Paragraphs(text string, width int) string {
	var out, words []string
	flush := func() {
		if words != nil {
			out, words = append(out, Text(strings.Join(words, " "), width)), nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && line[0] != ' ' {
			words = append(words, line)
			continue
		}
		flush()
		out = append(out, Fold(line, width))
	}
	flush()
	return strings.Join(out, "\n")
}

// fold breaks one line, and drops the blanks at its end.
func fold(line string, width int) string {
	line = strings.TrimRight(line, " ")
	indent := len(line) - len(strings.TrimLeft(line, " "))
	next := strings.Repeat(" ", min(indent+further, width/4))
	var b strings.Builder
	for utf8.RuneCountInString(line) > width {
		at := breakAt(line, indent, width)
		if at < 0 {
			break
		}
		b.WriteString(strings.TrimRight(line[:at], " ") + "\n")
		line = next + strings.TrimLeft(line[at:], " ")
		indent = len(next)
	}
	b.WriteString(line)
	return b.String()
}

// breakAt returns where to break a line: at the last blank up to which it fits, or, after a word
// that is too long, at the first one. The indent has no blank to break at. -1: there is none.
func breakAt(line string, indent, width int) int {
	at, n := -1, 0
	for i, r := range line {
		if n > width && at >= 0 {
			break
		}
		if r == ' ' && i >= indent {
			at = i
		}
		n++
	}
	return at
}
