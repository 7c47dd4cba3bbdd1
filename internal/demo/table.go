package demo

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/wordwrap"
)

// none replaces a figure that does not exist.
const none = "n/a"

// WriteTable writes the report as tables for people. It returns w's error.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	if r.Interrupted {
		fmt.Fprintf(&b, "INTERRUPTED after %s of %s: the figures cover the time so far.\n\n", seconds(r.RanSeconds), seconds(r.Setup.length()))
	}
	b.WriteString(r.callsTable().String())
	b.WriteString("\n" + r.timelines().String())
	b.WriteString("\n" + r.backendsTable().String())
	b.WriteString(r.deniedText())
	if dropped := r.dropped(); dropped > 0 {
		fmt.Fprintf(&b, "Dropped %d arrivals, too many calls being in flight; they are in no other figure.\n", dropped)
	}
	if r.WorstLagSeconds > 0.1 {
		fmt.Fprintf(&b, "This machine was busy: calls arrived up to %.0f ms late, which blurs every figure.\n", 1000*r.WorstLagSeconds)
	}
	b.WriteString("\n")
	for _, s := range r.Summary {
		b.WriteString(wrapped(s, 96) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) callsTable() *grid {
	g := &grid{}
	g.row("client", "calls", "attempts", "ampl.", "goodput before", "during", "after", "p99", "99 % again")
	for _, c := range r.Clients {
		g.row(c.Name, strconv.Itoa(c.Calls), strconv.Itoa(c.Attempts), fmt.Sprintf("%.2f", c.Amplification),
			percent(c.Before.GoodputPercent), percent(c.During.GoodputPercent), percent(c.After.GoodputPercent),
			latency(c.P99Seconds), r.againText(c))
	}
	return g
}

// timelines draws the goodput over time, under the names of the phases.
func (r *Report) timelines() *grid {
	var phases strings.Builder
	start := 0.0
	for i, length := range [numPhases]float64{r.Setup.HealthySeconds, r.Setup.OutageSeconds, r.Setup.RecoverySeconds} {
		column := int(math.Round(start / r.Setup.length() * timelineSlices))
		phases.WriteString(strings.Repeat(" ", max(0, column-phases.Len())) + Phase(i).String())
		start += length
	}
	g := &grid{}
	g.row("goodput over time", fmt.Sprintf("%-*s", timelineSlices, phases.String()))
	for _, c := range r.Clients {
		var strip strings.Builder
		for _, percent := range c.Timeline {
			strip.WriteString(glyph(percent))
		}
		g.row(c.Name, strip.String())
	}
	return g
}

func (r *Report) backendsTable() *grid {
	g := &grid{}
	g.row("both backends of", "requests", "answered", "failed 500", "full 503", "for nobody", "stopped here")
	for _, c := range r.Clients {
		n := c.requests()
		refused := none
		if c.Denials != nil {
			refused = strconv.FormatUint(total(c.Denials), 10)
		}
		g.row(c.Name, strconv.FormatUint(n.Received, 10), strconv.FormatUint(n.Served, 10), strconv.FormatUint(n.Failed, 10),
			strconv.FormatUint(n.Shed, 10), strconv.FormatUint(n.Wasted, 10), refused)
	}
	return g
}

// deniedText names the reasons for the last column: attempts that no backend received. A call that
// waits and asks again may be stopped several times.
func (r *Report) deniedText() string {
	var b strings.Builder
	for _, c := range r.Clients {
		if c.Denials != nil {
			b.WriteString(wrapped(fmt.Sprintf("%s stopped calls and retries by reason: %s", c.Name, reasons(c.Denials)), 96) + "\n")
		}
	}
	return b.String()
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
	return "not in run"
}

func seconds(s float64) string { return fmt.Sprintf("%.1f s", s) }

// grid aligns columns: the first to the left, the others to the right.
type grid struct{ rows [][]string }

func (g *grid) row(cells ...string) { g.rows = append(g.rows, cells) }

func (g *grid) String() string {
	widths := make([]int, len(g.rows[0]))
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range g.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString(cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// wrapped breaks text into lines of at most width characters, but not between a number and
// its percent sign.
func wrapped(text string, width int) string {
	const unbroken = "\x00%"
	return strings.ReplaceAll(wordwrap.Text(strings.ReplaceAll(text, " %", unbroken), width), unbroken, " %")
}
