// Package visible escapes text that somebody else chose (a file's name, a key, an argument), so
// that a terminal, a log or a CI system only shows it.
package visible

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Name returns a name unchanged if it is printable, else quoted as in Go. So a name never ends the
// line, never moves the cursor, and never changes the direction of the text around it. A name that
// a CI system would take for a command ("::error::…", "##vso[task.complete]…") is quoted, too, so
// that it is none.
func Name(name string) string {
	if Printable(name) && !isCommand(name) {
		return name
	}
	var b strings.Builder
	quoted := strconv.Quote(name)
	for i := range len(quoted) {
		if hasMarker(quoted[i:]) {
			b.WriteString(`\x23`)
			continue
		}
		b.WriteByte(quoted[i])
	}
	return b.String()
}

// Printable reports whether all of s is valid UTF-8 and printable: letters, marks, numbers,
// punctuation, symbols and the ASCII blank. Control and formatting characters (ESC, line ends,
// direction marks) are not.
func Printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7f || c >= utf8.RuneSelf {
			return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
		}
	}
	return true
}

// isCommand reports whether a line is a command to a CI system: GitHub's runners, which ignore
// blanks before "::"; or theirs, Azure's or TeamCity's, which find a marker anywhere in a line.
func isCommand(line string) bool {
	if strings.HasPrefix(strings.TrimLeft(line, " "), "::") {
		return true
	}
	for i := range len(line) {
		if hasMarker(line[i:]) {
			return true
		}
	}
	return false
}

// hasMarker reports whether s begins with the marker of a command to a CI system.
func hasMarker(s string) bool {
	after, ok := strings.CutPrefix(s, "##")
	if !ok {
		return false
	}
	word, rest, ok := strings.Cut(after[:min(len(after), len("teamcity["))], "[")
	switch {
	case !ok:
		return false
	case word == "": // a command of GitHub's follows at once; "##[##" is a picture
		return rest != "" && unicode.IsLetter(rune(rest[0]))
	}
	return strings.EqualFold(word, "vso") || strings.EqualFold(word, "teamcity")
}

// Line returns text as one line. Every character that is not printable is escaped, line ends
// included (\u000a). A byte that is not UTF-8 becomes \xff.
func Line(text string) string { return strings.ReplaceAll(Text(text), "\n", `\u000a`) }

// Text returns a text of several lines. Every character that is not printable is escaped, except
// line ends, and so is the first character of what would be a command to a CI system. JSON that is
// indented with spaces remains JSON with the same meaning.
func Text(text string) string {
	if shown(text) {
		return text
	}
	var b strings.Builder
	first := true // only blanks before it in its line
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r > 0xffff && !unicode.IsPrint(r):
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r != '\n' && !unicode.IsPrint(r), first && strings.HasPrefix(text, "::"), hasMarker(text):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[:n])
		}
		first = r == '\n' || first && r == ' '
		text = text[n:]
	}
	return b.String()
}

// shown reports whether a text of several lines can be shown as it is.
func shown(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if !Printable(line) || isCommand(line) {
			return false
		}
	}
	return true
}
