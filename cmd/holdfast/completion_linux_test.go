package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// commands are names that a shell would run, or misread, if they were on its line without quotes.
// The file "made" must not be created.
var commands = []string{
	"$(touch made)", "`touch made`", "$(touch${IFS}made)", ";touch made;", "&touch made&", "|touch made", ">made", "a>made", "a||touch made",
	"'$(touch made)'", `"$(touch made)"`, `\$(touch made)`, `'`, `"`, "`", `\`, `\\`, "a b", "a  b", "$HOME", "~", "~root", "*", "?", "[a-z]", "{a,b}", "!!", "!touch",
	"a!b", "#a", "-x", "--", "%s%n", "a:b", `a\:b`, `a\b`, "a=b", "(touch made)", "a^b", "<made", "=ls", "日本 für", "%self", "x(e:'touch made':)", "x*(+touch)",
}

// interactive is how each shell is started so that it notes each prompt.
var interactive = map[string]struct {
	rc   string
	args []string
}{
	"bash": {"PS1='> '; PROMPT_COMMAND='NOTE'", []string{"--noprofile", "--rcfile", "{rc}", "-i"}},
	"zsh":  {"PS1='> '; precmd() { NOTE }; autoload -Uz compinit; compinit -u -D", []string{"-d", "-i"}},
	"fish": {"function fish_prompt; echo '> '; end\nfunction note --on-event fish_prompt; NOTE; end\nset -g fish_greeting", []string{"--no-config", "-i", "-C", "source {rc}"}},
}

// What Tab puts on the line is one word to the shell: Enter passes it to holdfast as it is in the
// file, and runs nothing else.
func TestTabAndEnterRunNothing(t *testing.T) {
	for name, shell := range interactive {
		t.Run(name, func(t *testing.T) {
			term := start(t, name, shell.rc, shell.args...)
			for _, service := range commands {
				key, err := json.Marshal(service)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(term.folder, "services.yaml"), []byte("services: {"+string(key)+": {template: critical}}"), 0o600))
				args := term.enter(t, "holdfast explain services.yaml \t")
				require.NoFileExists(t, filepath.Join(term.folder, "made"), "%s; the screen: %q", service, term.shown())
				want := []string{"explain", "services.yaml", service}
				if name == "fish" && strings.HasPrefix(service, "~") {
					want = want[:2] // fish would not quote the rest, so it is not offered
				}
				require.Equal(t, want, args, "the screen: %q", term.shown())
			}
		})
	}
}

// Names of files are chosen by somebody else, too.
func TestTabQuotesFiles(t *testing.T) {
	for name, shell := range interactive {
		t.Run(name, func(t *testing.T) {
			term := start(t, name, shell.rc, shell.args...)
			for _, command := range commands {
				file := command + ".yaml"
				require.NoError(t, os.WriteFile(filepath.Join(term.folder, file), nil, 0o600))
				args := term.enter(t, "holdfast lint \t")
				require.NoError(t, os.Remove(filepath.Join(term.folder, file)))
				require.NoFileExists(t, filepath.Join(term.folder, "made"), "%s; the screen: %q", file, term.shown())
				require.Contains(t, [][]string{{"lint", file}, {"lint", "./" + file}}, args, "the screen: %q", term.shown())
			}
		})
	}
}

// In a quote that the user has opened, bash gets the name only if it needs no quoting.
func TestBashCompletesInAnOpenQuote(t *testing.T) {
	shell := interactive["bash"]
	for _, quote := range []string{`"`, `'`} {
		// Ctrl-G closes the quote if it is open yet, since Enter would only begin another line.
		term := start(t, "bash", shell.rc+`
close() { local q=${READLINE_LINE//[^\`+quote+`]/}; (( ${#q} % 2 )) && READLINE_LINE+=\`+quote+`; READLINE_POINT=${#READLINE_LINE}; }
bind -x '"\C-g": close'`, shell.args...)
		for _, service := range append([]string{"payments"}, commands...) {
			key, err := json.Marshal(service)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(term.folder, "services.yaml"), []byte("services: {"+string(key)+": {template: critical}}"), 0o600))
			args := term.enter(t, "holdfast explain services.yaml "+quote+"\t\a")
			require.NoFileExists(t, filepath.Join(term.folder, "made"), "%s; the screen: %q", service, term.shown())
			want := [][]string{{"explain", "services.yaml", service}}
			if service != "payments" {
				want = append(want, []string{"explain", "services.yaml", ""})
			}
			require.Contains(t, want, args, "the screen: %q", term.shown())
		}
	}
}
