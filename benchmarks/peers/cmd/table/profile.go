package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/media-gateway/holdfast"

// cost is a part of what a call takes: the time in these functions, and in those of others that
// they call. A name stands for all that begin with it.
type cost struct {
	what  string
	funcs []string
}

// costs are the rows of the table. A sample belongs to the innermost function that one of them
// names.
var costs = []cost{
	{"reading the clock", []string{
		"runtime.nanotime", "runtime.walltime", "time.Now", "time.now", "time.Since", "time.Until", "time.runtime", "time.Time.", module + "/internal/mono.",
	}},
	{"allocations, with the collector's part in them", []string{
		"runtime.mallocgc", "runtime.newobject", "runtime.makechan", "runtime.gcWriteBarrier", "runtime.wbBufFlush", "runtime.gcAssistAlloc",
	}},
	{"timers", []string{"time.(*Timer)", "time.newTimer", "time.stopTimer", "time.resetTimer", "time.AfterFunc", "time.NewTimer", "runtime.(*timer"}},
	{"channels and locks", []string{"runtime.chan", "runtime.closechan", "runtime.select", "sync.(*Mutex)", "internal/sync.(*Mutex)"}},
	{"the derived ctx", []string{module + "/internal/lazyctx."}},
	{"other ctxs, the caller's among them", []string{"context."}},
	{"deadlines", []string{module + "/resilience/deadline."}},
	{"bulkhead", []string{module + "/resilience/bulkhead."}},
	{"budget", []string{module + "/resilience/budget."}},
	{"retry loop", []string{module + "/resilience/retry."}},
	{"breaker", []string{module + "/resilience/breaker."}},
	{"what the error means", []string{module + "/resilience."}},
	{"the pipeline's counters", []string{module + ".(*counters)", module + ".(*stripe)", module + "/internal/stripes."}},
	{"the walk through the stages", []string{module + "."}},
	{"the op, and the benchmark's loop", []string{module + "/benchmarks/peers.", "testing."}},
}

const elsewhere = "elsewhere"

// benchmarkLoop is a function that every sample of a benchmark has above it. Others are of the
// runtime's own goroutines.
const benchmarkLoop = "testing.(*B).run"

// profiled is a benchmark, and where its samples fell, in milliseconds.
type profiled struct {
	row
	ns      float64
	samples float64
	by      map[string]float64
}

// parseProfiles reads, any number of times: a benchmark's result line, and after it what
// "go tool pprof -traces -unit=ms" says of that run. It ignores the lines between.
func parseProfiles(r io.Reader) ([]*profiled, error) {
	var all []*profiled
	var trace struct {
		ms     float64
		frames []string
	}
	flush := func() error {
		ms, frames := trace.ms, trace.frames
		trace.ms, trace.frames = 0, nil
		if len(frames) == 0 || !slices.ContainsFunc(frames, func(f string) bool { return strings.HasPrefix(f, benchmarkLoop) }) {
			return nil
		}
		if len(all) == 0 {
			return errors.New("a profile without its benchmark's result before it")
		}
		last := all[len(all)-1]
		last.samples += ms
		last.by[costOf(frames)] += ms
		return nil
	}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "Benchmark") && len(fields) > 1:
			r, s, err := parseResult(line)
			if err = errors.Join(flush(), err); err != nil {
				return nil, fmt.Errorf("line %d: %w: %s", n, err, line)
			}
			all = append(all, &profiled{row: r, ns: s.ns, by: map[string]float64{}})
		case strings.HasPrefix(line, "-----------+"):
			if err := flush(); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		case !strings.HasPrefix(line, " ") || len(fields) == 0:
		case len(trace.frames) > 0:
			trace.frames = append(trace.frames, fields[0])
		case len(fields) > 1:
			if ms, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "ms"), 64); err == nil {
				trace.ms, trace.frames = ms, []string{fields[1]}
			}
		}
	}
	if err := errors.Join(lines.Err(), flush()); err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.samples == 0 {
			return nil, fmt.Errorf("%s/%s: no samples in its profile", p.scenario, p.library)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no benchmark results in the input")
	}
	return all, nil
}

// costOf returns which cost a stack belongs to, the innermost frame first.
func costOf(frames []string) string {
	for _, frame := range frames {
		for _, c := range costs {
			if slices.ContainsFunc(c.funcs, func(name string) bool { return strings.HasPrefix(frame, name) }) {
				return c.what
			}
		}
	}
	return elsewhere
}

// markdownProfiles renders a column for each benchmark: nanoseconds of a call, and their share.
func markdownProfiles(all []*profiled) string {
	var b strings.Builder
	b.WriteString("| ns of a call |")
	for _, p := range all {
		fmt.Fprintf(&b, " %s: %s |", p.scenario, p.library)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(all)) + "\n")
	for _, c := range append(slices.Clone(costs), cost{what: elsewhere}) {
		if !slices.ContainsFunc(all, func(p *profiled) bool { return p.by[c.what] > 0 }) {
			continue
		}
		fmt.Fprintf(&b, "| %s |", c.what)
		for _, p := range all {
			share := p.by[c.what] / p.samples
			if share == 0 {
				b.WriteString(" |")
				continue
			}
			fmt.Fprintf(&b, " %.0f (%.0f %%) |", share*p.ns, share*100)
		}
		b.WriteByte('\n')
	}
	b.WriteString("| **all** |")
	for _, p := range all {
		fmt.Fprintf(&b, " **%.0f** |", p.ns)
	}
	b.WriteString("\n| samples |")
	for _, p := range all {
		fmt.Fprintf(&b, " %.0f |", p.samples/sampleMS)
	}
	return b.String() + "\n"
}

// sampleMS is how much a sample of a processor's profile stands for.
const sampleMS = 10

// profilePart is what docs/benchmarks.md says of the profiles.
func profilePart(r io.Reader) (part, error) {
	all, err := parseProfiles(r)
	if err != nil {
		return part{}, err
	}
	return part{filepath.Join("docs", "benchmarks.md"), "profile", markdownProfiles(all)}, nil
}
