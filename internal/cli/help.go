package cli

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/wordwrap"
)

// A screen of an old terminal, into which every usage fits.
const (
	ScreenColumns = 80
	ScreenLines   = 24
)

// help is the command that prints the usages.
func (a *App) help() Command {
	return Command{
		Name: "help", Summary: "print this, or a command's usage", Usage: []string{"[COMMAND]"}, AsFlag: true,
		About: "Prints what commands there are, or the usage of one, as " + a.Name + " COMMAND -h does.",
		Exits: []Exit{{OK, "always, but for misuse"}},
		Define: func(*flag.FlagSet) Run {
			return func(_ context.Context, s Streams, args []string) error {
				return a.helpOn(s, args)
			}
		},
		Complete: a.namesIn,
	}
}

// usageColumns returns how wide the lines of a usage are.
func usageColumns(columns int) int {
	if columns <= 0 {
		return ScreenColumns
	}
	return min(columns, ScreenColumns)
}

// usage returns the usage of the program for a terminal so wide, 0 if there is none.
func (a *App) usage(columns int) string {
	columns = usageColumns(columns)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage: %s COMMAND [flags]\n\nCommands:\n", fill(a.About, columns), a.Name)
	rows := [][2]string{}
	for _, c := range a.all() {
		if !c.hidden {
			rows = append(rows, [2]string{c.Name, c.Summary})
		}
	}
	table(&b, rows, columns)
	fmt.Fprintf(&b, "\n%s\n\n", fill("Run '"+a.Name+" COMMAND -h' for what a command does, its flags and its exit codes.", columns))
	exits := a.exits
	if exits == nil {
		exits = []Exit{{OK, "all went well"}, {Failure, "the command failed, or found what it looks for"}, {Interrupted, "it was interrupted"}}
	}
	writeExits(&b, columns, exits)
	return b.String()
}

// usageOf returns the usage of a command.
func (a *App) usageOf(c *Command, columns int) string {
	columns = usageColumns(columns)
	var b strings.Builder
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	c.Define(fs)
	usage := c.Usage
	if len(usage) == 0 {
		usage = []string{""}
	}
	before := "Usage: "
	for _, u := range usage {
		fmt.Fprintln(&b, wordwrap.Fold(strings.TrimRight(before+a.Name+" "+c.Name+" "+u, " "), columns))
		before = "       "
	}
	fmt.Fprintf(&b, "\n%s\n\n", fill(c.About, columns))
	rows := [][2]string{}
	fs.VisitAll(func(f *flag.Flag) { rows = append(rows, [2]string{synopsis(f), explanation(f)}) })
	if len(rows) > 0 {
		fmt.Fprintln(&b, "Flags:")
		table(&b, rows, columns)
		fmt.Fprintln(&b)
	}
	writeExits(&b, columns, c.Exits)
	return b.String()
}

func synopsis(f *flag.Flag) string {
	if isSwitch(f) {
		return "-" + f.Name
	}
	return "-" + f.Name + " " + valueName(f)
}

func explanation(f *flag.Flag) string {
	_, text := flag.UnquoteUsage(f)
	if !isSwitch(f) && f.DefValue != "" && f.DefValue != "0" {
		text += " (default " + f.DefValue + ")"
	}
	return text
}

func writeExits(b *strings.Builder, columns int, exits []Exit) {
	exits = append(slices.Clone(exits), Exit{Misuse, "it was called the wrong way"})
	slices.SortStableFunc(exits, func(x, y Exit) int { return x.Code - y.Code })
	fmt.Fprintln(b, "Exit codes:")
	rows := make([][2]string, len(exits))
	for i, e := range exits {
		rows[i] = [2]string{strconv.Itoa(e.Code), e.Means}
	}
	table(b, rows, columns)
}

// leastText is the width below which the second column of a table stands under the first.
const leastText = 24

// table writes rows of two columns. The second column is wrapped.
func table(b *strings.Builder, rows [][2]string, columns int) {
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r[0]))
	}
	if columns-width-4 < leastText {
		for _, r := range rows {
			fmt.Fprintf(b, "  %s\n", r[0])
			for line := range strings.SplitSeq(fill(r[1], columns-4), "\n") {
				fmt.Fprintf(b, "    %s\n", line)
			}
		}
		return
	}
	for _, r := range rows {
		first := r[0]
		for line := range strings.SplitSeq(fill(r[1], columns-width-4), "\n") {
			fmt.Fprintf(b, "  %-*s  %s\n", width, first, line)
			first = ""
		}
	}
}

// fill wraps every line of text, except those that begin with a space: they are to be copied.
func fill(text string, width int) string {
	paragraphs := strings.Split(text, "\n")
	for i, p := range paragraphs {
		if !strings.HasPrefix(p, " ") {
			paragraphs[i] = wordwrap.Text(p, width)
		}
	}
	return strings.Join(paragraphs, "\n")
}
