package main

import (
	"fmt"
	"strings"
)

// The floor of the machine: what the least takes that a protected call has to do.
const (
	floorScenario = "Floor"
	nanotime      = "nanotime"
	wallClock     = "time.Now"
	stripedAdd    = "striped add"
	allocation    = "allocation"
)

// floor is what the machine takes for its parts, in nanoseconds.
type floor struct{ clock, add, alloc float64 }

// floorOf returns the floor that was measured, and whether it was.
func floorOf(tables []table) (floor, bool) {
	t, ok := find(tables, floorScenario)
	clock, read := t.find(nanotime)
	add, added := t.find(stripedAdd)
	alloc, allocated := t.find(allocation)
	return floor{clock.ns, add.ns, alloc.ns}, ok && read && added && allocated
}

// under returns the floor of a call that allocates, or does not.
func (f floor) under(allocates bool) (ns float64, parts string) {
	if allocates {
		return f.clock + f.add + f.alloc, "a reading, an add and an allocation"
	}
	return f.clock + f.add, "a reading and an add"
}

// above are the lines that are compared with the floor.
var above = []struct{ scenario, library, what string }{
	{"Pipeline", "holdfast Do", "six stages, `Do`"},
	{"Pipeline", "holdfast Value", "six stages, `Value`"},
	{"Pipeline", "holdfast Do observed", "six stages, observed"},
	{"BreakerClosed", "holdfast", "the breaker alone"},
	{"Pipeline", "gobreaker", "a bare gobreaker"},
	{"PresetServer", "holdfast Critical", "`Critical()` in a handler"},
	{"PresetBare", "holdfast Critical", "`Critical()` from a bare ctx"},
}

// markdownFloor says how far the calls are from the floor.
func markdownFloor(tables []table) string {
	f, ok := floorOf(tables)
	if !ok {
		return ""
	}
	var b strings.Builder
	b.WriteString("Calls as multiples of it; where a call derives a ctx, an allocation belongs to its floor.\n\n" +
		"| call | ns/op | its floor | ns | multiple |\n|---|---:|---|---:|---:|\n")
	for _, a := range above {
		t, _ := find(tables, a.scenario)
		if l, ok := t.find(a.library); ok {
			ns, parts := f.under(l.allocs > 0)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %.1f× |\n", a.what, nanos(l.ns), parts, nanos(ns), l.ns/ns)
		}
	}
	return b.String()
}
