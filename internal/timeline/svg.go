package timeline

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/plan"
)

// The measures of a picture, in pixels.
const (
	pictureWidth = 760
	margin       = 24
	plotWidth    = pictureWidth - 2*margin
	barHeight    = 26
	lineHeight   = 18
	charWidth    = 7.2 // at the most, on average: what text is laid out by, since fonts differ
	leastMark    = 3   // the width of an attempt that takes no time
)

const pictureStyle = `<style>
.page{fill:#fff}text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#57606a}
text{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}text.inside,text.over{stroke:none}
.name{font-size:16px;font-weight:600;fill:#1f2328}.title{font-weight:600;fill:#1f2328}.tick{font-size:11px}
.grid{stroke:#d8dee4}.axis{stroke:#8c959f}.deadline{stroke:#cf222e;stroke-width:2}.limit{fill:#cf222e;font-weight:600}
.attempt{fill:#0969da}.cut{fill:url(#hatch);stroke:#bc4c00}.hatch{stroke:#bc4c00}.hatched{fill:#fff1e5}
.pause{fill:#afb8c1}.jitter{fill:none;stroke:#8c959f;stroke-dasharray:3 2}.inside{fill:#fff;font-weight:600}.over{fill:#953800;font-weight:600}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}text{fill:#9198a1;stroke:#0d1117}.name,.title{fill:#f0f6fc}
.grid{stroke:#262c36}.axis{stroke:#656c76}.deadline{stroke:#f85149}.limit{fill:#f85149}
.attempt{fill:#1f6feb}.cut{stroke:#f0883e}.hatch{stroke:#f0883e}.hatched{fill:#2b1d10}
.pause{fill:#656c76}.jitter{stroke:#9198a1}.inside{fill:#fff}.over{fill:#ffb077}
}
</style>
<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
	`<rect class="hatched" width="6" height="6"/><path class="hatch" d="M0 0v6" stroke-width="2.4"/></pattern></defs>
`

// SVG draws the chart as a picture that stands alone: no script, no font to fetch, for light pages and dark ones.
func (c Chart) SVG() []byte {
	p := &picture{scale: c.axis(), used: map[string]bool{}}
	p.y = margin + 6
	p.text("name", margin, shortened(c.Name, 60))
	p.skip(4)
	p.lines("", strings.SplitAfter(c.Chain, arrow), "")
	p.skip(12)
	top := p.y
	p.skip(10)
	for _, r := range c.rows() {
		p.row(c, r)
	}
	bottom := p.y - lineHeight/2
	p.skip(8)
	p.legend()
	p.skip(6)
	if c.knowsPauses() {
		p.words(c.pauses())
	}
	for _, n := range c.notes(p.scale) {
		p.words(n)
	}
	height := p.y + margin/2

	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc">`+"\n",
		pictureWidth, height, pictureWidth, height)
	fmt.Fprintf(&b, `<title id="title">%s</title>`+"\n", escaped("A failing call of "+c.Name+", over time"))
	fmt.Fprintf(&b, `<desc id="desc">%s</desc>`+"\n", escaped(c.description()))
	b.WriteString(pictureStyle)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/>`+"\n", pictureWidth, height)
	p.axis(&b, top, bottom)
	b.Write(p.b.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// description is the picture in words.
func (c Chart) description() string {
	parts := []string{c.Chain + "."}
	for _, r := range c.rows() {
		parts = append(parts, r.title, c.outcome(r.Schedule))
	}
	if c.knowsPauses() {
		parts = append(parts, c.pauses())
	}
	return strings.Join(append(parts, c.notes(c.axis())...), " ")
}

func (c Chart) knowsPauses() bool { return c.plan.Retries() && !c.worst.Guessed && !c.quick.Guessed }

// pauses says how long the pauses are.
func (c Chart) pauses() string {
	n := len(c.worst.Attempts)
	if c.plan.Attempts() == plan.Unlimited || n > mostDrawn {
		n = mostDrawn
	}
	var ranges []string
	for i := 1; i < n; i++ {
		ranges = append(ranges, fmt.Sprintf("%s before attempt %d", c.pauseBefore(i), i+1))
	}
	if c.plan.Attempts() != n {
		ranges = append(ranges, "and so on")
	}
	return "Pauses: " + strings.Join(ranges, ", ") + "."
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}

// shortened returns text, or as many letters of it as there is room for.
func shortened(text string, letters int) string {
	if r := []rune(text); len(r) > letters {
		return string(r[:letters-1]) + "…"
	}
	return text
}

// picture is a picture that is being made, from the top.
type picture struct {
	b     bytes.Buffer
	scale scale
	y     int // of the next line of text
	used  map[string]bool
}

func (p *picture) skip(pixels int) { p.y += pixels }

// text writes a line at x, and goes on to the next.
func (p *picture) text(class string, x float64, text string) {
	p.label(&p.b, class, x, p.y, "", text)
	p.y += lineHeight
}

func (p *picture) label(b *bytes.Buffer, class string, x float64, y int, anchor, text string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	if anchor != "" {
		anchor = ` text-anchor="` + anchor + `"`
	}
	fmt.Fprintf(b, `<text%s x="%.1f" y="%d"%s>%s</text>`+"\n", class, x, y, anchor, escaped(text))
}

func (p *picture) words(text string) { p.lines("", strings.SplitAfter(text, " "), "") }

// lines writes pieces in as many lines as it takes.
func (p *picture) lines(class string, pieces []string, line string) {
	for _, piece := range pieces {
		if line != "" && widthOf(line+strings.TrimRight(piece, " ")) > plotWidth {
			p.text(class, margin, strings.TrimRight(line, " "))
			line = ""
		}
		line += piece
	}
	p.text(class, margin, line)
}

func widthOf(text string) float64 { return charWidth * float64(utf8.RuneCountInString(text)) }

// x returns where a moment is.
func (p *picture) x(t time.Duration) float64 { return margin + p.scale.at(t, plotWidth) }

// axis draws what stands behind the bars: the lines of the ticks, and the deadline.
func (p *picture) axis(b *bytes.Buffer, top, bottom int) {
	fmt.Fprintf(b, `<path class="axis" d="M%d %dH%d"/>`+"\n", margin, top, margin+plotWidth)
	limit := float64(margin + plotWidth)
	if p.scale.deadline {
		text := "deadline " + short(p.scale.end)
		fmt.Fprintf(b, `<path class="deadline" d="M%.1f %dV%d"/>`+"\n", limit, top-5, bottom)
		p.label(b, "tick limit", limit, top-8, "end", text)
		limit -= widthOf(text)
	}
	free := 0.0
	for _, t := range p.scale.ticks(9) {
		x := p.x(t)
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %dV%d"/>`+"\n", x, top, bottom)
		if text := short(t); x >= free && x+widthOf(text) < limit {
			p.label(b, "tick", x, top-8, "", text)
			free = x + widthOf(text) + charWidth
		}
	}
}

// row draws one schedule: its title, its bar, what came of it.
func (p *picture) row(c Chart, r row) {
	p.skip(lineHeight / 2)
	p.text("title", margin, r.title)
	top := p.y - lineHeight/2
	attempts, beyond := p.scale.running(r.Schedule)
	p.scale.pauses(r.Schedule, func(began time.Duration, before plan.Attempt) {
		p.pause(began, before, c.plan.Pause(before.Number-2), top)
	})
	for i, a := range attempts {
		next := float64(margin + plotWidth)
		if i+1 < len(attempts) {
			next = p.x(attempts[i+1].Start)
		}
		p.attempt(a, top, next)
	}
	p.y = top + barHeight + lineHeight - 2
	if p.numbers(attempts, top) {
		p.skip(lineHeight - 4)
	}
	outcome := c.outcome(r.Schedule)
	if beyond != nil {
		outcome = "It goes on beyond the axis. " + outcome
	}
	p.words(outcome)
}

// pause draws the pause before a: a thin bar for what it takes at the least, a dashed one for what jitter may add.
func (p *picture) pause(began time.Duration, a plan.Attempt, known plan.Pause, top int) {
	from, to := p.x(began), p.x(a.Start)
	least := min(to, p.x(began+min(known.Shortest, a.Pause)))
	middle := float64(top) + barHeight/2
	if least-from > 0.5 {
		p.used["pause"] = true
		fmt.Fprintf(&p.b, `<rect class="pause" x="%.1f" y="%.1f" width="%.1f" height="6"/>`+"\n", from, middle-3, least-from)
	}
	if to-least > 0.5 {
		p.used["jitter"] = true
		fmt.Fprintf(&p.b, `<rect class="jitter" x="%.1f" y="%.1f" width="%.1f" height="6"/>`+"\n", least, middle-3, to-least)
	}
}

// place returns where an attempt is drawn.
func (p *picture) place(a plan.Attempt) (from, width float64) {
	from = p.x(a.Start)
	width = max(leastMark, p.x(min(a.End, p.scale.end))-from)
	return min(from, margin+plotWidth-width), width
}

// attempt draws a, which begins before next.
func (p *picture) attempt(a plan.Attempt, top int, next float64) {
	class := "attempt"
	if a.Cut {
		class = "cut"
	}
	p.used[class] = true
	from, width := p.place(a)
	if width > leastMark+1 && next-from-width < 1 {
		width-- // so that the next one is seen to be another
	}
	fmt.Fprintf(&p.b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"/>`+"\n", class, from, top, width, barHeight)
	if a.End == plan.Forever {
		fmt.Fprintf(&p.b, `<path class="attempt" d="M%d %dl12 %dl-12 %dz"/>`+"\n", margin+plotWidth, top, barHeight/2, barHeight/2)
	}
}

// numbers writes the attempts' numbers: inside of them, or below where they do not fit in all of them. It reports
// whether any stands below.
func (p *picture) numbers(attempts []plan.Attempt, top int) (below bool) {
	inside := true
	for _, a := range attempts {
		_, width := p.place(a)
		inside = inside && (a.Cut || width >= widthOf(strconv.Itoa(a.Number))+4)
	}
	free := float64(margin)
	for _, a := range attempts {
		text := strconv.Itoa(a.Number)
		from, width := p.place(a)
		wide := widthOf(text)
		middle := from + width/2
		switch {
		case inside && !a.Cut:
			p.label(&p.b, "inside", middle, top+barHeight/2+4, "middle", text)
		case inside && width >= wide+14: // on a plate, since nothing is read on hatching
			fmt.Fprintf(&p.b, `<rect class="hatched" x="%.1f" y="%d" width="%.1f" height="16" rx="3"/>`+"\n", middle-wide/2-3, top+barHeight/2-8, wide+6)
			p.label(&p.b, "over", middle, top+barHeight/2+4, "middle", text)
		default:
			if at := max(margin, min(middle-wide/2, margin+plotWidth-wide)); at >= free {
				p.label(&p.b, "tick", at, top+barHeight+13, "", text)
				free, below = at+wide+2, true
			}
		}
	}
	return below
}

// legend says what the forms stand for that were used.
func (p *picture) legend() {
	x, y := float64(margin), p.y-10
	for _, key := range []struct{ class, means string }{
		{"attempt", "attempt"},
		{"cut", "attempt, cut by the call's deadline"},
		{"pause", "pause"},
		{"jitter", "pause by jitter"},
	} {
		if !p.used[key.class] {
			continue
		}
		height, dy := 12, 0
		if key.class == "pause" || key.class == "jitter" {
			height, dy = 6, 3
		}
		fmt.Fprintf(&p.b, `<rect class="%s" x="%.1f" y="%d" width="22" height="%d"/>`+"\n", key.class, x, y+dy, height)
		p.label(&p.b, "", x+28, p.y, "", key.means)
		x += 28 + widthOf(key.means) + 8
	}
	p.y += lineHeight
}
