package formal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// trace is a run of a model: what happened, and what the model says after each event.
type trace struct {
	model  string         // "breaker" or "series"
	bounds map[string]int // by the name of the #define: "PROBES"
	events []event
	cycle  int // the events from here on repeat for ever; len(events): none do
}

// event is a line of a trace: "begin 0 probe | halfopen 0 1 0".
type event struct {
	line        int
	does        string
	call        int
	came        string // how the call passed: "probe", "passes", "part" or "refused"
	outcome     string // "ok", "fail" or "none"
	state       string
	row         uint64
	good, bad   uint64
	description string
}

func readTrace(t *testing.T, path string) trace {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.True(t, strings.HasPrefix(lines[0], "# "), "%s begins with the bounds", path)
	tr := trace{model: filepath.Base(filepath.Dir(path)), bounds: map[string]int{}, cycle: len(lines)}
	for word := range strings.FieldsSeq(lines[0]) {
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "-D"), "=")
		if n, err := strconv.Atoi(value); err == nil {
			tr.bounds[name] = n
		}
	}
	for i, line := range lines[1:] {
		if line == "cycle" {
			tr.cycle = len(tr.events)
			continue
		}
		e, err := parseEvent(line)
		require.NoError(t, err, "%s:%d", path, i+2)
		e.line = i + 2
		tr.events = append(tr.events, e)
	}
	tr.cycle = min(tr.cycle, len(tr.events))
	return tr
}

func parseEvent(line string) (e event, err error) {
	what, state, ok := strings.Cut(line, " | ")
	words := strings.Fields(what)
	if !ok || len(words) < 3 {
		return e, fmt.Errorf("%q; want an event, its call, what came, | and the state", line)
	}
	e.does, e.description = words[0], line
	if _, err := fmt.Sscan(words[1], &e.call); err != nil {
		return e, fmt.Errorf("%q: %w", line, err)
	}
	e.came, e.outcome = words[2], words[len(words)-1]
	if _, err := fmt.Sscan(state, &e.state, &e.row, &e.good, &e.bad); err != nil {
		return e, fmt.Errorf("%q: %w", line, err)
	}
	return e, nil
}
