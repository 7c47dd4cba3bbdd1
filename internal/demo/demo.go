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
	"time"

	"github.com/media-gateway/holdfast/internal/cli"
)

// Command returns the demo as a command of the command line. It ends early, but in good order, at
// Ctrl-C, at SIGTERM, and when its ctx ends.
func Command() cli.Command {
	return cli.Command{
		Name:    "demo",
		Summary: "what retries do to a dependency that is down, on real HTTP traffic",
		Usage:   []string{"[-short | -fleet] [-seed N] [-json]", "-web [-addr HOST:PORT] [-seed N]"},
		About: "Sends the same traffic through four clients, each with HTTP backends of its own: one never retries, one " +
			"retries naively, one does so behind a circuit breaker, one uses Holdfast. The backends lose most of their capacity " +
			"for a while. Takes 20 seconds and ends with a table. -fleet plays something else: 40 pods, each alone, and as a fleet. " +
			"-web plays without end, and serves /metrics and a live page where you can turn every number.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "the play is over"},
			{Code: cli.Failure, Means: "it could not run"},
			{Code: cli.Interrupted, Means: "Ctrl-C ended it early; the table, if any, covers the time so far"},
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
	fleet bool
	addr  string
	seed  uint64
}

func define(fs *flag.FlagSet) *options {
	o := &options{}
	fs.BoolVar(&o.short, "short", false, "play for about 6 seconds instead of 20")
	fs.BoolVar(&o.fleet, "fleet", false, "play pods alone, and as a fleet, in virtual time")
	fs.BoolVar(&o.json, "json", false, "print one JSON object instead of the table")
	fs.BoolVar(&o.web, "web", false, "serve the dashboard on the loopback interface, until Ctrl-C")
	fs.StringVar(&o.addr, "addr", "", "the `HOST:PORT` at which -web serves (default "+WebAddr+", or a free port)")
	fs.Uint64Var(&o.seed, "seed", Full().Seed, "the seed `N` of arrivals, faults and chance")
	return o
}

func (o *options) check(args []string) error {
	switch {
	case len(args) > 0:
		return cli.Misusef("argument %q; want flags only", args[0])
	case o.web && (o.json || o.short || o.fleet):
		return cli.Misusef("-web shows the play on a page, without end; want it without -short, -fleet and -json")
	case o.fleet && o.short:
		return cli.Misusef("-fleet takes a second as it is; want it without -short")
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
	switch {
	case o.web:
		return o.playWeb(ctx, s.Out, s.Err) // only an interrupt ends it, so that is no failure
	case o.fleet:
		return o.runFleet(ctx, s)
	}
	report, err := o.play(ctx, s)
	if err == nil {
		err = o.write(s, report, report.WriteTable)
	}
	if err == nil && report.Interrupted {
		return cli.Code(cli.Interrupted)
	}
	return err
}

// runFleet plays the fleet.
func (o *options) runFleet(ctx context.Context, s cli.Streams) error {
	cfg := FullFleet()
	cfg.Seed = o.seed
	if !o.json {
		if _, err := io.WriteString(s.Out, fleetIntro(cfg, o.look(s))); err != nil {
			return err
		}
	}
	report, err := PlayFleet(ctx, cfg)
	if err == nil {
		err = o.write(s, report, report.WriteTable)
	}
	if err == nil && report.Interrupted {
		return cli.Code(cli.Interrupted)
	}
	return err
}

// look returns how to show something on standard output.
func (o *options) look(s cli.Streams) look { return lookOf(s.Out, widthOf(s.Columns)) }

func (o *options) config() Config {
	c := Full()
	if o.short {
		c = Short()
	}
	c.Seed = o.seed
	return c
}

func (o *options) play(ctx context.Context, s cli.Streams) (*Report, error) {
	cfg := o.config()
	if o.json {
		scr := NoScreen()
		if IsTerminal(s.Err) {
			scr = NewScreen(s.Err, widthOf(s.ErrColumns))
		}
		return Play(ctx, cfg, scr)
	}
	l := o.look(s)
	if _, err := io.WriteString(s.Out, intro(cfg, l)); err != nil {
		return nil, err
	}
	return Play(ctx, cfg, NewScreen(s.Out, l.width))
}

// write writes a report as JSON, or as a table for people.
func (o *options) write(s cli.Streams, report any, table func(io.Writer, look) error) error {
	if !o.json {
		return table(s.Out, o.look(s))
	}
	enc := json.NewEncoder(s.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

// intro describes the play before it begins.
func intro(c Config, l look) string {
	b := c.Backend
	return wrapped(fmt.Sprintf("Four clients make the same %.0f calls a second (seed %d), half to payments and half to auth, and give "+
		"each call %v, each attempt %v. Each has backends of its own, which can serve %.0f requests a second and let %d wait. "+
		"After %v the backends become %d times slower, for %v; then they are as fast as before, and it is up to the clients "+
		"whether they recover.", c.Rate, c.Seed, c.Deadline, c.Attempt, b.Capacity(), b.Queue, c.Healthy, c.Slowdown, c.Outage), l.prose()) + "\n\n"
}

// fleetIntro does so for a fleet.
func fleetIntro(c FleetConfig, l look) string {
	return wrapped(fmt.Sprintf("%d pods make %s a second each (seed %d) to the same dependency. Each has a pipeline of its own with the preset "+
		"Standard, once each pod by itself, and once joined by a fleet. After %s the dependency is down for %s, and then well for %s. "+
		"Then one pod cannot reach it for %s, and is mended. The code is that of production, in one process and in virtual time; "+
		"the store that the pods share is in memory.",
		c.Pods, many(int(c.Rate), "call", "calls"), c.Seed, inWords(c.Well), inWords(c.Outage), inWords(c.Again), inWords(c.Broken)), l.prose()) + "\n\n"
}

// inWords returns a duration as 1m0s is not.
func inWords(d time.Duration) string { return short(inSeconds(d)) }
