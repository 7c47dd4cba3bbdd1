package main

import (
	"bytes"
	"flag"
	"fmt"
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

// README.md and docs/benchmarks.md say what the recorded runs measured. -update writes them; run.sh
// -update and growth.sh -update record other runs.
func TestDocumentsAreOfTheRuns(t *testing.T) {
	const top = "../../../.."
	recorded := func(name string) *results {
		file, err := os.Open(filepath.Join("..", "..", name))
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		res, err := parse(file)
		require.NoError(t, err)
		return res
	}
	res := recorded("run.txt")
	tables, err := tabulate(res, scenarios)
	require.NoError(t, err)
	all, err := parts(res, tables)
	require.NoError(t, err)
	grown, err := growthPart(recorded("growth.txt"))
	require.NoError(t, err)
	for _, p := range append(all, grown) {
		if *update {
			require.NoError(t, p.write(top))
		}
		document, err := os.ReadFile(filepath.Join(top, p.file))
		require.NoError(t, err)
		want, err := p.splice(string(document))
		require.NoError(t, err)
		require.Equal(t, want, string(document), "run go test ./cmd/table -update")
	}
}

func TestGrowth(t *testing.T) {
	run := func(input string, args ...string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		status := run(append([]string{"-growth"}, args...), strings.NewReader(input), &stdout, &stderr)
		return stdout.String(), stderr.String(), status
	}
	var input strings.Builder
	for _, name := range []string{"GrowStages/mixed/8", "GrowStages/mixed/1", "GrowKeys/Get/100000", "GrowCallers/the_op/10", "GrowCallers/the_op/10"} {
		fmt.Fprintf(&input, "Benchmark%s-2 10 %d ns/op 0 B/op %d allocs/op\n", name, len(name), strings.Count(name, "100000"))
	}
	stdout, stderr, status := run(input.String())
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "| stages | 1 | 8 |\n|---|---:|---:|\n| mixed | 18.0 | 18.0 |\n")
	require.Contains(t, stdout, "| keys | 100,000 |\n|---|---:|\n| Get | 19.0 (1) |\n")
	require.Contains(t, stdout, "| callers | 10 |\n|---|---:|\n| the op | 21.0 |\n")

	const other = "BenchmarkGrowStages/bulkheads/2 10 5 ns/op 0 B/op 0 allocs/op\n"
	for bad, want := range map[string]string{
		other:                  "GrowKeys was not measured",
		input.String() + other: "was not measured with",
		strings.ReplaceAll(input.String(), "mixed/8", "mixed"): `GrowStages/mixed: want a name of the form what/size`,
	} {
		stdout, stderr, status := run(bad)
		require.Equal(t, 2, status)
		require.Contains(t, stderr, want)
		require.Empty(t, stdout)
	}
	_, stderr, status = run(input.String(), "-check")
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "no targets")
}

// -readme prints what -write puts into the README; both need a whole run.
func TestReadmeAndWrite(t *testing.T) {
	var short, stdout, stderr bytes.Buffer
	require.Zero(t, run([]string{"-readme", "../../run.txt"}, nil, &short, &stderr), stderr.String())
	require.Contains(t, short.String(), "| `Critical()` in a handler, the first example above | ")

	top := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(top, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("README.md", "# A\n<!-- bench:begin -->\n<!-- bench:end -->\nZ\n")
	write("docs/benchmarks.md", "<!-- tables:begin -->\n<!-- tables:end -->\n")
	require.Zero(t, run([]string{"-write", top, "../../run.txt"}, nil, &stdout, &stderr), stderr.String())
	text, err := os.ReadFile(filepath.Join(top, "README.md"))
	require.NoError(t, err)
	require.Equal(t, "# A\n<!-- bench:begin -->\n"+short.String()+"\n<!-- bench:end -->\nZ\n", string(text))
	text, err = os.ReadFile(filepath.Join(top, "docs", "benchmarks.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), stdout.String(), "the tables")
	require.Contains(t, string(text), "### Targets")

	for want, args := range map[string][]string{
		"the floor (Floor) was not measured": {"-readme", "testdata/bench.txt"},
		"no such file":                       {"-write", filepath.Join(top, "nowhere"), "../../run.txt"},
	} {
		stdout.Reset()
		stderr.Reset()
		require.Equal(t, 2, run(args, nil, &stdout, &stderr))
		require.Contains(t, stderr.String(), want)
		require.Empty(t, stdout.String())
	}
}

func TestSplice(t *testing.T) {
	p := part{"a.md", "x", "new\n"}
	got, err := p.splice("head\n<!-- x:begin -->\nold\n<!-- x:end -->\ntail\n")
	require.NoError(t, err)
	require.Equal(t, "head\n<!-- x:begin -->\nnew\n\n<!-- x:end -->\ntail\n", got)
	again, err := p.splice(got)
	require.NoError(t, err)
	require.Equal(t, got, again)
	for _, bad := range []string{
		"", "<!-- x:begin -->\n", "<!-- x:end -->\n<!-- x:begin -->\n",
		"<!-- x:begin -->\n<!-- x:end -->\n<!-- x:begin -->\n<!-- x:end -->\n",
	} {
		_, err := p.splice(bad)
		require.ErrorContains(t, err, "a.md: want one", bad)
	}
}

func TestWrap(t *testing.T) {
	word := strings.Repeat("ä", 49)
	require.Equal(t, word+" "+word+"x\n", paragraph(word+"  "+word+"x"), "99 and a space are 100 columns")
	require.Equal(t, word+"x\n"+word+"xy\n", paragraph(word+"x "+word+"xy"))
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
		{"Pipeline", "holdfast Do", "gobreaker", times, 1.6},
		{"BreakerClosed", "holdfast", "hystrix", times, 1},
		{"BreakerClosed", "holdfast", "hystrix", allocations, 1},
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
