package retries

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// call is one call of a client, as a program makes it.
type call func(ctx context.Context) error

// row is a client in the table.
type row struct {
	client string
	module string // the version is this module's
	fault  string
	line   string // what stands it down: code of this package, or "" if there is nothing to do
	note   string
	pauses time.Duration // of a call by default in an outage, at most
	// A pipeline knows these errors only if it is told.
	classify resilience.Classifier

	byDefault, stoodDown func(t *testing.T, w *wire) call
}

// counts are of requests, over two faults and over an outage.
type counts struct{ alone, piped, down [2]int64 }

// attempts are how many the pipelines of the table make.
const attempts = 3

// measure makes one call in a bubble, and returns how many requests the server got.
func (r *row) measure(t *testing.T, failures int64, start func(*testing.T, *wire) call, piped bool) (sent int64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWire(failures)
		one := start(t, w)
		if !piped {
			_ = one(t.Context()) // that it fails is what some are about
			sent = w.sent.Load()
			return
		}
		var stages []resilience.Stage
		if r.classify != nil {
			stages = append(stages, holdfast.Classify(r.classify))
		}
		stages = append(stages, retry.Config{MaxRetries: attempts - 1})
		p := holdfast.Must(holdfast.New("p", stages...))
		err := p.Do(t.Context(), resilience.Func(one))
		sent = w.sent.Load()
		if failures == outage {
			require.Error(t, err)
			require.EqualValues(t, attempts, p.Snapshot().Attempts, "the pipeline must retry: %v", err)
		} else {
			require.NoError(t, err)
		}
	})
	return sent
}

func (r *row) counts(t *testing.T) (c counts) {
	t.Helper()
	down := r.stoodDown
	if down == nil {
		down = r.byDefault
	}
	for i, failures := range []int64{2, outage} {
		c.alone[i] = r.measure(t, failures, r.byDefault, false)
		c.piped[i] = r.measure(t, failures, r.byDefault, true)
		c.down[i] = r.measure(t, failures, down, true)
		require.EqualValues(t, 1, r.measure(t, failures, down, false), "stood down, a call is one request")
	}
	return c
}

// The table in docs/clients.md is what was counted. HOLDFAST_UPDATE=1 writes it anew.
func TestTableInTheDocs(t *testing.T) {
	const file, begin, end = "../../../docs/clients.md", "<!-- clients:begin -->\n", "<!-- clients:end -->\n"
	unset(t)
	table := &strings.Builder{}
	fmt.Fprintf(table, "| Client | Fault | Alone: two faults | an outage | In a pipeline: two faults | an outage | Stood down, in a pipeline: two faults | an outage |\n|---|---|--:|--:|--:|--:|--:|--:|\n")
	for i := range rows {
		r := &rows[i]
		t.Run(r.client, func(t *testing.T) {
			c := r.counts(t)
			require.Equal(t, [2]int64{attempts, attempts}, c.down, "stood down, a pipeline of 3 attempts sends 3")
			fmt.Fprintf(table, "| %s | %s | %d | %d | %d | %d | %d | %d |\n", r.client, r.fault,
				c.alone[0], c.alone[1], c.piped[0], c.piped[1], c.down[0], c.down[1])
		})
	}
	fmt.Fprintf(table, "\n| Client | Counted with | Stand it down | Its pauses in an outage | To know |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		line := "nothing to do"
		if r.line != "" {
			line = "`" + r.line + "`"
		}
		pauses := "none"
		if r.pauses != 0 {
			pauses = "up to " + r.pauses.String()
		}
		fmt.Fprintf(table, "| %s | `%s` %s | %s | %s | %s |\n", r.client, r.module, version(t, r.module), line, pauses, r.note)
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	old, after, found := strings.Cut(rest, end)
	require.True(t, found)
	if os.Getenv("HOLDFAST_UPDATE") != "" {
		require.NoError(t, os.WriteFile(file, []byte(before+begin+table.String()+end+after), 0o600))
		return
	}
	want := table.String()
	if os.Getenv("GOWORK") == "off" { // .ci/nightly newest: other versions, and the counts have to be the same
		want, old = versions.ReplaceAllString(want, ""), versions.ReplaceAllString(old, "")
	}
	require.Equal(t, want, old, "run HOLDFAST_UPDATE=1 go test -run TestTableInTheDocs ./integration/clients/retries")
}

// A line of the table that stands a client down is code that was counted.
func TestLinesAreCompiled(t *testing.T) {
	files, err := filepath.Glob("*_rows_test.go")
	require.NoError(t, err)
	stoodDown, err := os.ReadFile("rows_test.go")
	require.NoError(t, err)
	code := string(regexp.MustCompile("(?m)^.*line: .*$").ReplaceAll(stoodDown, nil))
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		code += string(text)
	}
	for _, r := range rows {
		require.Equal(t, r.line == "", r.stoodDown == nil, r.client)
		require.Contains(t, code, r.line, r.client)
	}
}

var versions = regexp.MustCompile("` v[0-9][^ ]* \\|")

// version is what go.mod requires: a test's build info has no modules.
func version(t *testing.T, module string) string {
	t.Helper()
	text, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^\t` + regexp.QuoteMeta(module) + ` (v\S+)$`).FindSubmatch(text)
	require.NotNil(t, found, "go.mod does not require %s", module)
	return string(found[1])
}

// unset takes away what the environment says to clients.
func unset(t *testing.T) {
	t.Helper()
	for _, name := range []string{"VAULT_MAX_RETRIES", "VAULT_RATE_LIMIT", "VAULT_ADDR", "PGHOST", "PGSSLMODE", "PGTARGETSESSIONATTRS", "CONSUL_HTTP_ADDR"} {
		if _, set := os.LookupEnv(name); set {
			t.Setenv(name, "") // so that it is as it was afterwards
			require.NoError(t, os.Unsetenv(name))
		}
	}
}
