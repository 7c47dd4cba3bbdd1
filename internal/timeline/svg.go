package timeline

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/media-gateway/holdfast/internal/plan"
)

// The measures of a picture, in pixels.
const (
	pictureWidth = 760
	margin       = 24
	plotWidth    = pictureWidth - 2*margin
	barHeight    = 26
	lineHeight   = 18
	charWidth    = 7.2 // an upper bound of the average, for the layout: fonts differ
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

// SVG draws the chart as a self-contained picture, without scripts or fonts to fetch. It suits
// light and dark pages.
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
