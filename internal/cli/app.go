package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// The exit codes of every command.
const (
	OK          = 0
	Failure     = 1   // it could not do what it was asked, or found what it looks for
	Misuse      = 2   // it was called the wrong way
	Interrupted = 130 // it ended early, as shells count a Ctrl-C
)

// App is a program with commands.
type App struct {
	Name     string // as it is typed
	About    string // what it is, in a sentence
	Commands []Command
}

// Command is one row of the table. All that is said about a command comes from here.
type Command struct {
	Name    string
	Summary string   // one line, without a full stop
	Usage   []string // what may follow the name, one line for each way to call it
	About   string   // what it does; paragraphs are wrapped, lines that begin with a space are left as they are
	Exits   []Exit   // what its exit codes mean; that of misuse is added
	AsFlag  bool     // it may be called as a flag too, with one dash or two

	// Define adds the command's flags to fs and returns what to run once they are parsed. Flags may
	// stand before, between and after the arguments. A flag whose value is named FILE completes to
	// files.
	Define func(fs *flag.FlagSet) Run

	// Complete returns what may come after the arguments before, which holds neither flags nor
	// their values. Nil for a command without arguments.
	Complete func(before []string) Choices

	hidden bool // from help and completion
	raw    bool // the arguments are taken as they are, flags among them
}

// Exit is one of a command's exit codes.
type Exit struct {
	Code  int
	Means string
}

// Run does a command's work. The error decides the exit code: nil is OK, one by Misusef is Misuse,
// a Code is itself and prints nothing, any other is Failure.
type Run func(ctx context.Context, s Streams, args []string) error

// Streams is what a command reads and writes: results go to Out, all else to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Print writes text to Out, with what a terminal would not show as a character escaped: names in it
// may be anybody's. Its error names where it was to go, since a result that did not arrive is a
// failure.
func (s Streams) Print(text string) error { return s.Write(visible.Text(text)) }

// Tell writes text to Err, escaped as Print does.
func (s Streams) Tell(text string) { fmt.Fprint(s.Err, visible.Text(text)) }

// Write is Print for what a program reads, and not a person: text comes as it is.
func (s Streams) Write(text string) error {
	if _, err := io.WriteString(s.Out, text); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// Code is an error that has been told already: only its exit code is left to give.
type Code int

// Error returns "exit code 1".
func (c Code) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// misuse is an error in how the program was called.
type misuse struct{ text string }

func (m *misuse) Error() string { return m.text }

// Misusef returns an error that says how the command was called the wrong way, and what would be
// right.
func Misusef(format string, args ...any) error { return &misuse{fmt.Sprintf(format, args...)} }

// Run does what args, without the program's name, say, and returns the exit code.
func (a *App) Run(ctx context.Context, s Streams, args []string) int {
	if len(args) == 0 {
		s.Tell(a.usage())
		return Misuse
	}
	c, err := a.find(args[0])
	if err != nil {
		return a.report(s, "", err)
	}
	return a.report(s, c.Name, a.runCommand(ctx, c, s, args[1:]))
}

func (a *App) runCommand(ctx context.Context, c *Command, s Streams, args []string) error {
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	run := c.Define(fs)
	if !c.raw {
		rest, err := parse(fs, args)
		if errors.Is(err, flag.ErrHelp) {
			return s.Print(a.usageOf(c))
		}
		if err != nil {
			return err
		}
		args = rest
	}
	return run(ctx, s, args)
}

// report prints err, if there is something to say, and returns the exit code.
func (a *App) report(s Streams, command string, err error) int {
	if err == nil {
		return OK
	}
	if code, ok := errors.AsType[Code](err); ok {
		return int(code)
	}
	who, help := a.Name, a.Name+" help"
	if command != "" {
		who, help = a.Name+" "+command, a.Name+" "+command+" -h"
	}
	s.Tell(who + ": " + visible.Line(err.Error()) + "\n")
	if _, ok := errors.AsType[*misuse](err); ok {
		s.Tell("Run '" + help + "' for usage.\n")
		return Misuse
	}
	return Failure
}

// all returns the commands of the table, and those that the frame itself brings.
func (a *App) all() []Command {
	return append(a.Commands[:len(a.Commands):len(a.Commands)], a.completion(), a.help(), a.complete())
}

// find returns the command that is called by word.
func (a *App) find(word string) (*Command, error) {
	name, asFlag := word, strings.HasPrefix(word, "-")
	if asFlag {
		name = dashless(word)
	}
	if asFlag && name == "h" {
		name = "help"
	}
	var names []string
	for _, c := range a.all() {
		if c.Name == name && (!asFlag || c.AsFlag) {
			return &c, nil
		}
		if !c.hidden {
			names = append(names, c.Name)
		}
	}
	if asFlag {
		return nil, Misusef("flag %s comes before any command; want %s COMMAND [flags]", visible.Name(word), a.Name)
	}
	return nil, Misusef("unknown command %q; %s", word, Want(word, names))
}

// dashless returns a flag without its one or two dashes.
func dashless(word string) string {
	word = strings.TrimPrefix(word, "-")
	return strings.TrimPrefix(word, "-")
}
