package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

func TestCommandRefusesWrongArguments(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"fast"}, `argument "fast"; want flags only`},
		{[]string{"-seed", "-1"}, `flag -seed is "-1"; want a whole number of at least 0`},
		{[]string{"-seed", "x"}, `flag -seed is "x"; want a whole number of at least 0`},
		{[]string{"-sede", "1"}, "unknown flag -sede; did you mean -seed?"},
		{[]string{"-fleet", "-short"}, "-fleet takes a second as it is; want it without -short"},
		{[]string{"-fleet", "-web"}, "want it without -short, -fleet and -json"},
		{[]string{"-fleet", "-addr", ":1"}, "want -web as well"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, cli.Misuse, runDemo(t.Context(), test.args, &stdout, &stderr))
			require.Empty(t, stdout.String())
			require.Contains(t, stderr.String(), test.want)
			require.Contains(t, stderr.String(), "holdfast demo -h")
		})
	}
}

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := cli.App{Name: "holdfast", Commands: []cli.Command{Command()}}
	return app.Run(ctx, cli.Streams{Out: stdout, Err: stderr}, append([]string{"demo"}, args...))
}

func TestOptions(t *testing.T) {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	o := define(fs)
	require.NoError(t, fs.Parse([]string{"-short", "-seed", "42"}))
	want := Short()
	want.Seed = 42
	require.Equal(t, want, o.config())
	require.InDelta(t, 6, Short().Length().Seconds(), 0.5)
	require.InDelta(t, 20, Full().Length().Seconds(), 0.5)
}

// The ctx has ended, so the play is over at once: this tests the command without waiting.
func TestCommandInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	var stdout, stderr bytes.Buffer
	require.Equal(t, cli.Interrupted, runDemo(ctx, nil, &stdout, &stderr))
	// How long that takes is the machine's matter. That no call was made is what "at once" means.
	require.Regexp(t, `INTERRUPTED after 1?[0-9]\.[0-9] s of 20\.0 s`, stdout.String())
	require.Contains(t, stdout.String(), nameHoldfast)
	require.Empty(t, stderr.String())

	stdout.Reset()
	require.Equal(t, cli.Interrupted, runDemo(ctx, []string{"-json"}, &stdout, &stderr))
	require.Empty(t, stderr.String())
	var r Report
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &r), "one JSON object and nothing else")
	require.True(t, r.Interrupted)
	require.Len(t, r.Clients, len(strategies))
	for _, c := range r.Clients {
		require.Zero(t, c.Calls, c.Name)
	}
}

func TestJSONShape(t *testing.T) {
	text, err := json.Marshal(sample())
	require.NoError(t, err)
	var r struct {
		Seed        *uint64
		Interrupted *bool
		Setup       map[string]float64
		Summary     []string
		Clients     []struct {
			Name          string
			Calls         *int
			Attempts      *int
			Amplification *float64
			Before        map[string]float64
			P99           *float64       `json:"p99_seconds"`
			Recovery      *float64       `json:"recovery_seconds"`
			Outcomes      map[string]int `json:"outcomes"`
			Denials       map[string]uint64
			Backends      []map[string]any
			Timeline      []*float64
		}
	}
	require.NoError(t, json.Unmarshal(text, &r))
	require.NotNil(t, r.Seed)
	require.NotNil(t, r.Interrupted)
	require.InDelta(t, 130, r.Setup["calls_per_second"], 0)
	require.Len(t, r.Summary, 5)
	require.Len(t, r.Clients, 4)
	naive, holdfast := r.Clients[1], r.Clients[3]
	require.Equal(t, nameNaive, naive.Name)
	require.Nil(t, naive.Recovery, "not within the run is null")
	require.Nil(t, naive.Denials, "not counted is null")
	require.Equal(t, 2600, *naive.Calls)
	require.InDelta(t, 100, naive.Before["goodput_percent"], 0)
	require.InDelta(t, 0.251, *naive.P99, 0)
	require.Equal(t, "payments", naive.Backends[0]["name"])
	require.InDelta(t, 6000, naive.Backends[0]["shed"], 0)
	require.Len(t, naive.Timeline, timelineSlices)
	require.InDelta(t, 0.7, *holdfast.Recovery, 0)
	require.Equal(t, uint64(400), holdfast.Denials["breaker_open"])
}
