package main

import (
	"fmt"
	"strings"
)

// target is a promise of the project about one line of the tables.
type target struct {
	scenario string
	library  string
	against  string  // the line it is compared with; "" if allocations are promised
	limit    float64 // the ratio to it, or the allocations, at most
}

// targets are the project's promises, in the order they are printed.
var targets = []target{
	{"Pipeline", "holdfast Do", "gobreaker", 1.6},
	{"Pipeline", "holdfast Value", "gobreaker", 1.6},
	{"Pipeline", "holdfast Do", "failsafe-go", 1.0 / 8},
	{"Pipeline", "holdfast Value", "failsafe-go", 1.0 / 8},
	{"RetrySuccess", "holdfast with budget", "eapache", 3},
	{"RetrySuccessDeadline", "holdfast with budget", "eapache", 3},
	{"OpenRejection", "holdfast", "gobreaker", 2},
	{"HTTPSuccess", "holdfast", "holdfast pipeline", 2},
	{"HTTPSuccess", "holdfast", "failsafehttp", 1.0 / 8},

	{"Pipeline", "holdfast Do", "", 0},
	{"Pipeline", "holdfast Value", "", 0},
	{"Pipeline", "holdfast Do observed", "", 0},
	{"Pipeline", "holdfast Value observed", "", 0},
	{"PipelineParallel", "holdfast Value", "", 0},
	{"RetrySuccess", "holdfast with budget", "", 0},
	{"RetrySuccessDeadline", "holdfast with budget", "", 0},
	{"RetryPath", "holdfast", "", 0},
	{"BreakerClosed", "holdfast", "", 0},
	{"OpenRejection", "holdfast", "", 0},
	{"HTTPSuccess", "holdfast", "", 2},
	{"DeadlineCreated", "holdfast deadline", "", 4},
	{"DeadlineCreated", "holdfast pipeline", "", 4},
}

func (t target) String() string {
	if t.against == "" {
		return fmt.Sprintf("%s: %s allocates", t.scenario, t.library)
	}
	return fmt.Sprintf("%s: %s / %s", t.scenario, t.library, t.against)
}

// verdict is whether a target was met at one GOMAXPROCS.
type verdict struct {
	target   target
	procs    int // 0 if it was not measured at all
	measured float64
	met      bool
}

// checkAll checks each target in every table of its scenario. A target that no table can
// answer is not met: a promise that nobody measures is not kept.
func checkAll(tables []table, targets []target) []verdict {
	var verdicts []verdict
	for _, target := range targets {
		found := false
		for _, t := range tables {
			if t.scenario.name != target.scenario {
				continue
			}
			if measured, ok := target.measure(t); ok {
				found = true
				verdicts = append(verdicts, verdict{target, t.procs, measured, measured <= target.limit})
			}
		}
		if !found {
			verdicts = append(verdicts, verdict{target: target})
		}
	}
	return verdicts
}

func (t target) measure(in table) (float64, bool) {
	l, ok := in.find(t.library)
	if !ok || t.against == "" {
		return l.allocs, ok
	}
	other, ok := in.find(t.against)
	return l.ns / other.ns, ok
}

func markdownTargets(verdicts []verdict) string {
	var b strings.Builder
	b.WriteString("### Targets\n\n| target | at most | measured | GOMAXPROCS | |\n|---|---:|---:|---:|---|\n")
	for _, v := range verdicts {
		limit, measured, procs, word := v.target.render(v.target.limit), "not measured", "", "**FAIL**"
		if v.procs > 0 {
			measured, procs = v.target.render(v.measured), fmt.Sprint(v.procs)
		}
		if v.met {
			word = "pass"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", v.target, limit, measured, procs, word)
	}
	return b.String()
}

// render keeps three digits, so that a ratio just above its limit does not look met.
func (t target) render(v float64) string {
	if t.against == "" {
		return count(v)
	}
	return fmt.Sprintf("%.3f×", v)
}
