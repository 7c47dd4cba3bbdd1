package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// row names one line of one table: a library's way of doing a scenario's work.
type row struct {
	scenario string // "Pipeline"
	library  string // "holdfast Do"
	procs    int    // GOMAXPROCS
}

// sample is what one run of a benchmark measured.
type sample struct{ ns, bytes, allocs float64 }

// results is what a benchmark's output holds.
type results struct {
	config  []setting // what it was run on, as the output says, in its order
	order   []row     // in the order of first appearance
	samples map[row][]sample
}

type setting struct{ key, value string }

// parse reads the output of go test -bench -benchmem, any number of runs of it: result lines,
// and "key: value" lines, which say what it was run on. It ignores what it does not know, as
// test output may hold anything, but not a benchmark's line it cannot read, nor a failure: a
// table of half of the results would look like one of all of them.
func parse(r io.Reader) (*results, error) {
	res := &results{samples: map[row][]sample{}}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), " \t\r")
		switch {
		case strings.HasPrefix(line, "--- FAIL") || line == "FAIL" || strings.HasPrefix(line, "FAIL\t"):
			return nil, fmt.Errorf("line %d: the run failed: %s", n, line)
		case strings.HasPrefix(line, "Benchmark"):
			if !strings.ContainsAny(line, " \t") {
				continue // a name alone announces a benchmark that logs
			}
			r, s, err := parseResult(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w: %s", n, err, line)
			}
			if _, seen := res.samples[r]; !seen {
				res.order = append(res.order, r)
			}
			res.samples[r] = append(res.samples[r], s)
		default:
			res.addSetting(line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(res.order) == 0 {
		return nil, errors.New("no benchmark results in the input")
	}
	return res, nil
}

func (r *results) addSetting(line string) {
	key, value, ok := strings.Cut(line, ": ")
	if !ok || key == "" || key == "pkg" || strings.ContainsFunc(key, func(c rune) bool { return c < 'a' || c > 'z' }) {
		return
	}
	if s := (setting{key, strings.TrimSpace(value)}); !slices.Contains(r.config, s) {
		r.config = append(r.config, s) // each run says it again
	}
}

// setting returns the value of a setting, or "" if the output does not say it.
func (r *results) setting(key string) string {
	for _, s := range r.config {
		if s.key == key {
			return s.value
		}
	}
	return ""
}

// peers returns the libraries that were compared with, each with its version.
func (r *results) peers() []string {
	var peers []string
	for _, s := range r.config {
		if s.key == "peer" {
			peers = append(peers, strings.TrimPrefix(s.value, "github.com/"))
		}
	}
	return peers
}

// parseResult reads a line such as
//
//	BenchmarkPipeline/holdfast_Do-2    5120734    229.1 ns/op    0 B/op    0 allocs/op
func parseResult(line string) (row, sample, error) {
	fields := strings.Fields(line)
	r, err := parseName(fields[0])
	if err != nil {
		return row{}, sample{}, err
	}
	if len(fields)%2 != 0 {
		return row{}, sample{}, errors.New("want a name, a count, and pairs of a value and a unit")
	}
	if n, err := strconv.Atoi(fields[1]); err != nil || n < 1 {
		return row{}, sample{}, fmt.Errorf("%q is not a count of iterations", fields[1])
	}
	units := map[string]float64{}
	for i := 2; i < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil || v < 0 {
			return row{}, sample{}, fmt.Errorf("%q is not a measurement", fields[i])
		}
		units[fields[i+1]] = v
	}
	for _, unit := range []string{"ns/op", "B/op", "allocs/op"} {
		if _, ok := units[unit]; !ok {
			return row{}, sample{}, fmt.Errorf("no %s", unit)
		}
	}
	return r, sample{ns: units["ns/op"], bytes: units["B/op"], allocs: units["allocs/op"]}, nil
}

// parseName splits BenchmarkScenario/library-procs. The testing package writes a space in a
// name as an underscore, and leaves out -procs where it is 1.
func parseName(name string) (row, error) {
	name, procs := strings.TrimPrefix(name, "Benchmark"), 1
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if n, err := strconv.Atoi(name[i+1:]); err == nil && n > 0 {
			name, procs = name[:i], n
		}
	}
	scenario, library, ok := strings.Cut(name, "/")
	if !ok || scenario == "" || library == "" {
		return row{}, errors.New("the name is not of the form BenchmarkScenario/library")
	}
	return row{scenario, strings.ReplaceAll(library, "_", " "), procs}, nil
}
