package demo

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// none replaces a figure that does not exist.
const none = "n/a"

// notSeen replaces the time of what did not come about in the play.
const notSeen = "not seen"

// WriteTable writes the report as tables for people, in lines of at most width characters. It
// returns w's error.
func (r *Report) WriteTable(w io.Writer, l look) error {
	var b strings.Builder
	say := func(format string, args ...any) {
		b.WriteString(wrapped(fmt.Sprintf(format, args...), l.prose()) + "\n")
	}
	if r.Interrupted {
		say("INTERRUPTED after %s of %s: the figures cover the time so far.", seconds(r.RanSeconds), seconds(r.Setup.length()))
		b.WriteString("\n")
	}
	b.WriteString(r.timelines(l))
	b.WriteString("\n" + r.table().text(l.width))
	for _, c := range r.Clients {
		if c.Denials != nil {
			say("%s stopped calls and retries by reason: %s", c.Name, reasons(c.Denials))
		}
	}
	if dropped := r.dropped(); dropped > 0 {
		say("Dropped %d arrivals, too many calls being in flight; they are in no other figure.", dropped)
	}
	if r.WorstLagSeconds > 0.1 {
		say("This machine was busy: calls arrived up to %.0f ms late, which blurs every figure.", 1000*r.WorstLagSeconds)
	}
	b.WriteString("\n")
	for _, s := range r.Summary {
		say("%s", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table has a column for each client: first what became of its calls, then what its backends got.
// What a client stopped are attempts that no backend received. A call that waits and asks again may
// be stopped several times.
func (r *Report) table() *grid {
	heads := []string{""}
	for _, c := range r.Clients {
		heads = append(heads, c.Name)
	}
	g := &grid{rows: [][]string{heads}}
	line := func(label string, of func(ClientReport) string) {
		row := []string{label}
		for _, c := range r.Clients {
			row = append(row, of(c))
		}
		g.row(row...)
	}
	backends := func(label string, of func(BackendCounts) uint64) {
		line(label, func(c ClientReport) string { return strconv.FormatUint(of(c.requests()), 10) })
	}
	line("calls", func(c ClientReport) string { return strconv.Itoa(c.Calls) })
	line("attempts", func(c ClientReport) string { return strconv.Itoa(c.Attempts) })
	line("attempts per call", func(c ClientReport) string { return fmt.Sprintf("%.2f", c.Amplification) })
	line("goodput before", func(c ClientReport) string { return percent(c.Before.GoodputPercent) })
	line("goodput during", func(c ClientReport) string { return percent(c.During.GoodputPercent) })
	line("goodput after", func(c ClientReport) string { return percent(c.After.GoodputPercent) })
	line("99 % again after", r.againText)
	line("latency, p99", func(c ClientReport) string { return latency(c.P99Seconds) })
	backends("requests that came", func(n BackendCounts) uint64 { return n.Received })
	backends("  answered", func(n BackendCounts) uint64 { return n.Served })
	backends("  failed: 500", func(n BackendCounts) uint64 { return n.Failed })
	backends("  queue full: 503", func(n BackendCounts) uint64 { return n.Shed })
	backends("  done for nobody", func(n BackendCounts) uint64 { return n.Wasted })
	line("stopped by itself", func(c ClientReport) string {
		if c.Denials == nil {
			return none
		}
		return strconv.FormatUint(total(c.Denials), 10)
	})
	return g
}

// timelines draws the goodput over time, under the names of the phases.
func (r *Report) timelines(l look) string {
	t := timeline{look: l, head: "goodput over time", marks: marks(phaseNames[:],
		[]float64{r.Setup.HealthySeconds, r.Setup.OutageSeconds, r.Setup.RecoverySeconds})}
	for _, c := range r.Clients {
		t.row(c.Name, c.Timeline, glyph, colorOf)
	}
	return t.String()
}

func (r *Report) dropped() (n int64) {
	for _, c := range r.Clients {
		n += c.Dropped
	}
	return n
}

// requests returns the sum over the client's backends.
func (c ClientReport) requests() (sum BackendCounts) {
	for _, b := range c.Backends {
		sum.Received += b.Received
		sum.Served += b.Served
		sum.Failed += b.Failed
		sum.Shed += b.Shed
		sum.Wasted += b.Wasted
		sum.Unfinished += b.Unfinished
	}
	return sum
}

func (s Setup) length() float64 { return s.HealthySeconds + s.OutageSeconds + s.RecoverySeconds }

func total(denials map[string]uint64) (n uint64) {
	for _, d := range denials {
		n += d
	}
	return n
}

func reasons(denials map[string]uint64) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(denials)) {
		if denials[reason] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", reason, denials[reason]))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func percent(p *float64) string {
	if p == nil {
		return none
	}
	return fmt.Sprintf("%.1f %%", *p)
}

func latency(seconds *float64) string {
	if seconds == nil {
		return none
	}
	return fmt.Sprintf("%.0f ms", 1000**seconds)
}

func (r *Report) againText(c ClientReport) string {
	switch {
	case c.RecoverySeconds != nil:
		return seconds(*c.RecoverySeconds)
	case r.afterSeconds() < inSeconds(recoveredWindow): // too soon to say
		return none
	}
	return notSeen
}

func seconds(s float64) string { return fmt.Sprintf("%.1f s", s) }
