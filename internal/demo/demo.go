package demo

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/media-gateway/holdfast/internal/cli"
)

// Command returns the demo as a command of the command line. It ends early, but in good order, at
// Ctrl-C, at SIGTERM, and when its ctx ends.
func Command() cli.Command {
	return cli.Command{
		Name:    "demo",
		Summary: "what retries do to a dependency that is down, on real HTTP traffic",
		Usage:   []string{"[-short] [-seed N] [-json]", "-web [-addr HOST:PORT] [-seed N]"},
		About: "Sends the same traffic through four clients, each with HTTP backends of its own: one never retries, one " +
			"retries naively, one does so behind a circuit breaker, one uses Holdfast. The backends lose most of their capacity " +
			"for a while. Takes 20 seconds and ends with a table of what was counted. -web plays without end, and serves /metrics and " +
			"a live page where you can change the pipelines' budgets.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "the play is over"},
			{Code: cli.Failure, Means: "it could not run"},
			{Code: cli.Interrupted, Means: "Ctrl-C ended it early; the table covers the time so far"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			o := define(fs)
			return o.run
		},
	}
}

// options are the values of the command's flags.
type options struct {
	short bool
	json  bool
	web   bool
	addr  string
	seed  uint64
}

func define(fs *flag.FlagSet) *options {
	o := &options{}
	fs.BoolVar(&o.short, "short", false, "play for about 6 seconds instead of 20")
	fs.BoolVar(&o.json, "json", false, "print one JSON object instead of the table")
	fs.BoolVar(&o.web, "web", false, "serve the dashboard on the loopback interface, until Ctrl-C")
	fs.StringVar(&o.addr, "addr", "", "the `HOST:PORT` at which -web serves (default "+WebAddr+", or a free port)")
	fs.Uint64Var(&o.seed, "seed", Full().Seed, "the seed of arrivals and faults: the same `N`, the same arrivals")
	return o
}

func (o *options) check(args []string) error {
	switch {
	case len(args) > 0:
		return cli.Misusef("argument %q; want flags only", args[0])
	case o.web && (o.json || o.short):
		return cli.Misusef("-web shows the play on a page, without end; want it without -short and -json")
	case o.addr != "" && !o.web:
		return cli.Misusef("-addr %s; want -web as well, which serves the page", o.addr)
	}
	return nil
}

func (o *options) run(ctx context.Context, s cli.Streams, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	if o.web {
		return o.playWeb(ctx, s.Out, s.Err) // only an interrupt ends it, so that is no failure
	}
	report, err := o.play(ctx, s.Out, s.Err)
	if err == nil {
		err = o.write(s.Out, report)
	}
	if err == nil && report.Interrupted {
		return cli.Code(cli.Interrupted)
	}
	return err
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

// intro describes the play before it begins.
func intro(c Config) string {
	b := c.Backend
	return wrapped(fmt.Sprintf("Four clients make the same %.0f calls a second (seed %d), half to payments and half to auth, and give "+
		"each call %v, each attempt %v. Each has backends of its own, which can serve %.0f requests a second and let %d wait. "+
		"After %v the backends become %d times slower, for %v; then they are as fast as before, and it is up to the clients "+
		"whether they recover.", c.Rate, c.Seed, c.Deadline, c.Attempt, b.Capacity(), b.Queue, c.Healthy, c.Slowdown, c.Outage), 96) + "\n\n"
}
