// Command table turns the output of the benchmarks of this module into a Markdown table of
// ratios, and checks it against the project's targets.
//
//	go test -run '^$' -bench . -count 6 | go run ./cmd/table [-check]
//	go run ./cmd/table [-check] [-readme] [-write ../..] bench.txt
//	go run ./cmd/table -growth [-write ../..] growth.txt
//	go run ./cmd/table -profile [-write ../..] profile.txt
//
// Each scenario gets a table of its own, sorted by cost, in which 1.00× is the scenario's
// baseline. All figures are medians over the runs found in the input.
//
// With -readme, it prints the README's table instead. With -growth, the input is of the benchmarks
// that grow, of package benchmarks, and it prints a row for each and a column for each size. With
// -profile, the input is of profile.sh, and it prints where the nanoseconds of a call go.
//
// With -write, it puts README's table into README.md, and all tables with the targets, or those of
// -growth or -profile, into docs/benchmarks.md, between the marks that these have for them.
//
// With -check, the targets follow, each with what was measured, and the exit status is 1 if
// one of them is missed or was not measured. It is 2 if the input cannot be read.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are the flags.
type options struct {
	check, readme, growth, profile bool
	top                            string
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.check, "check", false, "check the targets; exit with 1 if one is missed")
	flags.BoolVar(&o.readme, "readme", false, "print the README's table instead of all")
	flags.BoolVar(&o.growth, "growth", false, "print the tables of the benchmarks that grow")
	flags.BoolVar(&o.profile, "profile", false, "print where the nanoseconds go, from the output of profile.sh")
	flags.StringVar(&o.top, "write", "", "the repository's top, into whose documents to write the tables")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: table [-check] [-readme] [-growth] [-profile] [-write top] [file]\nReads standard input if no file is given.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	text, kept, err := o.render(flags.Args(), stdin)
	if err != nil {
		fmt.Fprintln(stderr, "table:", err)
		return 2
	}
	fmt.Fprint(stdout, text)
	if !kept {
		return 1
	}
	return 0
}

// render returns what to print, and whether it may be said that the targets are kept.
func (o options) render(args []string, stdin io.Reader) (text string, kept bool, err error) {
	if (o.growth || o.profile) && (o.check || o.readme) || o.growth && o.profile {
		return "", false, errors.New("-growth and -profile go without another: they have no targets, and are not in the README")
	}
	input, err := open(args, stdin)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = input.Close() }() // only read
	if o.profile {
		p, err := profilePart(input)
		return o.one(p, err)
	}
	res, err := parse(input)
	if err != nil {
		return "", false, err
	}
	if o.growth {
		p, err := growthPart(res)
		return o.one(p, err)
	}
	tables, err := tabulate(res, scenarios)
	if err != nil {
		return "", false, err
	}
	text = markdown(res, tables)
	if o.readme || o.top != "" {
		all, err := parts(res, tables)
		if err == nil {
			err = o.write(all...)
		}
		if err != nil {
			return "", false, err
		}
		if o.readme {
			text = all[0].text
		}
	}
	if !o.check {
		return text, true, nil
	}
	verdicts, kept := checkAll(tables, targets), true
	for _, v := range verdicts {
		kept = kept && v.met
	}
	return text + "\n" + markdownTargets(verdicts), kept, nil
}

// write puts the parts into their documents, if it was told to.
func (o options) write(parts ...part) error {
	for _, p := range parts {
		if o.top == "" {
			break
		}
		if err := p.write(o.top); err != nil {
			return err
		}
	}
	return nil
}

// one returns what to print of a part, unless it cannot be made or written.
func (o options) one(p part, err error) (text string, kept bool, _ error) {
	if err == nil {
		err = o.write(p)
	}
	if err != nil {
		return "", false, err
	}
	return p.text, true, nil
}

func open(args []string, stdin io.Reader) (io.ReadCloser, error) {
	switch len(args) {
	case 0:
		return io.NopCloser(stdin), nil
	case 1:
		return os.Open(args[0])
	}
	return nil, fmt.Errorf("%d files given, want one at most", len(args))
}
