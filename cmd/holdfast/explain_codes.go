package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/wordwrap"
	"github.com/media-gateway/holdfast/lint"
)

// mostProse is the width of a line of prose that is easy to read.
const mostProse = 96

// isCode matches an argument that is a code, not a file.
var isCode = regexp.MustCompile(`(?i)^hf[0-9]*$`)

// codes prints the background of codes, or lists all codes.
func (e *explainer) codes(s cli.Streams, asked []string) error {
	var b strings.Builder
	if len(asked) == 0 {
		if e.json {
			return printJSON(s, lint.Docs())
		}
		for _, d := range lint.Docs() {
			fmt.Fprintf(&b, "%s  %-7s  %s\n", d.Code, d.Severity, d.Title)
		}
		return s.Print(b.String())
	}
	found := make([]lint.Doc, len(asked))
	for i, code := range asked {
		d, ok := lint.Explain(strings.ToUpper(code))
		if !ok {
			return unknownCode(code)
		}
		found[i] = d
		if i > 0 {
			b.WriteByte('\n')
		}
		text := d.Text
		if s.Columns > 0 {
			text = wordwrap.Paragraphs(text, min(s.Columns, mostProse))
		}
		fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n", d.Code, d.Severity, d.Title, text)
	}
	switch {
	case e.json && len(found) == 1:
		return printJSON(s, found[0])
	case e.json:
		return printJSON(s, found)
	}
	return s.Print(b.String())
}

func unknownCode(code string) error {
	var names []string
	for _, w := range codeWords() {
		names = append(names, w.Text)
	}
	if near := cli.Nearest(code, names); near != "" {
		return fmt.Errorf("no code %q; did you mean %s?", code, near)
	}
	return fmt.Errorf("no code %q; 'holdfast explain' lists all codes", code)
}

func codeWords() []cli.Word {
	var words []cli.Word
	for _, d := range lint.Docs() {
		words = append(words, cli.Word{Text: d.Code, About: d.Title})
	}
	return words
}
