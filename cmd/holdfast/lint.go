package main

import (
	"context"
	"flag"
	"slices"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/lint"
)

func lintCommand() cli.Command {
	return cli.Command{
		Name: "lint", Summary: "check configuration files, and do their arithmetic",
		Usage: []string{"[-json] [-strict] [-pods N] FILE..."},
		About: "Loads each FILE (- is standard input) and reports numbers that do not work together: attempts that can never run, breakers " +
			"that cannot open, retries that multiply over services. 'holdfast explain HF012' explains a finding.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "no errors were found"},
			{Code: cli.Failure, Means: "errors (with -strict, also warnings) were found, or a file does not load"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			var l linter
			fs.BoolVar(&l.json, "json", false, "print one JSON object: the problems of files that do not load, and the report: findings and counts")
			fs.BoolVar(&l.strict, "strict", false, "take warnings for errors")
			fs.Var(&l.pods, "pods", "how many instances run: `N` gives the whole fleet's retries a second; by default that of fleet.pods in the file")
			return l.run
		},
		Complete: func([]string) cli.Choices { return cli.Choices{Files: true, Ext: extensions} },
	}
}

// linter is the command with the values of its flags.
type linter struct {
	json, strict bool
	pods         cli.Count
}

// linted is the result for all files, as -json prints it.
type linted struct {
	config.Error             // the problems of the files that do not load
	Report       lint.Report `json:"report"` // of the files that load

	loaded int
}

func (l *linter) run(_ context.Context, s cli.Streams, args []string) error {
	switch i := slices.Index(args, "-"); {
	case len(args) == 0:
		return cli.Misusef("no file; want FILE..., or - for standard input")
	case slices.Contains(args, ""):
		return cli.Misusef(`file ""; want a name, or - for standard input`)
	case i >= 0 && slices.Contains(args[i+1:], "-"):
		return cli.Misusef("standard input twice; it can be read once")
	}
	all := linted{Error: config.Error{Problems: []*config.Problem{}}} // [] in JSON
	for _, path := range args {
		all.add(s, path, lint.Options{Pods: int(l.pods)})
	}
	if err := l.print(s, &all); err != nil {
		return err
	}
	if len(all.Problems) > 0 || all.Report.Errors() > 0 || l.strict && all.Report.Warnings() > 0 {
		return cli.Code(cli.Failure)
	}
	return nil
}

func (a *linted) add(s cli.Streams, path string, o lint.Options) {
	c, err := open(s, path)
	if err != nil {
		e := problemsOf(path, err)
		a.Problems, a.Omitted = append(a.Problems, e.Problems...), a.Omitted+e.Omitted
		return
	}
	a.loaded++
	a.Report.Findings = append(a.Report.Findings, c.Lint(o).Findings...)
}

func (l *linter) print(s cli.Streams, all *linted) error {
	if l.json {
		return printJSON(s, all)
	}
	if len(all.Problems) > 0 {
		s.Tell(all.Error.Error() + "\n")
	}
	if all.loaded == 0 {
		return nil
	}
	return s.Print(all.Report.String())
}
