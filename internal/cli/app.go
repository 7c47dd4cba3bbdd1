package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
	"github.com/media-gateway/holdfast/internal/wordwrap"
)

// The exit codes of every command.
const (
	OK          = 0
	Failure     = 1   // the command failed, or found what it looks for
	Misuse      = 2   // the command was called the wrong way
	Interrupted = 130 // Ctrl-C ended it early: 128 + SIGINT, as in shells
)

// App is a program with commands.
type App struct {
	Name     string // as users type it
	About    string // one sentence about it
	Commands []Command

	exits  []Exit // of a group, in its usage
	nested bool   // it is a group of another program
}

// Command is one row of the table. All texts about a command come from here.
type Command struct {
	Name    string
	Summary string   // one line, without a full stop
	Usage   []string // what may follow the name; one line for each form
	About   string   // what it does; paragraphs are wrapped, except lines that begin with a space
	Exits   []Exit   // what its exit codes mean; Misuse is added
	AsFlag  bool     // it may also be called as a flag, with one or two dashes

	// Define adds the command's flags to fs and returns what to run once they are parsed. Flags may
	// stand before, between and after the arguments. A flag whose value is named FILE completes to
	// files.
	Define func(fs *flag.FlagSet) Run

	// Complete returns the choices for the next argument. before holds the arguments before it,
	// without flags and their values. It is nil for a command without arguments.
	Complete func(before []string) Choices

	// Commands are what a group has in the place of Define and Complete: "holdfast fleet status" is
	// the command status of the group fleet. Its Exits stand in its usage.
	Commands []Command

	hidden bool // not in help and completion
	raw    bool // flags are not parsed, but passed on as arguments
}

// Exit is one of a command's exit codes.
type Exit struct {
	Code  int
	Means string
}

// Run runs a command. The error decides the exit code: nil is OK, an error of Misusef is Misuse, a
// Code is the code itself and prints nothing, and any other error is Failure.
type Run func(ctx context.Context, s Streams, args []string) error

// Streams is what a command reads from and writes to. Results go to Out, all else to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer

	// Columns is how many characters fit in a line of Out, and ErrColumns in one of Err: see
	// [Columns]. 0 if it is no terminal: lines may be of any length then.
	Columns, ErrColumns int
}

// Print writes text for people to Out. It escapes what a terminal would not show as a character,
// since names in text may come from anybody, and it breaks lines that are too long for the
// terminal. Return its error: a result that was not written is a failure.
func (s Streams) Print(text string) error {
	return s.Write(wordwrap.Fold(visible.Text(text), s.Columns))
}

// Exact writes text to Out that is read by a program as well, such as JSON. It is escaped like that
// of Print, and its lines are left whole.
func (s Streams) Exact(text string) error { return s.Write(visible.Text(text)) }

// Tell writes text to Err, as Print does to Out.
func (s Streams) Tell(text string) {
	fmt.Fprint(s.Err, wordwrap.Fold(visible.Text(text), s.ErrColumns))
}

// Write writes text to Out unchanged, for programs that read it.
func (s Streams) Write(text string) error {
	if _, err := io.WriteString(s.Out, text); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// Code is an exit code, as the error of a Run that has already printed what is wrong.
type Code int

// Error returns "exit code 1".
func (c Code) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// misuse is the error of a wrong call.
type misuse struct{ text string }

func (m *misuse) Error() string { return m.text }

// Misusef returns an error for a wrong call. The text says what is wrong, and what would be right.
func Misusef(format string, args ...any) error { return &misuse{fmt.Sprintf(format, args...)} }

// Run runs the command that args name, and returns the exit code. args do not include the program's
// name.
func (a *App) Run(ctx context.Context, s Streams, args []string) int {
	if len(args) == 0 {
		s.Tell(a.usage(s.ErrColumns))
		return Misuse
	}
	c, err := a.find(args[0])
	if err != nil {
		return a.report(s, "", err)
	}
	if c.Commands != nil {
		return a.group(c).Run(ctx, s, args[1:])
	}
	return a.report(s, c.Name, a.runCommand(ctx, c, s, args[1:]))
}

func (a *App) runCommand(ctx context.Context, c *Command, s Streams, args []string) error {
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	run := c.Define(fs)
	if !c.raw {
		rest, err := parse(fs, args)
		if errors.Is(err, flag.ErrHelp) {
			return s.Exact(a.usageOf(c, s.Columns))
		}
		if err != nil {
			return err
		}
		args = rest
	}
	return run(ctx, s, args)
}

// report prints err, unless it is nil or a Code, and returns the exit code.
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

// all returns the commands of the table, and those that this package adds.
func (a *App) all() []Command {
	if a.nested {
		return append(a.Commands[:len(a.Commands):len(a.Commands)], a.help())
	}
	return append(a.Commands[:len(a.Commands):len(a.Commands)], a.completion(), a.help(), a.complete())
}

// find returns the command for the first word of a line.
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
