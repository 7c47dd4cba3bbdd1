package cli

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/media-gateway/holdfast/internal/visible"
)

// Choices is what may come next on the command line.
type Choices struct {
	Words []Word
	Files bool     // files as well,
	Ext   []string // with these extensions ("yaml"), or all files if empty; folders are always included
}

// Word is one choice, with a short description for shells that show it.
type Word struct{ Text, About string }

// Words returns Choices of words without descriptions.
func Words(texts ...string) Choices {
	c := Choices{Words: make([]Word, len(texts))}
	for i, t := range texts {
		c.Words[i] = Word{Text: t}
	}
	return c
}

//go:embed scripts
var scripts embed.FS

// shells are the shells with a script.
var shells = []string{"bash", "zsh", "fish"}

// completion is the command that prints the scripts. A script only asks the program itself, so
// completion always fits the installed version.
func (a *App) completion() Command {
	return Command{
		Name: "completion", Summary: "print a script with which bash, zsh or fish complete commands",
		Usage: []string{strings.Join(shells, "|")},
		About: "Prints a script that completes commands, flags, files, services and codes by Tab. It asks " + a.Name +
			" itself, so it also works with other versions. To use it:\n" +
			"  bash   echo 'source <(" + a.Name + " completion bash)' >> ~/.bashrc\n" +
			"  zsh    echo 'source <(" + a.Name + " completion zsh)' >> ~/.zshrc   # after compinit\n" +
			"  fish   " + a.Name + " completion fish > ~/.config/fish/completions/" + a.Name + ".fish",
		Exits: []Exit{{OK, "always, but for misuse"}},
		Define: func(*flag.FlagSet) Run {
			return func(_ context.Context, s Streams, args []string) error {
				if len(args) != 1 {
					return Misusef("%d arguments; %s", len(args), Want("", shells))
				}
				text, err := scripts.ReadFile("scripts/" + args[0])
				if err != nil || strings.ContainsAny(args[0], "./\\") {
					return Misusef("unknown shell %q; %s", args[0], Want(args[0], shells))
				}
				return s.Write(strings.ReplaceAll(string(text), "PROGRAM", a.Name))
			}
		},
		Complete: func(before []string) Choices {
			if len(before) > 0 {
				return Choices{}
			}
			return Words(shells...)
		},
	}
}

// complete is the command that the scripts run. Its arguments are the shell's name and the words of
// the line; the last word is to be completed. It prints "words" or "files EXTENSION...", and then
// the choices, each on a line with its description after a tab. The choices are not quoted. A
// script must quote them for its shell, since they may come from a file of somebody else.
func (a *App) complete() Command {
	return Command{
		Name: "__complete", hidden: true, raw: true,
		Define: func(*flag.FlagSet) Run {
			return func(_ context.Context, s Streams, args []string) error {
				if len(args) < 3 {
					return Misusef("%d arguments; want a shell and the words of its line", len(args))
				}
				return s.Write(a.answer(args[0], args[2:]))
			}
		},
	}
}

func (a *App) answer(shell string, words []string) string {
	if shell == "bash" {
		words = joinValues(words)
	}
	for i, w := range words {
		words[i] = plain(w)
	}
	last := words[len(words)-1]
	choices, prefix := a.choices(words[:len(words)-1], last)
	if shell == "bash" { // bash makes a word of its own of what is before =
		last, prefix = strings.TrimPrefix(last, prefix), ""
	}
	var b strings.Builder
	b.WriteString("words")
	if choices.Files {
		b.Reset()
		b.WriteString(strings.Join(append([]string{"files"}, choices.Ext...), " "))
	}
	b.WriteByte('\n')
	for _, w := range choices.Words {
		text := prefix + w.Text
		if strings.HasPrefix(text, last) && visible.Printable(text) { // a line end would make two words
			fmt.Fprintf(&b, "%s\t%s\n", text, visible.Line(w.About))
		}
	}
	return b.String()
}

// choices returns the choices for last after the words before it. prefix is the part of last that
// is not part of a choice: "-o=".
func (a *App) choices(before []string, last string) (c Choices, prefix string) {
	if len(before) == 0 {
		return a.names(), ""
	}
	command, err := a.find(before[0])
	if err != nil || command.hidden {
		return Choices{}, ""
	}
	if command.Commands != nil {
		return a.group(command).choices(before[1:], last)
	}
	fs := flag.NewFlagSet(command.Name, flag.ContinueOnError)
	command.Define(fs)
	var args []string
	var waiting *flag.Flag // that the next word is the value of
	ended := false         // whether "--" has ended the flags
	for _, w := range before[1:] {
		switch {
		case waiting != nil:
			waiting = nil
		case !ended && w == "--":
			ended = true
		case !ended && isFlag(w):
			name, _, given := strings.Cut(dashless(w), "=")
			if f := fs.Lookup(name); f != nil && !given && !isSwitch(f) {
				waiting = f
			}
		default:
			args = append(args, w)
		}
	}
	name, _, given := strings.Cut(dashless(last), "=")
	switch {
	case waiting != nil:
		return valuesOf(waiting), ""
	case !ended && strings.HasPrefix(last, "-") && given:
		if f := fs.Lookup(name); f != nil {
			return valuesOf(f), last[:strings.Index(last, "=")+1]
		}
		return Choices{}, ""
	case !ended && strings.HasPrefix(last, "-"):
		return flagsOf(fs, last), ""
	case command.Complete == nil:
		return Choices{}, ""
	}
	return command.Complete(args), ""
}

// names returns the commands as choices.
func (a *App) names() Choices {
	var c Choices
	for _, command := range a.all() {
		if !command.hidden {
			c.Words = append(c.Words, Word{command.Name, command.Summary})
		}
	}
	return c
}

func flagsOf(fs *flag.FlagSet, typed string) Choices {
	dash := "-"
	if strings.HasPrefix(typed, "--") {
		dash = "--"
	}
	var c Choices
	fs.VisitAll(func(f *flag.Flag) { c.Words = append(c.Words, Word{dash + f.Name, explanation(f)}) })
	c.Words = append(c.Words, Word{dash + "h", "print the command's usage"})
	return c
}

// valuesOf returns the choices for a flag's value: files, or none.
func valuesOf(f *flag.Flag) Choices {
	if valueName(f) == "FILE" {
		return Choices{Files: true}
	}
	return Choices{}
}

// joinValues joins -flag=value again, which bash splits into three words.
func joinValues(words []string) []string {
	var joined []string
	for i, w := range words {
		n := len(joined)
		switch {
		case w == "=" && n > 0 && isFlag(joined[n-1]), i > 0 && words[i-1] == "=" && n > 0 && strings.HasSuffix(joined[n-1], "="):
			joined[n-1] += w
		default:
			joined = append(joined, w)
		}
	}
	return joined
}

// plain returns a word as the program would get it. Shells pass it as it was typed, with quotes and
// ~.
func plain(word string) string {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(word, "~/") {
		word = filepath.Join(home, word[2:])
	}
	var b strings.Builder
	quote, escaped := rune(0), false
	for _, r := range word {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(r)
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
