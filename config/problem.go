package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Error lists everything that is wrong with a file, and with the environment that overrides it.
type Error struct {
	// Problems are in the order of the file. Those of the environment come last.
	Problems []*Problem `json:"problems"`

	// Omitted is how many more problems there are: Problems lists at most 100.
	Omitted int `json:"omitted,omitempty"`
}

const maxProblems = 100

// Error returns the text of all listed problems, one below the other.
func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Error())
	}
	if e.Omitted > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.Omitted)
	}
	return b.String()
}

// Unwrap returns the problems. errors.As finds a *Problem, and a *resilience.FieldError if a stage
// refused a value.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p
	}
	return errs
}

// Problem is one thing that is wrong with a file, and its place.
type Problem struct {
	File   string `json:"file"`             // the name as it was given; "environment" for a variable
	Line   int    `json:"line,omitempty"`   // from 1; 0 if there is none
	Column int    `json:"column,omitempty"` // in characters, from 1; 0 if it is not known
	Path   string `json:"path,omitempty"`   // "services.payments.retry.max_retries"

	// Message says what is wrong, and what would be right.
	Message string `json:"message"`

	// Source is the line of the file, or the relevant part of a long one.
	Source string `json:"source,omitempty"`

	mark  int   // where the mark begins, in characters of Source
	width int   // how many characters are marked
	err   error // of the stage that refused
}

// Error returns the place, the message, and the line with the wrong part marked.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(visible.Name(p.File))
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	b.WriteString(": " + visible.Line(p.Message))
	if strings.TrimSpace(p.Source) != "" {
		fmt.Fprintf(&b, "\n%5d | %s", p.Line, p.Source)
		if p.width > 0 {
			before, meant := cut(p.Source, p.mark, p.width)
			fmt.Fprintf(&b, "\n%5s | %s%s", "", strings.Repeat(" ", cells(before)), strings.Repeat("^", max(1, cells(meant))))
		}
	}
	return b.String()
}

// Unwrap returns the error of the stage that refused a value, or nil for other problems.
func (p *Problem) Unwrap() error { return p.err }

// maxExcerpt is how many characters of a line are shown.
const maxExcerpt = 120

// show sets Source and the mark. If the line is long, as in JSON without line ends, only the part
// around the column is shown.
func (p *Problem) show(line string, width int) {
	p.mark = p.Column - 1
	if p.Column == 0 {
		width = 0
	}
	before, after := "", ""
	if skip := p.mark - maxExcerpt/3; skip > 0 && utf8.RuneCountInString(line) > maxExcerpt {
		before, p.mark = "… ", maxExcerpt/3+2
		for range skip {
			_, n := utf8.DecodeRuneInString(line)
			line = line[n:]
		}
	}
	if n := 0; len(line) > maxExcerpt {
		for i := range line {
			if n++; n > maxExcerpt {
				line, after = line[:i], " …"
				break
			}
		}
	}
	p.Source = before + strings.Map(printable, line) + after
	p.width = max(min(width, utf8.RuneCountInString(p.Source)-p.mark), min(width, 1))
}

// printable replaces a tab, and what a terminal would not show as one character.
func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case !unicode.IsPrint(r):
		return '?'
	}
	return r
}

// problems collects what is wrong.
type problems struct {
	list    []*Problem
	seen    map[problemID]bool // services may share a problem through a template or an alias
	omitted int
}

// problemID identifies a problem: its place, and its message without the path.
type problemID struct {
	file         string
	line, column int
	message      string
}

// add notes a problem, and reports whether it is new and was listed. Callers do expensive work,
// such as finding the excerpt, only then: ten thousand services may share one wrong value.
func (ps *problems) add(p *Problem) bool {
	id := problemID{p.File, p.Line, p.Column, strings.TrimPrefix(p.Message, p.Path)}
	if ps.seen[id] {
		return false
	}
	if len(ps.list) >= maxProblems {
		ps.omitted++
		return false
	}
	if ps.seen == nil {
		ps.seen = map[problemID]bool{}
	}
	ps.seen[id] = true
	ps.list = append(ps.list, p)
	return true
}

// full reports whether more problems are only counted, not listed. Then it is not worth looking for
// hints.
func (ps *problems) full() bool { return len(ps.list) >= maxProblems }

// err returns the problems in the order of the file, nil if there are none.
func (ps *problems) err() error {
	if len(ps.list) == 0 {
		return nil
	}
	last := func(p *Problem) int {
		if p.File == environmentFile {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ps.list, func(a, b *Problem) int {
		if d := last(a) - last(b); d != 0 {
			return d
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Line == 0 {
			return strings.Compare(a.Message, b.Message)
		}
		return a.Column - b.Column
	})
	return &Error{Problems: ps.list, Omitted: ps.omitted}
}

// environmentFile is the Problem.File of problems in the environment.
const environmentFile = "environment"
