// Command table turns the output of the benchmarks of this module into a Markdown table of
// ratios, and checks it against the project's targets.
//
//	go test -run '^$' -bench . -count 6 | go run ./cmd/table [-check]
//	go run ./cmd/table [-check] bench.txt
//
// Each scenario gets a table of its own, sorted by cost, in which 1.00× is the scenario's
// baseline. All figures are medians over the runs found in the input.
//
// With -check, the targets follow, each with what was measured, and the exit status is 1 if
// one of them is missed or was not measured. It is 2 if the input cannot be read.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("table", flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "check the targets; exit with 1 if one is missed")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: table [-check] [file]\nReads standard input if no file is given.")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	input, err := open(flags.Args(), stdin)
	if err != nil {
		fmt.Fprintln(stderr, "table:", err)
		return 2
	}
	defer func() { _ = input.Close() }() // only read

	results, err := parse(input)
	if err != nil {
		fmt.Fprintln(stderr, "table:", err)
		return 2
	}
	tables, err := tabulate(results, scenarios)
	if err != nil {
		fmt.Fprintln(stderr, "table:", err)
		return 2
	}
	fmt.Fprint(stdout, markdown(results, tables))
	if !*check {
		return 0
	}
	verdicts := checkAll(tables, targets)
	fmt.Fprint(stdout, "\n"+markdownTargets(verdicts))
	for _, v := range verdicts {
		if !v.met {
			return 1
		}
	}
	return 0
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
