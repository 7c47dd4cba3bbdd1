package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// part is what a document has between "<!-- NAME:begin -->" and "<!-- NAME:end -->", lines of their
// own.
type part struct{ file, name, text string }

// splice returns the document with the part replaced.
func (p part) splice(document string) (string, error) {
	begin, end := "<!-- "+p.name+":begin -->\n", "<!-- "+p.name+":end -->\n"
	head, rest, began := strings.Cut(document, begin)
	_, tail, ended := strings.Cut(rest, end)
	if !began || !ended || strings.Contains(tail, begin) {
		return "", fmt.Errorf("%s: want one %q, and %q after it", p.file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return head + begin + p.text + "\n" + end + tail, nil
}

// write replaces the part in its document, below top.
func (p part) write(top string) error {
	path := filepath.Join(top, p.file)
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	replaced, err := p.splice(string(document))
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(replaced), 0o644)
}

// parts are what the project's documents say of a run.
func parts(res *results, tables []table) ([]part, error) {
	short, err := readme(res, tables)
	if err != nil {
		return nil, err
	}
	return []part{
		{"README.md", "bench", short},
		{filepath.Join("docs", "benchmarks.md"), "tables", markdown(res, tables) + "\n" + markdownTargets(checkAll(tables, targets))},
	}, nil
}
