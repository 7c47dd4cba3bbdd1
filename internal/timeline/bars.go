package timeline

import (
	"fmt"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
)

// row draws one schedule: its title, its bar, its outcome.
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

// pause draws the pause before a: a thin bar for the shortest that it can be, and a dashed one for
// what jitter may add.
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

// place returns the left edge and the width of an attempt.
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
		width-- // a gap, so that two attempts do not look like one
	}
	fmt.Fprintf(&p.b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"/>`+"\n", class, from, top, width, barHeight)
	if a.End == plan.Forever {
		fmt.Fprintf(&p.b, `<path class="attempt" d="M%d %dl12 %dl-12 %dz"/>`+"\n", margin+plotWidth, top, barHeight/2, barHeight/2)
	}
}

// numbers writes the attempts' numbers: inside the bars, or below them if they do not fit into all.
// It reports whether any is below.
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
		case inside && width >= wide+14: // on a plate, since text on hatching is hard to read
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

// legend explains the shapes that were used.
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
