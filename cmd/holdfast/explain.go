package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/internal/cli"
	"github.com/media-gateway/holdfast/internal/timeline"
	"github.com/media-gateway/holdfast/internal/visible"
)

func explainCommand() cli.Command {
	return cli.Command{
		Name: "explain", Summary: "draw a service's failing call over time, or explain a code",
		Usage: []string{"[-width N] [-ascii] [-json] FILE [SERVICE]", "-svg FILE [-force] FILE [SERVICE]", "[-json] [CODE...]"},
		About: "Shows the services of FILE (- is standard input), or one: its stages, where each number comes from, and a " +
			"call's timeline when all its attempts fail. With a CODE such as HF012, the background of that finding of 'holdfast " +
			"lint'; with nothing, all codes.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "it was printed"},
			{Code: cli.Failure, Means: "the file does not load or cannot be written, or there is no such service or code"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			var e explainer
			fs.Var(&e.width, "width", "draw `N` columns wide (default $COLUMNS, or as the terminal)")
			fs.BoolVar(&e.ascii, "ascii", false, "draw with plain characters, as in a locale that is not UTF-8")
			fs.Var(&e.svg, "svg", "draw a picture of one service to `FILE`; - is standard output")
			fs.BoolVar(&e.svg.force, "force", false, "overwrite the picture's FILE if it exists")
			fs.BoolVar(&e.json, "json", false, "print JSON: an object for one service or code, an array for several")
			return e.run
		},
		Complete: completeExplain,
	}
}

// explainer is the command with the values of its flags.
type explainer struct {
	width       columns
	ascii, json bool
	svg         picture
}

func (e *explainer) run(_ context.Context, s cli.Streams, args []string) error {
	switch codes := len(args) == 0 || isCode.MatchString(args[0]); {
	case e.svg.asked() && e.json:
		return cli.Misusef("-svg and -json; want one of them")
	case e.svg.force && (!e.svg.asked() || e.svg.path == "-"):
		return cli.Misusef("-force without a picture's file; want -svg FILE -force")
	case codes && e.svg.asked():
		return cli.Misusef("-svg draws a service; want -svg %s FILE SERVICE", visible.Name(e.svg.path))
	case codes:
		return e.codes(s, args)
	case len(args) > 2:
		return cli.Misusef("%d arguments; want FILE and at most one SERVICE", len(args))
	case args[0] == "":
		return cli.Misusef(`file ""; want a name, or - for standard input`)
	}
	c, err := open(s, args[0])
	if err != nil {
		s.Tell(problemsOf(args[0], err).Error() + "\n")
		if errors.Is(err, fs.ErrNotExist) && filepath.Ext(args[0]) == "" {
			s.Tell("A service comes after its file: holdfast explain " + starterName + " " + visible.Line(quoted(args[0])) + "\n")
		}
		return cli.Code(cli.Failure)
	}
	names, one := c.Names(), len(args) == 2
	switch {
	case one && !slices.Contains(names, args[1]):
		return fmt.Errorf("%s has no service %q; %s", visible.Name(args[0]), args[1], cli.Want(args[1], names))
	case one:
		names = args[1:]
	case len(names) == 0 && !e.json:
		return fmt.Errorf("%s has no services", visible.Name(args[0]))
	case e.svg.asked() && len(names) > 1:
		return cli.Misusef("-svg draws one service; %s", cli.Want("", names))
	}
	services, err := explainedOf(c, names)
	if err != nil {
		return err
	}
	return e.print(s, services, one, args[0])
}

// explained is a service as -json prints it.
type explained struct {
	Service  string         `json:"service"`
	Template string         `json:"template"`
	Chain    string         `json:"chain"`
	Settings []config.Value `json:"settings"`
	Plan     timeline.Chart `json:"plan"`
}

func explainedOf(c *config.Config, names []string) ([]explained, error) {
	services := make([]explained, len(names))
	for i, name := range names {
		service, _ := c.Service(name) // name is one of c.Names
		chart, err := timeline.Of(name, service.Stages())
		if err != nil {
			return nil, err
		}
		services[i] = explained{name, service.Template, chart.Chain, service.Values(), chart}
	}
	return services, nil
}

// print prints the services, or one of them, of the file input.
func (e *explainer) print(s cli.Streams, services []explained, one bool, input string) error {
	switch {
	case e.svg.asked():
		return e.svg.write(s, services[0].Plan.SVG(), input)
	case e.json && one:
		return printJSON(s, services[0])
	case e.json:
		return printJSON(s, services)
	}
	var b strings.Builder
	for i, service := range services {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(service.Plan.Text(e.width.orDefault(s.Columns), e.ascii || !unicodeLocale()))
		writeSettings(&b, service.Settings)
	}
	return s.Print(b.String())
}

// writeSettings writes an empty line, and then each setting with its origin.
func writeSettings(b *strings.Builder, settings []config.Value) {
	key, value := 0, 0
	for _, s := range settings {
		key, value = max(key, len(s.Key)), max(value, len(s.Text))
	}
	for i, s := range settings {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "  %-*s  %-*s  %s\n", key, s.Key, value, s.Text, s.Origin)
	}
}

// completeExplain completes codes and files, and then the services of the file. It completes
// nothing if the file does not load.
func completeExplain(before []string) cli.Choices {
	switch {
	case len(before) == 0 || isCode.MatchString(before[0]):
		return cli.Choices{Words: codeWords(), Files: len(before) == 0, Ext: extensions}
	case len(before) == 1 && before[0] != "-":
		info, err := os.Stat(before[0])
		if err != nil || !info.Mode().IsRegular() { // reading a terminal or a pipe could block the shell
			break
		}
		if c, err := config.Load(before[0]); err == nil {
			return cli.Words(c.Names()...)
		}
	}
	return cli.Choices{}
}
