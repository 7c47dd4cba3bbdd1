package storm

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"time"
)

// WriteSVG draws the reports, each in a panel of its own, on the same scales so that they compare:
// calls begun, attempts and good calls a second over the time at which they began, as long as calls
// begin; below, the queue; then the median and the 99th percentile of how long good calls took, or,
// in a closed load, of how long its callers waited (see Waits). The times of spikes are shaded, and
// those of triggers, of the servers behind too; without an end up to the right edge. It suits light
// pages and dark ones. It fails if there is no report, if one is nil, or if w does.
func WriteSVG(w io.Writer, reports ...*Report) error {
	if len(reports) == 0 {
		return errors.New("storm: WriteSVG: no report to draw; want at least one")
	}
	if slices.Contains(reports, nil) {
		return errors.New("storm: WriteSVG: a report is nil; want one that Run returned, or Play without an error")
	}
	_, err := w.Write(newPlot(reports).draw(reports))
	return err
}

// The measures of a plot, in pixels.
const (
	panelWidth  = 460
	ratesHeight = 120
	lowHeight   = 40 // of the queue and of the latencies
	frameGap    = 9
	panelGap    = 18
	marginLeft  = 48
	marginTop   = 40
	titleHeight = 46 // the name, and two lines of figures
	axisHeight  = 18
	panelHeight = titleHeight + ratesHeight + 2*(frameGap+lowHeight) + axisHeight
	// titleLength is how many letters of a name fit: those of the title are 7 pixels wide or so.
	titleLength = panelWidth / 7
)

// plot is drawn into b.
type plot struct {
	b        bytes.Buffer
	columns  int
	rows     int
	topRate  float64       // a second
	topQueue float64       // waiting
	topTook  float64       // seconds
	length   time.Duration // of the longest load
}

func newPlot(reports []*Report) *plot {
	p := &plot{columns: min(2, len(reports))}
	p.rows = (len(reports) + p.columns - 1) / p.columns
	p.topRate, p.topQueue, p.topTook = 1, 1, 0.001
	for _, r := range reports {
		p.length = max(p.length, r.Scenario.For)
		per := r.Scenario.Bucket.Seconds()
		for i := range r.Series {
			b := &r.Series[i]
			p.topRate = max(p.topRate, float64(max(b.Calls, b.Attempts))/per)
			p.topQueue = max(p.topQueue, b.Queue)
			p.topTook = max(p.topTook, r.took(&b.Figures).P99.Seconds())
		}
	}
	p.topRate, p.topQueue, p.topTook = roundUp(p.topRate), roundUp(p.topQueue), roundUp(p.topTook)
	return p
}

// seconds is d, or NaN if nothing in b took any time: it is no time of 0.
func (r *Report) seconds(b *Bucket, d time.Duration) float64 {
	if r.took(&b.Figures) == (Waits{}) {
		return math.NaN()
	}
	return d.Seconds()
}

// took is how long calls took: good ones in an open load, all of them in a closed one.
func (r *Report) took(f *Figures) Waits {
	if r.Scenario.Load.kind == closed {
		return f.Waits
	}
	return f.latencies()
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
.offered{stroke:#6e7781;stroke-dasharray:4 3}.attempts{stroke:#bc4c00}.good{stroke:#1a7f37}.queue{stroke:#8250df}.p50{stroke:#0969da}.p99{stroke:#bf3989}
.line,.key{fill:none;stroke-width:1.6;stroke-linejoin:round}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}text{fill:#9198a1}.title{fill:#f0f6fc}.frame{stroke:#3d444d}.trigger{fill:#f85149;opacity:.18}
.offered{stroke:#9198a1}.attempts{stroke:#f0883e}.good{stroke:#3fb950}.queue{stroke:#ab7df8}.p50{stroke:#58a6ff}.p99{stroke:#f778ba}
}
</style>
`

func (p *plot) draw(reports []*Report) []byte {
	width := p.columns*(marginLeft+panelWidth) + panelGap
	height := marginTop + p.rows*(panelHeight+panelGap)
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", width, height, width, height)
	p.printf("<title>Calls, attempts, good calls, queue and latencies over time</title>\n%s", style)
	p.printf(`<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
	for i, key := range []struct{ class, name string }{
		{"offered", "calls begun /s"}, {"attempts", "attempts /s"}, {"good", "good /s"}, {"queue", "queue"}, {"p50", "p50"}, {"p99", "p99"},
	} {
		x := marginLeft + []int{0, 110, 205, 285, 355, 410}[i]
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
	p.head(r)
	rates := frame{top: titleHeight, height: ratesHeight, most: p.topRate}
	queue := frame{top: rates.top + rates.height + frameGap, height: lowHeight, most: p.topQueue}
	took := frame{top: queue.top + queue.height + frameGap, height: lowHeight, most: p.topTook, unit: "s"}
	for _, t := range r.Scenario.troubles() {
		if from, to := p.across(t.from), p.across(min(t.to, r.Scenario.For)); from < to {
			p.printf(`<rect class="trigger" x="%.1f" y="%d" width="%.1f" height="%d"/>`+"\n", from, rates.top, to-from, took.top+took.height-rates.top)
		}
	}
	per := r.Scenario.Bucket.Seconds()
	p.line(r, rates, "offered", func(b *Bucket) float64 { return float64(b.Calls) / per })
	p.line(r, rates, "attempts", func(b *Bucket) float64 { return float64(b.Attempts) / per })
	p.line(r, rates, "good", func(b *Bucket) float64 { return float64(b.Good) / per })
	p.line(r, queue, "queue", func(b *Bucket) float64 { return b.Queue })
	p.line(r, took, "p50", func(b *Bucket) float64 { return r.seconds(b, r.took(&b.Figures).P50) })
	p.line(r, took, "p99", func(b *Bucket) float64 { return r.seconds(b, r.took(&b.Figures).P99) })
	for _, f := range []frame{rates, queue, took} {
		p.printf(`<rect class="frame" y="%d" width="%d" height="%d"/><text x="-4" y="%d" text-anchor="end">%g%s</text><text x="-4" y="%d" text-anchor="end">0</text>`+"\n",
			f.top, panelWidth, f.height, f.top+9, f.most, f.unit, f.top+f.height)
	}
	bottom := took.top + took.height + 13
	p.printf(`<text y="%d">0s</text><text x="%d" y="%d" text-anchor="middle">%v</text><text x="%d" y="%d" text-anchor="end">%v</text>`+"\n</g>\n",
		bottom, panelWidth/2, bottom, p.length/2, panelWidth, bottom, p.length)
}

// head writes the name of r, as far as there is room for it, and two lines of figures below.
func (p *plot) head(r *Report) {
	f := &r.Total
	name := []rune(r.Scenario.title())
	if len(name) > titleLength {
		name = append(name[:titleLength-1], '…')
	}
	p.printf(`<text class="title" y="12">%s<title>%s</title></text>`+"\n", html.EscapeString(string(name)), html.EscapeString(r.Scenario.title()))
	p.printf(`<text y="26">goodput %.1f %%, amplification %.2f, refused %d, failed %d</text>`+"\n", 100*f.Goodput(), f.Amplification(), f.Refused, f.Failed)
	w, of := r.took(f), "good calls took"
	if r.Scenario.Load.kind == closed {
		of = "callers waited"
	}
	p.printf(`<text y="40">%s %v on average, p50 %v, p90 %v, p99 %v</text>`+"\n", of, short(w.Mean), short(w.P50), short(w.P90), short(w.P99))
}

// frame is where a line is drawn, and its scale.
type frame struct {
	top, height int
	most        float64 // at its upper edge
	unit        string
}

// line draws what value says of each bucket, at its middle. Where that is NaN, the line has a gap.
func (p *plot) line(r *Report, f frame, class string, value func(*Bucket) float64) {
	p.printf(`<path class="line %s" d="`, class)
	pen := "M"
	for i := range r.Series {
		b := &r.Series[i]
		if b.At >= r.Scenario.For {
			break
		}
		v := value(b)
		if math.IsNaN(v) {
			pen = "M"
			continue
		}
		down := float64(f.top) + float64(f.height)*(1-v/f.most)
		p.printf("%s%.1f,%.1f", pen, p.across(min(b.At+r.Scenario.Bucket/2, p.length)), down)
		if pen == "M" {
			p.printf("h.1") // so that one point alone can be seen
		}
		pen = "L"
	}
	p.printf("\"/>\n")
}

// across is where time t is, from the left.
func (p *plot) across(t time.Duration) float64 { return panelWidth * float64(t) / float64(p.length) }

func (p *plot) printf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }
