package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The whole program on a recorded run: noise between the runs, two settings of GOMAXPROCS, a
// name with spaces, a name that ends in a word after a dash.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		golden string
		args   []string
		status int
	}{
		{"table.md", nil, 0},
		{"check.md", []string{"-check"}, 1},
	} {
		t.Run(c.golden, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(append(c.args, "testdata/bench.txt"), nil, &stdout, &stderr)
			require.Equal(t, c.status, status, stderr.String())
			path := filepath.Join("testdata", c.golden)
			if *update {
				require.NoError(t, os.WriteFile(path, stdout.Bytes(), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), stdout.String())
		})
	}
}

func TestStandardInput(t *testing.T) {
	var stdout, stderr bytes.Buffer
	in := strings.NewReader("BenchmarkBreakerClosed/gobreaker 10 50 ns/op 0 B/op 0 allocs/op\n")
	require.Equal(t, 0, run(nil, in, &stdout, &stderr), stderr.String())
	require.Contains(t, stdout.String(), "| gobreaker | 1.00× | 0 | 0 | 50.0 |")
}

// Whatever cannot become a whole table is an error that says what to look at.
func TestBadInput(t *testing.T) {
	const good = "BenchmarkBreakerClosed/gobreaker-2 10 50 ns/op 0 B/op 0 allocs/op\n"
	for _, c := range []struct{ name, input, want string }{
		{"empty", "", "no benchmark results"},
		{"no benchmarks", "PASS\nok  \tpeers\t0.1s\n", "no benchmark results"},
		{"cut off", good + "BenchmarkPipeline/holdfast-2 10 50", "line 2: want a name, a count"},
		{"no count", "BenchmarkPipeline/holdfast-2 many 50 ns/op\n", `"many" is not a count`},
		{"not a number", "BenchmarkPipeline/holdfast-2 10 fast ns/op\n", `"fast" is not a measurement`},
		{"negative", "BenchmarkPipeline/holdfast-2 10 -5 ns/op\n", `"-5" is not a measurement`},
		{"without -benchmem", "BenchmarkPipeline/holdfast-2 10 50 ns/op\n", "no B/op"},
		{"no library", "BenchmarkPipeline-2 10 50 ns/op 0 B/op 0 allocs/op\n", "BenchmarkScenario/library"},
		{"failed", good + "--- FAIL: BenchmarkPipeline/holdfast-2\n", "line 2: the run failed"},
		{"failed to build", "FAIL\tgithub.com/media-gateway/holdfast/benchmarks/peers [build failed]\n", "the run failed"},
		{"unknown scenario", "BenchmarkNew/holdfast-2 10 50 ns/op 0 B/op 0 allocs/op\n", `unknown scenario "New"`},
		{
			"no baseline", "BenchmarkBreakerClosed/holdfast-2 10 50 ns/op 0 B/op 0 allocs/op\n",
			`scenario BreakerClosed (GOMAXPROCS 2): no result for its baseline "gobreaker"`,
		},
		{
			"baseline of another GOMAXPROCS", good + "BenchmarkBreakerClosed/holdfast 10 50 ns/op 0 B/op 0 allocs/op\n",
			"scenario BreakerClosed (GOMAXPROCS 1): no result for its baseline",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			require.Equal(t, 2, run(nil, strings.NewReader(c.input), &stdout, &stderr))
			require.Contains(t, stderr.String(), c.want)
			require.Empty(t, stdout.String(), "half a table")
		})
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{"-nonsense"}, {"a", "b"}, {"testdata/missing.txt"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(args, strings.NewReader(""), &stdout, &stderr))
		require.NotEmpty(t, stderr.String())
	}
}

func TestParseName(t *testing.T) {
	for name, want := range map[string]row{
		"BenchmarkPipeline/gobreaker":                    {"Pipeline", "gobreaker", 1},
		"BenchmarkPipeline/holdfast_Do-16":               {"Pipeline", "holdfast Do", 16},
		"BenchmarkPipeline/failsafe-go":                  {"Pipeline", "failsafe-go", 1},
		"BenchmarkDeadlineCreated/context.WithTimeout-2": {"DeadlineCreated", "context.WithTimeout", 2},
	} {
		got, err := parseName(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestMedian(t *testing.T) {
	require.InDelta(t, 2, median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2.5, median([]float64{9, 1, 2, 3}), 0)
}

// A promise that nobody measured is not kept.
func TestUnmeasuredTargetFails(t *testing.T) {
	for _, promise := range []target{
		{"Pipeline", "holdfast Do", "gobreaker", 1.6},
		{"BreakerClosed", "holdfast", "hystrix", 1},
	} {
		verdicts := checkAll([]table{{
			scenario: scenario{name: "BreakerClosed"}, procs: 2, lines: []line{{library: "holdfast", ns: 1}},
		}}, []target{promise})
		require.Len(t, verdicts, 1)
		require.False(t, verdicts[0].met)
		require.Contains(t, markdownTargets(verdicts), "not measured | ")
	}
}

// The scenarios and targets name each other, and the benchmarks, by strings.
func TestTargetsNameKnownScenarios(t *testing.T) {
	known := map[string]bool{}
	for _, s := range scenarios {
		known[s.name] = true
	}
	for _, target := range targets {
		require.True(t, known[target.scenario], target.scenario)
	}
}
