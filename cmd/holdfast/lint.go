package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/internal/cli"
)

func lintCommand(t toolkit) cli.Command {
	return cli.Command{
		Name: "lint", Summary: "check configuration files, and do the arithmetic that people get wrong",
		Usage: []string{"[-json] [-strict] [-pods N] FILE..."},
		About: "Loads each FILE (- is standard input) and reports what its numbers lead to: attempts that can never run, breakers " +
			"that cannot open, retries that multiply over services. 'holdfast explain HF012' tells the background of a finding.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "nothing was found that is an error"},
			{Code: cli.Failure, Means: "an error was found (with -strict, a warning will do), or a file does not load"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			l := linter{toolkit: t}
			fs.BoolVar(&l.json, "json", false, "print one JSON object: files with their problems and findings, and counts")
			fs.BoolVar(&l.strict, "strict", false, "take warnings for errors")
			fs.Var(&l.pods, "pods", "how many instances run: `N` gives the whole fleet's retries a second")
			return l.run
		},
		Complete: func([]string) cli.Choices { return cli.Choices{Files: true, Ext: extensions} },
	}
}

// linter is the command with what its flags say.
type linter struct {
	toolkit
	json, strict bool
	pods         cli.Count
}

func (l *linter) run(_ context.Context, s cli.Streams, args []string) error {
	if len(args) == 0 {
		return cli.Misusef("no file; want FILE..., or - for standard input")
	}
	if i := slices.Index(args, "-"); i >= 0 && slices.Contains(args[i+1:], "-") {
		return cli.Misusef("standard input twice; it can be read once")
	}
	var r lintReport
	for _, path := range args {
		r.add(l.lint(s, path))
	}
	if err := l.print(s, &r); err != nil {
		return err
	}
	if r.Unloadable > 0 || r.Errors > 0 || l.strict && r.Warnings > 0 {
		return cli.Code(cli.Failure)
	}
	return nil
}

// lint looks at one file.
func (l *linter) lint(s cli.Streams, path string) linted {
	f, err := l.open(s, path)
	if err != nil {
		return linted{File: path, err: err, Problems: l.Problems(err), Findings: []any{}}
	}
	r := linted{File: path, Loaded: true, Problems: []any{}, Findings: []any{}, services: len(f.Names()), findings: f.Lint(int(l.pods))}
	for _, found := range r.findings {
		r.Findings = append(r.Findings, found.JSON)
	}
	return r
}

// open loads a file, or standard input.
func (t toolkit) open(s cli.Streams, path string) (file, error) {
	if path == "-" {
		return t.Parse(s.In)
	}
	return t.Load(path)
}

// lintReport is what -json prints.
type lintReport struct {
	Files      []linted `json:"files"`
	Errors     int      `json:"errors"` // findings, over all files; those that are silenced count as that only
	Warnings   int      `json:"warnings"`
	Infos      int      `json:"infos"`
	Silenced   int      `json:"silenced"`
	Unloadable int      `json:"unloadable"` // files that do not load
}

// linted is one file of the report.
type linted struct {
	File     string `json:"file"`
	Loaded   bool   `json:"loaded"`
	Problems []any  `json:"problems"` // that keep it from loading
	Findings []any  `json:"findings"`

	err      error
	services int
	findings []finding
}

func (r *lintReport) add(f linted) {
	r.Files = append(r.Files, f)
	if !f.Loaded {
		r.Unloadable++
	}
	for _, found := range f.findings {
		switch {
		case found.Silenced:
			r.Silenced++
		case found.Severity == severityError:
			r.Errors++
		case found.Severity == severityWarning:
			r.Warnings++
		default:
			r.Infos++
		}
	}
}

func (l *linter) print(s cli.Streams, r *lintReport) error {
	if l.json {
		return printJSON(s, r)
	}
	for _, f := range r.Files {
		if !f.Loaded {
			fmt.Fprintln(s.Err, strings.TrimRight(f.err.Error(), "\n"))
		}
	}
	return s.Print(r.text())
}

// text is the report for people, a line for each finding that editors and grep can make use of.
func (r *lintReport) text() string {
	var b strings.Builder
	services := 0
	for _, f := range r.Files {
		services += f.services
		for _, found := range f.findings {
			if found.Silenced {
				continue
			}
			fmt.Fprintln(&b, found.Text)
			for _, line := range found.Details {
				fmt.Fprintln(&b, "    "+line)
			}
		}
	}
	loaded := len(r.Files) - r.Unloadable
	if loaded == 0 {
		return ""
	}
	counts := []string{}
	for _, c := range []struct {
		n    int
		what string
	}{{r.Errors, "error"}, {r.Warnings, "warning"}, {r.Infos, "info"}} {
		if c.n > 0 {
			counts = append(counts, number(c.n, c.what))
		}
	}
	if len(counts) == 0 {
		counts = append(counts, "nothing found")
	}
	silenced := ""
	if r.Silenced > 0 {
		silenced = fmt.Sprintf(" (%d silenced)", r.Silenced)
	}
	fmt.Fprintf(&b, "%s in %s: %s%s\n", number(services, "service"), number(loaded, "file"), strings.Join(counts, ", "), silenced)
	return b.String()
}

// number returns "1 error" or "2 errors".
func number(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
