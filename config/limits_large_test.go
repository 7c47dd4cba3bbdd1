//go:build !race

package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// numberedLines returns n lines, each made of its number.
func numberedLines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}

// cycle returns n templates that start from each other.
func cycle(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  t%d: {template: t%d}\n", i, (i+1)%n)
	}
	return b.String()
}

// largest are files of about a megabyte, or small ones that would take a careless reader much work.
// They do not run under the race detector, which would slow them down tenfold: there is no second
// goroutine.
var largest = map[string]string{
	"flow":        "services: {}\nx-: [" + strings.Repeat("a,", maxSize/2-20) + "]",
	"mappings":    "services: {}\nx-: [" + strings.Repeat("{a: },", maxSize/6-20) + "]",
	"json":        `{"services": {}, "x-": [` + strings.Repeat("1,", maxSize/2-20) + "1]}",
	"anchors":     "services: {}\nx-: [" + strings.Repeat("&a a,", maxSize/5-20) + "]",
	"comments":    "services: {}\nx-:\n" + strings.Repeat("- 1 #\n", maxSize/6-10),
	"unclosed":    strings.Repeat("a: '\n", maxSize/5),
	"bad at last": "services:\n" + strings.Repeat(" a: {}\n", maxSize/56) + " : x: y",
	"blanks":      "services: {}\nx-: " + strings.Repeat(" ", maxSize-30),
	"questions":   strings.Repeat("? ", 4000),
	"keys":        strings.Repeat("?\n", maxSize/2),
	"twice":       "{" + strings.Repeat(`"a":1,`, maxSize/6-20) + `"services":{}}`,
	"directives":  numberedLines(70_000, "%%TAG !%d! a") + "--- a",
	"cycle":       "services: {}\ntemplates:\n" + cycle(30_000),

	// One mistake that all services share.
	"calls":     "x-: &c {calls: [zzz, s0zz0, s00z0, sz000]}\nservices:\n" + numberedLines(9900, "  s%04d: *c"),
	"templates": "x-: &c {template: zzz}\ntemplates:\n" + numberedLines(30_000, "  t%05d: {}") + "services:\n" + numberedLines(9900, "  s%04d: *c"),
	"unknown":   "x-: &c {retry: {maxretrys: 1, basedelai: 2, foo: 3, bar: 4, baz: 5}}\nservices:\n" + numberedLines(9900, "  s%04d: *c"),
	"one line": "{x-p: " + strings.Repeat("p", maxSize-200_000) + ", x-: &c {deadline: 5}, services: {" +
		strings.ReplaceAll(numberedLines(9900, "s%d: *c,"), "\n", " ") + "}}",
}

// Pins: memory and work stay proportional to the size of the file. The work is counted, not timed,
// so a busy machine changes nothing. Some of these files once took 400 million comparisons, and a
// minute.
func TestLargestFiles(t *testing.T) {
	for name, text := range largest {
		require.LessOrEqual(t, len(text), maxSize, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := newSource("input", []byte(text))
		_, err := s.parse(nil)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-12s %4d KiB: %3d MiB allocated, %+v, %v", name, len(text)>>10, allocated>>20, s.effort, err == nil)
		require.Less(t, allocated, uint64(500<<20), name)
		require.Less(t, s.parsed, 20*len(text), "%s: to find the first bad line takes some rounds", name)
		require.Less(t, s.walked, 4*maxSize, name)
		require.Less(t, s.compared, maxSize, name)
		if err != nil {
			require.Less(t, len(err.Error()), 100_000, name)
		}
	}
}

// Pins: a file with many directives does not reach the YAML parser, which compares each directive
// with all before it.
func TestDirectivesDoNotReachTheParser(t *testing.T) {
	s := newSource("input", []byte(largest["directives"]))
	_, err := s.parse(nil)
	require.ErrorContains(t, err, "has more than 100 lines that begin with %")
	require.Zero(t, s.parsed)
}
