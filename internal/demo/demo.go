package demo

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
)

// The exit codes of [Main].
const (
	ExitOK          = 0
	ExitFailure     = 1   // the demo could not run
	ExitMisuse      = 2   // wrong arguments
	ExitInterrupted = 130 // ended early, as the shell counts a Ctrl-C
)

const usage = `Usage: holdfast demo [-short] [-seed N] [-json]
       holdfast demo -web [-addr HOST:PORT] [-seed N]

Sends the same traffic through four clients, each with HTTP backends of its own on the loopback
interface: one never retries, one retries naively, one retries naively behind a circuit breaker, one
uses Holdfast pipelines. The backends lose most of their capacity for a while and get it back. Ends
with a table of what was counted. Ctrl-C ends it early, with the table of what has been.

With -web it plays the outage again and again, and serves a live page on which the pipelines are
seen and their budgets changed, and /metrics for Prometheus, until Ctrl-C.

Flags:
`

// Main runs the demo as the command does, with the arguments after "demo", and returns the
// process's exit code. It ends early, in good order, when ctx ends.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		Usage(stdout)
		return ExitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "holdfast demo: %v\nRun 'holdfast help demo' for usage.\n", err)
		return ExitMisuse
	}
	if opts.web {
		if err := opts.playWeb(ctx, stdout, stderr); err != nil {
			_, _ = fmt.Fprintf(stderr, "holdfast demo: %v\n", err)
			return ExitFailure
		}
		return ExitOK // it has no other end than an interrupt
	}
	report, err := opts.play(ctx, stdout, stderr)
	if err == nil {
		err = opts.write(stdout, report)
	}
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "holdfast demo: %v\n", err)
		return ExitFailure
	case report.Interrupted:
		return ExitInterrupted
	}
	return ExitOK
}

// Usage prints what the demo does and its flags.
func Usage(w io.Writer) {
	_, _ = io.WriteString(w, usage)
	fs, _ := flags(w)
	fs.PrintDefaults()
}

// options is what the command line says.
type options struct {
	short bool
	json  bool
	web   bool
	addr  string
	seed  uint64
}

func flags(output io.Writer) (*flag.FlagSet, *options) {
	o := &options{}
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	fs.SetOutput(output)
	fs.BoolVar(&o.short, "short", false, "play for about 6 seconds instead of 20")
	fs.BoolVar(&o.json, "json", false, "print one JSON object instead of the table")
	fs.BoolVar(&o.web, "web", false, "serve the dashboard of its pipelines on the loopback interface, until Ctrl-C")
	fs.StringVar(&o.addr, "addr", "", "with -web: the `address` to serve on (default "+WebAddr+", or a free port if that is taken)")
	fs.Uint64Var(&o.seed, "seed", Full().Seed, "seed of the arrivals and of the backends' faults: the same seed, the same `N` arrivals")
	return fs, o
}

func parse(args []string) (*options, error) {
	fs, o := flags(io.Discard) // Main prints the error, and the usage only when asked
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("argument %q: want flags only", fs.Arg(0))
	}
	switch {
	case o.web && (o.json || o.short):
		return nil, errors.New("-web shows the play on a page, without end; want it without -short and -json")
	case o.addr != "" && !o.web:
		return nil, fmt.Errorf("-addr %s: want -web as well, which serves the page", o.addr)
	}
	return o, nil
}

func (o *options) config() Config {
	c := Full()
	if o.short {
		c = Short()
	}
	c.Seed = o.seed
	return c
}

func (o *options) play(ctx context.Context, stdout, stderr io.Writer) (*Report, error) {
	cfg := o.config()
	if o.json {
		scr := NoScreen()
		if IsTerminal(stderr) {
			scr = NewScreen(stderr)
		}
		return Play(ctx, cfg, scr)
	}
	if _, err := io.WriteString(stdout, intro(cfg)); err != nil {
		return nil, err
	}
	return Play(ctx, cfg, NewScreen(stdout))
}

func (o *options) write(stdout io.Writer, r *Report) error {
	if !o.json {
		return r.WriteTable(stdout)
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// intro tells what is about to be seen.
func intro(c Config) string {
	b := c.Backend
	return wrapped(fmt.Sprintf("Four clients make the same %.0f calls a second (seed %d), half to payments and half to auth, and give "+
		"each call %v, each attempt %v. Each has backends of its own, which can serve %.0f requests a second and let %d wait. "+
		"After %v the backends become %d times slower, for %v; then they are as fast as before, and it is up to the clients "+
		"whether they recover.", c.Rate, c.Seed, c.Deadline, c.Attempt, b.Capacity(), b.Queue, c.Healthy, c.Slowdown, c.Outage), 96) + "\n\n"
}
