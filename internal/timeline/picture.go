package timeline

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// picture is a picture that is being drawn, from the top down.
type picture struct {
	b     bytes.Buffer
	scale scale
	y     int             // of the next line of text
	used  map[string]bool // the classes of shapes, for the legend
}

func (p *picture) skip(pixels int) { p.y += pixels }

// text writes a line at x, and moves on to the next.
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

// lines writes pieces in as many lines as they need. line is the beginning of the first.
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

// x returns the position of a moment.
func (p *picture) x(t time.Duration) float64 { return margin + p.scale.at(t, plotWidth) }

// axis draws what is behind the bars: the lines of the ticks, and the deadline.
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
