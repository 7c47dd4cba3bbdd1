package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Escape sequences of a terminal.
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	noWrap     = "\x1b[?7l" // cut long lines: a wrapped line would make the count of lines wrong
	wrap       = "\x1b[?7h"
	clearLine  = "\x1b[K"
	red        = "\x1b[31m"
	yellow     = "\x1b[33m"
	green      = "\x1b[32m"
	plain      = "\x1b[0m"
)

// liveScreen redraws what happens now, and one line for each client.
type liveScreen struct {
	w io.Writer
	look
	cfg    Config
	drawn  int     // lines on the screen
	frames []Frame // of the last second or so, the oldest first
	slice  int     // the current slice of the timeline,
	begin  Frame   // and the frame at its beginning
	cells  []cells // one per client
}

// cells is the goodput of a client in each slice of the play so far, in percent.
type cells [timelineSlices]*float64

func (s *liveScreen) Begin(cfg Config) {
	s.cfg = cfg
	s.frames = []Frame{{}} // the start, when all counts are 0
	s.print(hideCursor + noWrap)
}

func (s *liveScreen) End() { s.print(wrap + showCursor + "\n") }

func (s *liveScreen) print(text string) { _, _ = io.WriteString(s.w, text) }

func (s *liveScreen) Show(f Frame) {
	s.remember(f)
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	b.WriteString("\r")
	lines := append(s.headlines(f), s.headings())
	for i, c := range f.Clients {
		lines = append(lines, s.line(i, c))
	}
	for _, line := range lines {
		b.WriteString(line + clearLine + "\n")
	}
	s.drawn = len(lines)
	s.print(b.String())
}

// remember keeps the frames for the rates of the last second, and updates the timeline.
func (s *liveScreen) remember(f Frame) {
	s.frames = append(s.frames, f)
	for len(s.frames) > 2 && f.Since-s.frames[1].Since >= time.Second {
		s.frames = s.frames[1:]
	}
	if s.cells == nil {
		s.cells = make([]cells, len(f.Clients))
	}
	last := s.frames[len(s.frames)-2]
	between := (last.Since + f.Since) / 2 // the middle of the time in which the new calls of f ended
	if now := min(int(between*timelineSlices/s.cfg.Length()), timelineSlices-1); now != s.slice {
		s.slice, s.begin = now, last
	}
	for i, c := range f.Clients {
		if from := since(s.begin, i); c.Ended > from.Ended {
			s.cells[i][s.slice] = new(100 * float64(c.Good-from.Good) / float64(c.Ended-from.Ended))
		}
	}
}

// headlines returns one line, or two where one does not fit.
func (s *liveScreen) headlines(f Frame) []string {
	phase := s.cfg.PhaseAt(f.Since)
	capacity, color := s.cfg.Backend.Capacity(), green
	if phase == Outage {
		capacity, color = capacity/float64(s.cfg.Slowdown), red
	}
	now := fmt.Sprintf("%s  %4.1f of %.1f s", s.paint(color, fmt.Sprintf("%-8s", phase)), min(f.Since, s.cfg.Length()).Seconds(), s.cfg.Length().Seconds())
	arrive := s.cfg.Rate / float64(len(dependencies))
	if s.width < fullScreen {
		return []string{now, fmt.Sprintf("a backend serves %.0f/s, %.0f/s arrive", capacity, arrive)}
	}
	return []string{now + fmt.Sprintf("  a backend can serve %.0f requests/s, %.0f calls/s arrive", capacity, arrive)}
}

// The widths from which on the strips are whole, and from which on there are strips of half as many
// cells.
const (
	fullScreen = 80
	halfScreen = 60
)

// strip is how many cells a strip has.
func (s *liveScreen) strip() int {
	switch {
	case s.width >= fullScreen:
		return timelineSlices
	case s.width >= halfScreen:
		return timelineSlices / 2
	}
	return 0
}

// nameWidth is the width of the longest name of a client.
const nameWidth = len(nameNaiveBreaker)

func (s *liveScreen) headings() string {
	before := nameWidth + 2
	if n := s.strip(); n > 0 {
		before += n + 2
	}
	return fmt.Sprintf("%*s%5s  %6s  %s", before, "", "well", "sent/s", "queues")
}

func (s *liveScreen) line(i int, c ClientFrame) string {
	oldest := s.frames[0]
	from := since(oldest, i)
	perSecond := 0.0
	if span := s.frames[len(s.frames)-1].Since - oldest.Since; span > 0 {
		perSecond = float64(c.Attempts-from.Attempts) / span.Seconds()
	}
	var strip strings.Builder
	if n := s.strip(); n > 0 {
		for j := range n {
			percent := s.cell(i, j*timelineSlices/n, (j+1)*timelineSlices/n)
			strip.WriteString(s.paint(colorOf(percent), glyph(percent)))
		}
		strip.WriteString("  ")
	}
	return fmt.Sprintf("%-*s  %s%s  %6.0f  %s", nameWidth, c.Name, strip.String(), share(from, c), perSecond, queues(c.Waiting))
}

// cell returns the goodput of a client in some slices: the lowest, so that none is hidden.
func (s *liveScreen) cell(client, from, to int) (lowest *float64) {
	for _, percent := range s.cells[client][from:to] {
		if percent != nil && (lowest == nil || *percent < *lowest) {
			lowest = percent
		}
	}
	return lowest
}

func colorOf(percent *float64) string {
	switch {
	case percent == nil:
		return plain
	case *percent >= 100*recoveredShare:
		return green
	case *percent >= 50:
		return yellow
	}
	return red
}

func queues(waiting []int) string {
	var parts []string
	for _, n := range waiting {
		parts = append(parts, fmt.Sprintf("%2d", n))
	}
	return strings.Join(parts, " ")
}
