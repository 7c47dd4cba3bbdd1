package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/media-gateway/holdfast"
)

// FuzzParse: whatever a file and the environment hold, reading them ends, without a panic, in
// services that holdfast.New accepts, or in problems that say where they are.
func FuzzParse(f *testing.F) {
	add := func(file string) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "HOLDFAST_PAYMENTS_DEADLINE=1s\nHOLDFAST_PAYMENTS_RETRY_JITTER={additive: 1}", strings.HasSuffix(file, ".json"))
	}
	files, err := filepath.Glob("testdata/good/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "starter.yaml") {
		add(file)
	}
	problems, err := os.ReadFile("testdata/problems.txt")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(problems), "\n=== ") {
		name, rest, _ := strings.Cut(part, "\n")
		text, _, _ := strings.Cut(rest, "\n--- problems")
		file, environ, _ := strings.Cut(text, "\n--- environment\n")
		f.Add([]byte(unescape.Replace(file)), environ, strings.HasPrefix(name, "json"))
	}
	f.Add([]byte(layered), "HOLDFAST_ALL_RETRY=off", false)
	f.Fuzz(func(t *testing.T, data []byte, environ string, isJSON bool) {
		name := "services.yaml"
		if isJSON {
			name = "services.json"
		}
		c, err := parse(data, name, strings.Split(environ, "\n"))
		if err != nil {
			requireSoundError(t, data, err)
			return
		}
		stages := c.Services()
		for _, name := range c.Names() {
			if _, err := holdfast.New(name, stages[name]...); err != nil {
				t.Fatalf("%q parses, and New refuses it: %v", name, err)
			}
			s, _ := c.Service(name)
			for _, k := range allKeys {
				if o, ok := s.Origin(k.path); !ok || o.String() == "" {
					t.Fatalf("%q: %s has no origin", name, k.path)
				}
			}
		}
	})
}

func requireSoundError(t *testing.T, data []byte, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) == 0 || len(e.Problems) > maxProblems {
		t.Fatalf("%T: %v", err, err)
	}
	lines := len(lineStarts(data))
	for _, p := range e.Problems {
		if p.Message == "" || p.File == "" || p.Line > lines || p.Line < 0 || p.Column < 0 {
			t.Fatalf("%+v of %d lines", p, lines)
		}
		for i, line := range strings.Split(p.Error(), "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return r != printable(r) }) || i > 2 {
				t.Fatalf("not to be shown: %q", p.Error())
			}
		}
	}
}

// FuzzEnvironment: no variable turns a good file into services that New refuses.
func FuzzEnvironment(f *testing.F) {
	f.Add("PAYMENTS_BUDGET_RATIO", "0.2")
	f.Add("PAYMENTS_RETRY_JITTER", "{additive: 0.2}")
	f.Add("PAYMENTS_RETRY", "off")
	f.Add("PAYMNTS_RETRY", "off")
	f.Add("PAY_OUT_RPS", "1e300")
	f.Add("PAYMENTS_BREAKER_NAME", "!!binary x")
	f.Fuzz(func(t *testing.T, name, value string) {
		data := []byte("services: {payments: {}, pay: {template: none, retry: {}}, pay-out: {}}")
		c, err := parse(data, "f", []string{envPrefix + name + "=" + value})
		if err != nil {
			requireSoundError(t, data, err)
			return
		}
		for name, stages := range c.Services() {
			if _, err := holdfast.New(name, stages...); err != nil {
				t.Fatalf("%q: %v", name, err)
			}
		}
	})
}
