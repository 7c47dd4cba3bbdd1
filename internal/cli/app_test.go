package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tool is a program of two commands that print their arguments.
func tool() *App {
	return &App{Name: "tool", About: "Tool does things.", Commands: []Command{
		{
			Name: "cut", Summary: "cut something", Usage: []string{"[-deep] THING...", "-all"}, About: "Cuts.\n  as it stands",
			Exits: []Exit{{OK, "it was cut"}, {Failure, "it was too hard"}},
			Define: func(fs *flag.FlagSet) Run {
				deep := fs.Bool("deep", false, "all the way")
				times := Count(0)
				fs.Var(&times, "times", "cut `N` times")
				length := fs.Duration("length", time.Second, "for how `LONG`")
				output := fs.String("o", "", "write to `FILE`")
				return func(_ context.Context, s Streams, args []string) error {
					switch strings.Join(args, " ") {
					case "stone":
						return fmt.Errorf("the stone is too hard")
					case "nothing":
						return Misusef("nothing to cut; want a THING")
					case "told":
						return Code(7)
					}
					return s.Print(fmt.Sprintf("%q deep=%v times=%d length=%v o=%s\n", args, *deep, times, *length, *output))
				}
			},
			Complete: func(before []string) Choices {
				if len(before) == 0 {
					return Choices{Words: []Word{{"wood", "soft"}, {"water", ""}}, Files: true, Ext: []string{"tree", "bush"}}
				}
				return Words(before...)
			},
		},
		{Name: "version", Summary: "say which it is", About: "Says it.", AsFlag: true, Define: func(*flag.FlagSet) Run {
			return func(_ context.Context, s Streams, _ []string) error { return s.Print("7\n") }
		}},
	}}
}

func runTool(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = tool().Run(t.Context(), Streams{In: strings.NewReader(""), Out: &out, Err: &err}, args)
	return code, out.String(), err.String()
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		args   string
		code   int
		stdout string // the whole, or a part if it ends with …
		stderr string
	}{
		{"", Misuse, "", "Tool does things.…"},
		{"help", OK, "Tool does things.…", ""},
		{"-h", OK, "Tool does things.…", ""},
		{"--help", OK, "Tool does things.…", ""},
		{"help cut", OK, "Usage: tool cut [-deep] THING...…", ""},
		{"cut -h", OK, "Usage: tool cut [-deep] THING...…", ""},
		{"cut wood --help", OK, "Usage: tool cut [-deep] THING...…", ""},
		{"help help", OK, "Usage: tool help [COMMAND]…", ""},
		{"help a b", Misuse, "", "tool help: 2 arguments; want one command at most\nRun 'tool help -h' for usage.\n"},
		{"help kut", Misuse, "", "tool help: unknown command \"kut\"; did you mean cut?…"},
		{"version", OK, "7\n", ""},
		{"-version", OK, "7\n", ""},
		{"--version", OK, "7\n", ""},
		{"-cut", Misuse, "", "tool: flag -cut comes before any command; want tool COMMAND [flags]…"},
		{"dance", Misuse, "", "tool: unknown command \"dance\"; want cut, version, completion or help\nRun 'tool help' for usage.\n"},
		{"vresion", Misuse, "", "tool: unknown command \"vresion\"; did you mean version?…"},

		{"cut", OK, "[] deep=false times=0 length=1s o=\n", ""},
		{"cut a -deep b -times 3 c", OK, `["a" "b" "c"] deep=true times=3 length=1s o=` + "\n", ""},
		{"cut --deep -times=3 - -- -deep", OK, `["-" "-deep"] deep=true times=3 length=1s o=` + "\n", ""},
		{"cut -o a", OK, `[] deep=false times=0 length=1s o=a` + "\n", ""},
		{"cut -o -deep a", OK, `["a"] deep=false times=0 length=1s o=-deep` + "\n", ""},
		{"cut -o=a -o=b c", OK, `["c"] deep=false times=0 length=1s o=b` + "\n", ""},
		{"cut -dep", Misuse, "", "tool cut: unknown flag -dep; did you mean -deep?\nRun 'tool cut -h' for usage.\n"},
		{"cut --xyzzy", Misuse, "", "tool cut: unknown flag -xyzzy; want -deep, -length, -o, -times or -h…"},
		{"cut -times", Misuse, "", "tool cut: flag -times has no value; want -times N…"},
		{"cut -times 0", Misuse, "", `tool cut: flag -times is "0"; want a whole number of at least 1…`},
		{"cut -times=-3", Misuse, "", `tool cut: flag -times is "-3"; want a whole number of at least 1…`},
		{"cut -times 99999999999", Misuse, "", `tool cut: flag -times is "99999999999"; want a whole number of at least 1 and at most 2147483647…`},
		{"cut -deep=true", Misuse, "", "tool cut: flag -deep takes no value; want -deep alone, or not at all\nRun…"},
		{"cut -deep=", Misuse, "", "tool cut: flag -deep takes no value; want -deep alone, or not at all\nRun…"},
		{"cut -deep false", OK, `["false"] deep=true times=0 length=1s o=` + "\n", ""},
		{"cut -length x", Misuse, "", `tool cut: flag -length is "x"; want a duration, such as 500ms…`},

		{"cut stone", Failure, "", "tool cut: the stone is too hard\n"},
		{"cut nothing", Misuse, "", "tool cut: nothing to cut; want a THING\nRun 'tool cut -h' for usage.\n"},
		{"cut told", 7, "", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, stdout, stderr := runTool(t, strings.Fields(test.args)...)
			require.Equal(t, test.code, code, stderr)
			requireText(t, test.stdout, stdout)
			requireText(t, test.stderr, stderr)
		})
	}
}

func requireText(t *testing.T, want, got string) {
	t.Helper()
	if part, ok := strings.CutSuffix(want, "…"); ok {
		require.True(t, strings.HasPrefix(got, part), "want it to begin with %q, got %q", part, got)
		return
	}
	require.Equal(t, want, got)
}

func TestUsage(t *testing.T) {
	_, stdout, _ := runTool(t, "cut", "-h")
	require.Equal(t, `Usage: tool cut [-deep] THING...
       tool cut -all

Cuts.
  as it stands

Flags:
  -deep         all the way
  -length LONG  for how LONG (default 1s)
  -o FILE       write to FILE
  -times N      cut N times

Exit codes:
  0  it was cut
  1  it was too hard
  2  it was called the wrong way
`, stdout)
}

// A result that could not be written is a failure, as in every shell tool.
func TestResultThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"help"}, {"cut", "-h"}, {"completion", "bash"}} {
		var stderr bytes.Buffer
		code := tool().Run(t.Context(), Streams{Out: full{}, Err: &stderr}, args)
		require.Equal(t, Failure, code, args)
		require.Contains(t, stderr.String(), "writing the result: no space left")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestNearest(t *testing.T) {
	choices := []string{"lint", "explain", "version", "HF012"}
	for word, want := range map[string]string{
		"lnit": "lint", "LINT": "lint", "explian": "explain", "exp": "explain", "ver": "version", "hf12": "HF012",
		"": "", "x": "", "dance": "", "li": "lint", "lintexplain": "",
	} {
		require.Equal(t, want, Nearest(word, choices), word)
	}
	require.Equal(t, "did you mean lint?", Want("lnt", choices))
	require.Equal(t, "want lint, explain, version or HF012", Want("", choices))
	require.Equal(t, "want a", Want("zzz", []string{"a"}))
	require.Equal(t, "there is none", Want("zzz", nil))
}

func TestAnswer(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for _, test := range []struct {
		shell string
		line  string // words; the last one is completed; ␣ stands for an empty word
		want  string
	}{
		{"bash", "tool ␣", "words cut version completion help"},
		{"bash", "tool v", "words version"},
		{"bash", "tool dance ␣", "words"},
		{"bash", "tool __complete ␣", "words"},
		{"bash", "tool cut ␣", "files tree bush wood water"},
		{"bash", "tool cut wa", "files tree bush water"},
		{"bash", "tool cut a -deep b ␣", "words a b"},
		{"bash", "tool cut -times 3 a ␣", "words a"},
		{"bash", "tool cut -times=3 a ␣", "words a"},
		{"bash", "tool cut -", "words -deep -length -o -times -h"},
		{"bash", "tool cut --d", "words --deep"},
		{"bash", "tool cut -times ␣", "words"},
		{"bash", "tool cut -o ␣", "files"},
		{"bash", "tool cut -o -", "files"},
		{"bash", "tool cut -o x a ␣", "words a"},
		{"bash", "tool cut -deep ␣", "files tree bush wood water"},
		{"bash", "tool cut -o x ␣", "files tree bush wood water"},
		{"bash", "tool cut -o -deep -", "words -deep -length -o -times -h"},
		{"bash", "tool cut -- -o ␣", "words -o"},
		{"bash", "tool cut -o = x", "files"},
		{"bash", "tool cut -o = x a ␣", "words a"},
		{"bash", "tool cut -deep =", "words"},
		{"bash", "tool cut -nope = t", "words"},
		{"zsh", "tool cut -deep=t", "words"},
		{"fish", "tool cut -o=t", "files"},
		{"fish", `tool cut my\ file ~/x 'a"b' "c'd" ␣`, `words my file /home/me/x a"b c'd`},
		{"bash", "tool completion ␣", "words bash zsh fish"},
		{"bash", "tool completion zsh ␣", "words"},
		{"bash", "tool help c", "words cut completion"},
		{"bash", "tool version ␣", "words"},
	} {
		t.Run(test.shell+" "+test.line, func(t *testing.T) {
			args := []string{"__complete", test.shell}
			for w := range strings.SplitSeq(strings.ReplaceAll(test.line, `\ `, "\x00"), " ") {
				args = append(args, strings.ReplaceAll(strings.ReplaceAll(w, "␣", ""), "\x00", `\ `))
			}
			code, stdout, stderr := runTool(t, args...)
			require.Equal(t, OK, code, stderr)
			var got []string
			for line := range strings.Lines(stdout) {
				word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
				got = append(got, word)
			}
			require.Equal(t, test.want, strings.Join(got, " "))
		})
	}
	code, _, _ := runTool(t, "__complete", "bash")
	require.Equal(t, Misuse, code)
}

func TestCompletionPrintsScripts(t *testing.T) {
	for _, shell := range shells {
		code, stdout, _ := runTool(t, "completion", shell)
		require.Equal(t, OK, code)
		require.Contains(t, stdout, "__complete "+shell)
		require.NotContains(t, stdout, "PROGRAM")
		require.NotContains(t, stdout, os.Args[0], "it finds the program by its name")
	}
	for _, bad := range []string{"tcsh", "../bash", "", "."} {
		code, stdout, stderr := runTool(t, "completion", bad)
		require.Equal(t, Misuse, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "unknown shell")
	}
	code, _, stderr := runTool(t, "completion")
	require.Equal(t, Misuse, code)
	require.Contains(t, stderr, "want bash, zsh or fish")
}

func ExampleApp_Run() {
	app := &App{Name: "greet", About: "Greet says hello.", Commands: []Command{{
		Name: "hello", Summary: "say hello", Usage: []string{"[-loud] NAME"}, About: "Says hello.",
		Define: func(fs *flag.FlagSet) Run {
			loud := fs.Bool("loud", false, "shout")
			return func(_ context.Context, s Streams, args []string) error {
				if len(args) != 1 {
					return Misusef("%d names; want one", len(args))
				}
				if *loud {
					args[0] = strings.ToUpper(args[0])
				}
				return s.Print("hello " + args[0] + "\n")
			}
		},
	}}}
	streams := Streams{Out: os.Stdout, Err: io.Discard}
	fmt.Println(app.Run(context.Background(), streams, []string{"hello", "world", "-loud"}))
	fmt.Println(app.Run(context.Background(), streams, []string{"hello"}))
	// Output:
	// hello WORLD
	// 0
	// 2
}
