package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const traces = `goos: linux
BenchmarkBreakerClosed/holdfast-2 100 200 ns/op 0 B/op 0 allocs/op
PASS
File: peers.test
Duration: 2s, Total samples = 1s (50 %)
-----------+-------------------------------------------------------
     100ms   runtime.nanotime1
             time.Since (inline)
             github.com/media-gateway/holdfast/resilience/breaker.(*Breaker).Do
             github.com/media-gateway/holdfast.(*call).run
             testing.(*B).runN
-----------+-------------------------------------------------------
     250ms   runtime.asyncPreempt
             sync/atomic.(*Uint64).Add (inline)
             github.com/media-gateway/holdfast/resilience/breaker.(*Breaker).Do
             github.com/media-gateway/holdfast.(*call).run
             testing.(*B).runN
-----------+-------------------------------------------------------
      50ms   github.com/media-gateway/holdfast.(*call).run
             testing.(*B).runN
-----------+-------------------------------------------------------
     900ms   runtime.scanobject
             runtime.gcBgMarkWorker
-----------+-------------------------------------------------------
     100ms   runtime.memmove
             testing.(*B).run1.func1
-----------+-------------------------------------------------------
`

func TestProfile(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Zero(t, run([]string{"-profile"}, strings.NewReader(traces), &stdout, &stderr), stderr.String())
	require.Equal(t, `| ns of a call | BreakerClosed: holdfast |
|---|---:|
| reading the clock | 40 (20 %) |
| breaker | 100 (50 %) |
| the walk through the stages | 20 (10 %) |
| the op, and the benchmark's loop | 40 (20 %) |
| **all** | **200** |
| samples | 50 |
`, stdout.String())
}

// The last trace of a profile ends with the file, or where the next benchmark's result stands.
func TestProfileOfTwo(t *testing.T) {
	var stdout, stderr bytes.Buffer
	cut := strings.TrimSuffix(traces, "-----------+-------------------------------------------------------\n")
	require.Zero(t, run([]string{"-profile"}, strings.NewReader(cut+strings.Replace(cut, "BreakerClosed", "Pipeline", 1)), &stdout, &stderr), stderr.String())
	require.Contains(t, stdout.String(), "| ns of a call | BreakerClosed: holdfast | Pipeline: holdfast |\n")
	require.Contains(t, stdout.String(), "| the op, and the benchmark's loop | 40 (20 %) | 40 (20 %) |\n")
	require.Contains(t, stdout.String(), "| samples | 50 | 50 |\n")
}

func TestBadProfiles(t *testing.T) {
	_, headless, _ := strings.Cut(traces, "PASS\n")
	for name, c := range map[string]struct{ input, want string }{
		"empty":         {"", "no benchmark results"},
		"no result":     {headless, "a profile without its benchmark's result"},
		"no samples":    {traces[:strings.Index(traces, "PASS")], "BreakerClosed/holdfast: no samples"},
		"a bad result":  {"BenchmarkPipeline/holdfast-2 10 50\n", "line 1: "},
		"with a target": {traces, "go without another"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"-profile"}
			if name == "with a target" {
				args = append(args, "-check")
			}
			var stdout, stderr bytes.Buffer
			require.Equal(t, 2, run(args, strings.NewReader(c.input), &stdout, &stderr))
			require.Contains(t, stderr.String(), c.want)
			require.Empty(t, stdout.String())
		})
	}
}

// A part of the module that no row names would stand in "elsewhere".
func TestEveryStageHasARow(t *testing.T) {
	for frame, want := range map[string]string{
		module + ".(*Pipeline).Do":                     "the walk through the stages",
		module + ".(*counters).pick":                   "the pipeline's counters",
		module + ".Value[...]":                         "the walk through the stages",
		module + "/resilience/bulkhead.(*Bulkhead).Do": "bulkhead",
		module + "/resilience.Judge":                   "what the error means",
		module + "/internal/lazyctx.New":               "the derived ctx",
		"context.WithCancel":                           "other ctxs, the caller's among them",
		"time.newTimer":                                "timers",
		"time.Now":                                     "reading the clock",
		"runtime.futex":                                elsewhere,
	} {
		require.Equal(t, want, costOf([]string{"runtime.unknown", frame}), frame)
	}
}
