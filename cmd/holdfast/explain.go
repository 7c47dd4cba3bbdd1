package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/internal/cli"
)

func explainCommand(t toolkit) cli.Command {
	return cli.Command{
		Name: "explain", Summary: "draw what a service's numbers lead to, or tell about a linter's code",
		Usage: []string{"[-width N] [-ascii] [-svg [FILE] | -json] FILE [SERVICE]", "[-json] [CODE...]"},
		About: "Shows the services of FILE (- is standard input), or one: its stages, where each number comes from, and a " +
			"call's timeline when all its attempts fail. With a CODE such as HF012, the background of that finding of 'holdfast " +
			"lint'; with nothing, all codes.",
		Exits: []cli.Exit{
			{Code: cli.OK, Means: "it was printed"},
			{Code: cli.Failure, Means: "the file does not load or cannot be written, or there is no such service or code"},
		},
		Define: func(fs *flag.FlagSet) cli.Run {
			e := explainer{toolkit: t}
			fs.Var(&e.width, "width", "draw `N` columns wide (default $COLUMNS, or 80)")
			fs.BoolVar(&e.ascii, "ascii", false, "draw with plain characters, as in a locale that is not UTF-8")
			fs.Var(&e.svg, "svg", "draw a picture, to `FILE` or standard output; for one service")
			fs.BoolVar(&e.json, "json", false, "print JSON: an object for one service or code, an array for several")
			return e.run
		},
		Complete: t.completeExplain,
	}
}

// explainer is the command with what its flags say.
type explainer struct {
	toolkit
	width       columns
	ascii, json bool
	svg         picture
}

// isCode tells a code from a file.
var isCode = regexp.MustCompile(`(?i)^hf[0-9]*$`)

func (e *explainer) run(_ context.Context, s cli.Streams, args []string) error {
	if len(args) == 0 || isCode.MatchString(args[0]) {
		if e.svg.asked {
			return cli.Misusef("-svg draws a service; want FILE SERVICE")
		}
		return e.codes(s, args)
	}
	if len(args) > 2 {
		return cli.Misusef("%d arguments; want FILE and at most one SERVICE", len(args))
	}
	if e.svg.asked && e.json {
		return cli.Misusef("-svg and -json; want one of them")
	}
	f, err := e.open(s, args[0])
	if errors.Is(err, fs.ErrNotExist) && filepath.Ext(args[0]) == "" {
		return fmt.Errorf("%w; a service comes after its file: holdfast explain %s %s", err, starterName, args[0])
	}
	if err != nil {
		fmt.Fprintln(s.Err, strings.TrimRight(err.Error(), "\n"))
		return cli.Code(cli.Failure)
	}
	names := f.Names()
	if len(args) == 2 {
		if !slices.Contains(names, args[1]) {
			return fmt.Errorf("%s has no service %q; %s", args[0], args[1], cli.Want(args[1], names))
		}
		names = args[1:]
	}
	services := make([]explained, len(names))
	for i, name := range names {
		sv, err := f.Service(name)
		if err != nil {
			return err
		}
		services[i] = explained{Service: name, Template: sv.Template, Chain: sv.Chain, Settings: sv.Settings, Plan: sv.Plan, service: sv}
	}
	return e.print(s, services, len(args) == 2)
}

// explained is a service as -json prints it.
type explained struct {
	Service  string    `json:"service"`
	Template string    `json:"template"`
	Chain    string    `json:"chain"`
	Settings []setting `json:"settings"`
	Plan     any       `json:"plan"`

	service service
}

func (e *explainer) print(s cli.Streams, services []explained, one bool) error {
	switch {
	case e.svg.asked && len(services) != 1:
		names := make([]string, len(services))
		for i, sv := range services {
			names[i] = sv.Service
		}
		return cli.Misusef("-svg draws one service; %s", cli.Want("", names))
	case e.svg.asked:
		return e.svg.write(s, services[0].service.SVG())
	case e.json && one:
		return printJSON(s, services[0])
	case e.json:
		return printJSON(s, services)
	}
	var b strings.Builder
	for i, sv := range services {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(sv.service.Draw(e.width.orDefault(), e.ascii || !unicodeLocale()))
		if len(sv.Settings) > 0 {
			b.WriteByte('\n')
			writeSettings(&b, sv.Settings)
		}
	}
	return s.Print(b.String())
}

// writeSettings writes each number with where it comes from.
func writeSettings(b *strings.Builder, settings []setting) {
	key, value := 0, 0
	for _, s := range settings {
		key, value = max(key, len(s.Key)), max(value, len(s.Value))
	}
	for _, s := range settings {
		fmt.Fprintf(b, "  %-*s  %-*s  %s\n", key, s.Key, value, s.Value, s.Origin)
	}
}

// codes tells about codes, or lists them all.
func (e *explainer) codes(s cli.Streams, asked []string) error {
	all := e.Codes()
	var b strings.Builder
	if len(asked) == 0 {
		if e.json {
			return printJSON(s, all)
		}
		for _, c := range all {
			fmt.Fprintf(&b, "%s  %-7s  %s\n", c.Code, c.Severity, c.Title)
		}
		return s.Print(b.String())
	}
	found := make([]code, len(asked))
	for i, name := range asked {
		at := slices.IndexFunc(all, func(c code) bool { return strings.EqualFold(c.Code, name) })
		if at < 0 {
			return fmt.Errorf("no code %q; %s", name, cli.Want(name, codeNames(all)))
		}
		found[i] = all[at]
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n", found[i].Code, found[i].Severity, found[i].Title, strings.Trim(found[i].Text, "\n"))
	}
	switch {
	case e.json && len(found) == 1:
		return printJSON(s, found[0])
	case e.json:
		return printJSON(s, found)
	}
	return s.Print(b.String())
}

func codeNames(all []code) []string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Code
	}
	return names
}

// completeExplain completes codes and files, and then the services of the file. One that does not load completes nothing.
func (t toolkit) completeExplain(before []string) cli.Choices {
	switch {
	case len(before) == 0 || isCode.MatchString(before[0]):
		c := cli.Choices{Files: len(before) == 0, Ext: extensions}
		for _, known := range t.Codes() {
			c.Words = append(c.Words, cli.Word{Text: known.Code, About: known.Title})
		}
		return c
	case len(before) == 1 && before[0] != "-":
		if f, err := t.Load(before[0]); err == nil {
			return cli.Words(f.Names()...)
		}
	}
	return cli.Choices{}
}

// columns is the value of -width.
type columns int

const (
	leastColumns   = 60
	mostColumns    = 1000
	defaultColumns = 80
)

// String returns the width; "" if it was not given.
func (c *columns) String() string {
	if c == nil || *c == 0 {
		return ""
	}
	return strconv.Itoa(int(*c))
}

// Set takes the width from text.
func (c *columns) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < leastColumns || n > mostColumns {
		return fmt.Errorf("want %d to %d columns", leastColumns, mostColumns)
	}
	*c = columns(n)
	return nil
}

// orDefault returns the width given, or the terminal's as far as it is known.
func (c *columns) orDefault() int {
	if *c == 0 && c.Set(os.Getenv("COLUMNS")) != nil {
		return defaultColumns
	}
	return int(*c)
}

// picture is the value of -svg: whether a picture is wanted, and where.
type picture struct {
	asked bool
	path  string // "" for standard output
}

// String returns the path.
func (p *picture) String() string { return p.path }

// Set takes the path; "true", which stands for none, and "-" are standard output.
func (p *picture) Set(text string) error {
	p.asked, p.path = true, text
	if text == "true" || text == "-" || text == "" {
		p.path = ""
	}
	return nil
}

// IsBoolFlag makes -svg stand alone, too.
func (p *picture) IsBoolFlag() bool { return true }

// Takes takes a word for the picture's file if it is called so, since it might be the configuration file.
func (p *picture) Takes(next string) bool { return strings.EqualFold(filepath.Ext(next), ".svg") }

func (p *picture) write(s cli.Streams, svg []byte) error {
	if p.path == "" {
		return s.Print(string(svg))
	}
	if err := replace(p.path, svg); err != nil {
		return err
	}
	return s.Print("Wrote " + p.path + ".\n")
}

// unicodeLocale reports whether the terminal shows more than ASCII, as far as the environment says.
func unicodeLocale() bool {
	if runtime.GOOS == "windows" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
