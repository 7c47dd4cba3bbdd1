package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fakes is a toolkit without the packages behind it: a file's text is the names of its services, "auth payments",
// and whatever contains "broken" does not load.
func fakes() toolkit {
	return toolkit{
		Starter: func() []byte { return []byte("services:\n  payments: {template: critical}\n") },
		Load: func(path string) (file, error) {
			text, err := readFile(path)
			if err != nil {
				return nil, err
			}
			return parseFake(text)
		},
		Parse: func(r io.Reader) (file, error) {
			text, err := io.ReadAll(r)
			if err != nil {
				return nil, err
			}
			return parseFake(string(text))
		},
		Problems: func(err error) []any {
			var all []any
			for line := range strings.Lines(err.Error()) {
				all = append(all, map[string]string{"message": strings.TrimSpace(line)})
			}
			return all
		},
		Codes: func() []code {
			return []code{
				{"HF001", "error", "attempts that can never run", "\nThe deadline comes first.\n\nSo they never run.\n"},
				{"HF012", "warning", "no jitter", "All come back at once."},
				{"HF040", "info", "a silence that silences nothing", "It may go."},
			}
		},
	}
}

func parseFake(text string) (file, error) {
	if strings.Contains(text, "broken") {
		return nil, errors.New("services.yaml:3:5: unknown key \"reties\"\nservices.yaml:4:5: deadline is \"x\"\n")
	}
	return fake(strings.Fields(text)), nil
}

// fake is a file of services. The linter finds something in those that are called for it: "warned", "wrong", …
type fake []string

func (f fake) Names() []string { return slices.Sorted(slices.Values(f)) }

func (f fake) Lint(pods int) []finding {
	var found []finding
	for i, name := range f {
		at := finding{JSON: map[string]string{"service": name}}
		say := func(severity, format string, args ...any) {
			at.Severity, at.Text = severity, fmt.Sprintf("services.yaml:%d: %s %s: ", i+1, severity, name)+fmt.Sprintf(format, args...)
		}
		switch {
		case strings.HasPrefix(name, "wrong"):
			say(severityError, "5 retries need up to 4.9s; the deadline is 2s")
			at.Details = []string{"6 × 500ms + 1.9s = 4.9s", "fix: max_retries: 3"}
		case strings.HasPrefix(name, "warned"):
			say(severityWarning, "no jitter, on %d pods", pods)
		case strings.HasPrefix(name, "silenced"):
			say(severityWarning, "no jitter")
			at.Silenced = true
		case strings.HasPrefix(name, "noted"):
			say("info", "nothing is silenced")
		default:
			continue
		}
		found = append(found, at)
	}
	return found
}

func (f fake) Service(name string) (service, error) {
	return service{
		Template: "critical", Chain: "deadline 2s → retry 5×",
		Settings: []setting{{"deadline", "2s", "services.yaml:7:5"}, {"retry.max_retries", "5", "template critical"}},
		Plan:     map[string]int{"runs": 4},
		Draw: func(width int, ascii bool) string {
			return fmt.Sprintf("%s drawn %d wide, ascii %v\n", name, width, ascii)
		},
		SVG: func() []byte { return []byte("<svg>" + name + "</svg>") },
	}, nil
}

func readFile(path string) (string, error) {
	if filepath.Base(path) == "unreadable.yaml" {
		return "", fs.ErrPermission
	}
	text, err := os.ReadFile(path)
	return string(text), err
}
