package cli

import (
	"bytes"
	"context"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

// grouped is tool with a group of one command.
func grouped() *App {
	a := tool()
	a.Commands = append(a.Commands, Command{
		Name: "tree", Summary: "what is about trees", About: "Works on trees.", Exits: []Exit{{OK, "it stands"}, {Failure, "it fell"}},
		Commands: []Command{{
			Name: "fell", Summary: "fell one", Usage: []string{"[-axe] TREE"}, About: "Fells.", Exits: []Exit{{OK, "it lies"}},
			Define: func(fs *flag.FlagSet) Run {
				axe := fs.Bool("axe", false, "by hand")
				return func(_ context.Context, s Streams, args []string) error {
					if len(args) != 1 {
						return Misusef("%d trees; want one", len(args))
					}
					if *axe {
						return s.Print(args[0] + " by hand\n")
					}
					return s.Print(args[0] + "\n")
				}
			},
			Complete: func([]string) Choices { return Words("oak", "elm") },
		}},
	})
	return a
}

func TestGroup(t *testing.T) {
	usage := `Works on trees.

Usage: tool tree COMMAND [flags]

Commands:
  fell  fell one
  help  print this, or a command's usage

Run 'tool tree COMMAND -h' for what a command does, its flags and its exit
codes.

Exit codes:
  0  it stands
  1  it fell
  2  it was called the wrong way
`
	one := "Usage: tool tree fell [-axe] TREE\n\nFells.\n\nFlags:\n  -axe  by hand\n\nExit codes:\n  0  it lies\n  2  it was called the wrong way\n"
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"tree", "fell", "oak", "-axe"}, OK, "oak by hand\n", ""},
		{[]string{"tree"}, Misuse, "", usage},
		{[]string{"tree", "-h"}, OK, usage, ""},
		{[]string{"tree", "help"}, OK, usage, ""},
		{[]string{"help", "tree"}, OK, usage, ""},
		{[]string{"tree", "fell", "-h"}, OK, one, ""},
		{[]string{"tree", "help", "fell"}, OK, one, ""},
		{[]string{"help", "tree", "fell"}, OK, one, ""},
		{[]string{"help", "tree", "fell", "oak"}, Misuse, "", "tool help: 2 arguments; want one command at most\nRun 'tool help -h' for usage.\n"},
		{[]string{"tree", "fel"}, Misuse, "", "tool tree: unknown command \"fel\"; did you mean fell?\nRun 'tool tree help' for usage.\n"},
		{[]string{"tree", "version"}, Misuse, "", "tool tree: unknown command \"version\"; want fell or help\nRun 'tool tree help' for usage.\n"},
		{[]string{"tree", "-axe", "fell"}, Misuse, "", "tool tree: flag -axe comes before any command; want tool tree COMMAND [flags]\nRun 'tool tree help' for usage.\n"},
		{[]string{"tree", "fell"}, Misuse, "", "tool tree fell: 0 trees; want one\nRun 'tool tree fell -h' for usage.\n"},
	} {
		var out, err bytes.Buffer
		code := grouped().Run(t.Context(), Streams{Out: &out, Err: &err}, c.args)
		require.Equal(t, c.code, code, c.args)
		require.Equal(t, c.stdout, out.String(), c.args)
		require.Equal(t, c.stderr, err.String(), c.args)
	}
}

func TestGroupIsCompleted(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"tr"}, "words\ntree\twhat is about trees\n"},
		{[]string{"tree", ""}, "words\nfell\tfell one\nhelp\tprint this, or a command's usage\n"},
		{[]string{"tree", "fell", "o"}, "words\noak\t\n"},
		{[]string{"tree", "fell", "-a"}, "words\n-axe\tby hand\n"},
		{[]string{"help", "tree", "f"}, "words\nfell\tfell one\n"},
		{[]string{"help", "tree", "fell", ""}, "words\n"},
		{[]string{"tree", "dance", ""}, "words\n"},
	} {
		require.Equal(t, c.want, grouped().answer("zsh", c.words), c.words)
	}
}
