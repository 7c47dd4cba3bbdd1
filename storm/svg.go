package storm

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"time"
)

// WriteSVG draws the reports, each in a panel of its own, on the same scales so that they compare:
// calls begun, attempts and good calls a second over the time at which they began, as long as calls
// begin; the queue below; and the triggers' times shaded. It suits light pages and dark ones. It
// fails if there is no report, or if w does.
func WriteSVG(w io.Writer, reports ...*Report) error {
	if len(reports) == 0 {
		return errors.New("storm: WriteSVG: no report to draw; want at least one")
	}
	_, err := w.Write(newPlot(reports).draw(reports))
	return err
}

// The measures of a plot, in pixels.
const (
	panelWidth  = 460
	ratesHeight = 120
	queueHeight = 40
	panelGap    = 18
	marginLeft  = 48
	marginTop   = 40
	titleHeight = 20
	axisHeight  = 18
	panelHeight = titleHeight + ratesHeight + panelGap/2 + queueHeight + axisHeight
)

// plot is drawn into b.
type plot struct {
	b        bytes.Buffer
	columns  int
	rows     int
	topRate  float64       // a second
	topQueue float64       // waiting
	length   time.Duration // of the longest load
}

func newPlot(reports []*Report) *plot {
	p := &plot{columns: min(2, len(reports))}
	p.rows = (len(reports) + p.columns - 1) / p.columns
	p.topRate, p.topQueue = 1, 1
	for _, r := range reports {
		p.length = max(p.length, r.Scenario.For)
		per := r.Scenario.Bucket.Seconds()
		for i := range r.Series {
			b := &r.Series[i]
			p.topRate = max(p.topRate, float64(max(b.Calls, b.Attempts))/per)
			p.topQueue = max(p.topQueue, b.Queue)
		}
	}
	p.topRate, p.topQueue = roundUp(p.topRate), roundUp(p.topQueue)
	return p
}

// roundUp returns a round number, at least v.
func roundUp(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
		if v <= f*unit {
			return f * unit
		}
	}
	return 10 * unit
}

const style = `<style>
.page{fill:#fff}text{font:11px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;fill:#1f2328}
.frame{stroke:#d0d7de;fill:none}.trigger{fill:#cf222e;opacity:.1}
.offered{stroke:#6e7781;stroke-dasharray:4 3}.attempts{stroke:#bc4c00}.good{stroke:#1a7f37}.queue{stroke:#8250df}
polyline,.key{fill:none;stroke-width:1.6;stroke-linejoin:round}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}text{fill:#9198a1}.title{fill:#f0f6fc}.frame{stroke:#3d444d}.trigger{fill:#f85149;opacity:.18}
.offered{stroke:#9198a1}.attempts{stroke:#f0883e}.good{stroke:#3fb950}.queue{stroke:#ab7df8}
}
</style>
`

func (p *plot) draw(reports []*Report) []byte {
	width := p.columns*(marginLeft+panelWidth) + panelGap
	height := marginTop + p.rows*(panelHeight+panelGap)
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", width, height, width, height)
	p.printf("<title>Calls, attempts, good calls and queue over time</title>\n%s", style)
	p.printf(`<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	for i, key := range []struct{ class, name string }{
		{"offered", "calls begun /s"}, {"attempts", "attempts /s"}, {"good", "good calls /s"}, {"queue", "queue"},
	} {
		x := marginLeft + i*110
		p.printf(`<path class="key %s" d="M%d 18h20"/><text x="%d" y="22">%s</text>`+"\n", key.class, x, x+25, key.name)
	}
	for i, r := range reports {
		x := marginLeft + i%p.columns*(marginLeft+panelWidth)
		y := marginTop + i/p.columns*(panelHeight+panelGap)
		p.panel(r, x, y)
	}
	p.printf("</svg>\n")
	return p.b.Bytes()
}

// panel draws r with its left upper corner at x, y.
func (p *plot) panel(r *Report, x, y int) {
	p.printf(`<g transform="translate(%d %d)">`+"\n", x, y)
	p.printf(`<text class="title" y="12">%s</text><text x="%d" y="12" text-anchor="end">goodput %.1f %%, amplification %.2f</text>`+"\n",
		html.EscapeString(r.Scenario.title()), panelWidth, 100*r.Total.Goodput(), r.Total.Amplification())
	rates, queue := frame{top: titleHeight, height: ratesHeight, most: p.topRate}, frame{
		top: titleHeight + ratesHeight + panelGap/2, height: queueHeight, most: p.topQueue,
	}
	for _, t := range r.Scenario.Triggers {
		for begin, end := range t.spans(r.Scenario.For) {
			from, to := p.across(begin), p.across(min(end, p.length))
			p.printf(`<rect class="trigger" x="%.1f" y="%d" width="%.1f" height="%d"/>`+"\n", from, rates.top, to-from, queue.top+queue.height-rates.top)
		}
	}
	per := r.Scenario.Bucket.Seconds()
	p.line(r, rates, "offered", func(b *Bucket) float64 { return float64(b.Calls) / per })
	p.line(r, rates, "attempts", func(b *Bucket) float64 { return float64(b.Attempts) / per })
	p.line(r, rates, "good", func(b *Bucket) float64 { return float64(b.Good) / per })
	p.line(r, queue, "queue", func(b *Bucket) float64 { return b.Queue })
	for _, f := range []frame{rates, queue} {
		p.printf(`<rect class="frame" y="%d" width="%d" height="%d"/><text x="-4" y="%d" text-anchor="end">%g</text><text x="-4" y="%d" text-anchor="end">0</text>`+"\n",
			f.top, panelWidth, f.height, f.top+9, f.most, f.top+f.height)
	}
	bottom := queue.top + queue.height + 13
	p.printf(`<text y="%d">0s</text><text x="%d" y="%d" text-anchor="middle">%v</text><text x="%d" y="%d" text-anchor="end">%v</text>`+"\n</g>\n",
		bottom, panelWidth/2, bottom, p.length/2, panelWidth, bottom, p.length)
}

// frame is where a line is drawn, and its scale.
type frame struct {
	top, height int
	most        float64 // at its upper edge
}

// line draws what value says of each bucket, at its middle.
func (p *plot) line(r *Report, f frame, class string, value func(*Bucket) float64) {
	p.printf(`<polyline class="%s" points="`, class)
	for i := range r.Series {
		b := &r.Series[i]
		if b.At >= r.Scenario.For {
			break
		}
		down := float64(f.top) + float64(f.height)*(1-value(b)/f.most)
		p.printf("%.1f,%.1f ", p.across(min(b.At+r.Scenario.Bucket/2, p.length)), down)
	}
	p.printf("\"/>\n")
}

// across is where time t is, from the left.
func (p *plot) across(t time.Duration) float64 { return panelWidth * float64(t) / float64(p.length) }

func (p *plot) printf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }
