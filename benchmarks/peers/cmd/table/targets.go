package main

import (
	"fmt"
	"strings"
)

// target is a promise of the project about one line of the tables.
type target struct {
	scenario string
	library  string
	against  string // the line it is compared with; "" for none
	unit     unit
	limit    float64 // at most
}

// unit is what a target limits.
type unit int

const (
	times       unit = iota // the ratio of the two times
	nanoseconds             // what it takes more than the other
	allocations             // those of a call, or what it has more of than the other
)

// targets are the project's promises, in the order they are printed.
var targets = []target{
	{"PresetServer", "holdfast Critical", "gobreaker", times, 1.2},
	{"PresetServer", "holdfast Standard", "gobreaker", times, 1.2},
	{"PresetServerDone", "holdfast Critical", "gobreaker", times, 5},
	{"PresetServerDone", "holdfast Standard", "gobreaker", times, 5},
	{"PresetServerChild", "holdfast Critical", "gobreaker", times, 7.5},
	{"PresetServerChild", "holdfast Standard", "gobreaker", times, 7.5},
	{"PresetRequest", "holdfast Critical", "gobreaker", times, 1.2},
	{"PresetRequest", "holdfast Standard", "gobreaker", times, 1.2},
	{"PresetRequestDone", "holdfast Critical", "gobreaker", times, 5},
	{"PresetRequestDone", "holdfast Standard", "gobreaker", times, 5},
	{"PresetRequestChild", "holdfast Critical", "gobreaker", times, 7.5},
	{"PresetRequestChild", "holdfast Standard", "gobreaker", times, 7.5},
	{"PresetBare", "holdfast Critical", "gobreaker", times, 1.2},
	{"PresetBare", "holdfast Standard", "gobreaker", times, 1.2},
	{"PresetBareDone", "holdfast Critical", "gobreaker", times, 3},
	{"PresetBareDone", "holdfast Standard", "gobreaker", times, 3},
	{"PresetBareChild", "holdfast Critical", "gobreaker", times, 5.5},
	{"PresetBareChild", "holdfast Standard", "gobreaker", times, 5.5},
	{"Pipeline", "holdfast Do", "gobreaker", times, 0.9},
	{"Pipeline", "holdfast Value", "gobreaker", times, 0.9},
	{"Pipeline", "holdfast Do", "failsafe-go", times, 1.0 / 8},
	{"Pipeline", "holdfast Value", "failsafe-go", times, 1.0 / 8},
	{"Pipeline", "holdfast Do observed", "gobreaker", times, 1.4},
	{"Pipeline", "holdfast Value observed", "gobreaker", times, 1.4},
	{"Pipeline", "holdfast Do with holdfastprom", "holdfast Do", nanoseconds, 100},
	{"PipelineParallel", "holdfast Do", "gobreaker", times, 0.9},
	{"PipelineParallel", "holdfast Value", "gobreaker", times, 0.9},
	{"BreakerClosed", "holdfast", "gobreaker", times, 0.4},
	{"OpenRejection", "holdfast", "gobreaker", times, 2},
	{"RetrySuccess", "holdfast with budget", "eapache", times, 1.3},
	{"RetrySuccessDeadline", "holdfast with budget", "eapache", times, 3},
	{"HTTPSuccess", "holdfast", "holdfast pipeline", times, 2},
	{"HTTPSuccess", "holdfast", "failsafehttp", times, 1.0 / 8},

	{"PresetServer", "holdfast Critical", "", allocations, 1},
	{"PresetServer", "holdfast Standard", "", allocations, 1},
	{"PresetServerDone", "holdfast Critical", "", allocations, 6},
	{"PresetServerDone", "holdfast Standard", "", allocations, 6},
	{"PresetServerChild", "holdfast Critical", "", allocations, 11},
	{"PresetServerChild", "holdfast Standard", "", allocations, 11},
	{"PresetRequest", "holdfast Critical", "", allocations, 1},
	{"PresetRequest", "holdfast Standard", "", allocations, 1},
	{"PresetRequestDone", "holdfast Critical", "", allocations, 6},
	{"PresetRequestDone", "holdfast Standard", "", allocations, 6},
	{"PresetRequestChild", "holdfast Critical", "", allocations, 11},
	{"PresetRequestChild", "holdfast Standard", "", allocations, 11},
	{"PresetBare", "holdfast Critical", "", allocations, 1},
	{"PresetBare", "holdfast Standard", "", allocations, 1},
	{"PresetBareDone", "holdfast Critical", "", allocations, 2},
	{"PresetBareDone", "holdfast Standard", "", allocations, 2},
	{"PresetBareChild", "holdfast Critical", "", allocations, 9},
	{"PresetBareChild", "holdfast Standard", "", allocations, 9},
	{"PresetRetry1", "holdfast", "", allocations, 3}, // one for each attempt, and one
	{"PresetRetry5", "holdfast", "", allocations, 7},
	{"Pipeline", "holdfast Do", "", allocations, 0},
	{"Pipeline", "holdfast Value", "", allocations, 0},
	{"Pipeline", "holdfast Do observed", "", allocations, 0},
	{"Pipeline", "holdfast Value observed", "", allocations, 0},
	{"Pipeline", "holdfast Do with holdfastprom", "", allocations, 0},
	{"PipelineParallel", "holdfast Do", "", allocations, 0},
	{"PipelineParallel", "holdfast Value", "", allocations, 0},
	{"RetrySuccess", "holdfast with budget", "", allocations, 0},
	{"RetrySuccessDeadline", "holdfast with budget", "", allocations, 0},
	{"RetryPath", "holdfast", "", allocations, 0},
	{"BreakerClosed", "holdfast", "", allocations, 0},
	{"OpenRejection", "holdfast", "", allocations, 0},
	{"HTTPPreset", "holdfast Critical", "plain transport", allocations, 6},
	{"HTTPSuccess", "holdfast", "", allocations, 2},
	{"DeadlineCreated", "holdfast deadline", "", allocations, 1},
	{"DeadlineCreated", "holdfast pipeline", "", allocations, 1},
}

func (t target) String() string {
	switch {
	case t.unit == times:
		return fmt.Sprintf("%s: %s / %s", t.scenario, t.library, t.against)
	case t.unit == nanoseconds:
		return fmt.Sprintf("%s: %s, more than %s", t.scenario, t.library, t.against)
	case t.against != "":
		return fmt.Sprintf("%s: %s allocates more than %s", t.scenario, t.library, t.against)
	}
	return fmt.Sprintf("%s: %s allocates", t.scenario, t.library)
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
	var other line
	if ok && t.against != "" {
		other, ok = in.find(t.against)
	}
	switch t.unit {
	case times:
		return l.ns / other.ns, ok
	case nanoseconds:
		return l.ns - other.ns, ok
	default:
		return l.allocs - other.allocs, ok
	}
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

// render keeps three digits of a ratio, so that one just above its limit does not look met.
func (t target) render(v float64) string {
	switch t.unit {
	case times:
		return fmt.Sprintf("%.3f×", v)
	case nanoseconds:
		return fmt.Sprintf("%.1f ns", v)
	default:
		return count(v)
	}
}
