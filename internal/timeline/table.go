package timeline

import (
	"strconv"

	"github.com/media-gateway/holdfast/internal/plan"
)

const (
	mostRows = 12 // of the table; if there are more, it shows the first and the last
	lastRows = 2
)

var tableHeader = [...]string{"#", "pause before", "it hangs", "it fails at once"}

// tableRows returns a row for each attempt: its number, the pause before it, and when it runs.
func (c Chart) tableRows() [][]string {
	total := len(c.worst.Attempts)
	total = max(total, len(c.quick.Attempts))
	if c.plan.Attempts() == plan.Unlimited {
		total = max(c.worst.Runs, c.quick.Runs) + 1 // the first that does not run, too
	}
	var rows [][]string
	for i := range total {
		if total > mostRows && i == mostRows-lastRows-1 {
			rows = append(rows, []string{"…"})
		}
		last := i >= total-lastRows && c.plan.Attempts() != plan.Unlimited && !c.worst.More
		if total <= mostRows || i < mostRows-lastRows-1 || last {
			rows = append(rows, []string{strconv.Itoa(i + 1), c.pauseBefore(i), when(c.worst, i, false), when(c.quick, i, true)})
		}
	}
	return rows
}

// pauseBefore returns the range of the pause before attempt i, from 0.
func (c Chart) pauseBefore(i int) string {
	if i == 0 {
		return ""
	}
	p := c.plan.Pause(i - 1)
	if !p.Known {
		return "?"
	}
	return between(p.Shortest, p.Longest)
}

// when returns when attempt i, from 0, runs; "–" if it does not.
func when(r plan.Schedule, i int, instant bool) string {
	if i >= r.Runs {
		return "–"
	}
	a := r.Attempts[i]
	switch {
	case instant:
		return short(a.Start)
	case a.End == plan.Forever:
		return short(a.Start) + "…"
	case a.Cut:
		return between(a.Start, a.End) + " (cut)"
	}
	return between(a.Start, a.End)
}
