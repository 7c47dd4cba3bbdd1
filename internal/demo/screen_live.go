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

// liveScreen redraws a headline, and one line for each client.
type liveScreen struct {
	w      io.Writer
	color  bool
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
	b.WriteString("\r" + s.headline(f) + clearLine + "\n")
	for i, c := range f.Clients {
		b.WriteString(s.line(i, c) + clearLine + "\n")
	}
	s.drawn = 1 + len(f.Clients)
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

func (s *liveScreen) headline(f Frame) string {
	phase := s.cfg.PhaseAt(f.Since)
	capacity, color := s.cfg.Backend.Capacity(), green
	if phase == Outage {
		capacity, color = capacity/float64(s.cfg.Slowdown), red
	}
	return fmt.Sprintf("%s  %4.1f of %.1f s   each backend can serve %.0f requests/s, %.0f calls/s arrive for it",
		s.paint(color, fmt.Sprintf("%-8s", phase)), min(f.Since, s.cfg.Length()).Seconds(), s.cfg.Length().Seconds(),
		capacity, s.cfg.Rate/float64(len(dependencies)))
}

func (s *liveScreen) line(i int, c ClientFrame) string {
	oldest := s.frames[0]
	from := since(oldest, i)
	perSecond := 0.0
	if span := s.frames[len(s.frames)-1].Since - oldest.Since; span > 0 {
		perSecond = float64(c.Attempts-from.Attempts) / span.Seconds()
	}
	var strip strings.Builder
	for _, percent := range s.cells[i] {
		strip.WriteString(s.paint(colorOf(percent), glyph(percent)))
	}
	return fmt.Sprintf("%-15s  %s  ended well %s  %4.0f attempts/s  queues %s",
		c.Name, strip.String(), share(from, c), perSecond, queues(c.Waiting, s.cfg.Backend.Queue))
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

func (s *liveScreen) paint(color, text string) string {
	if !s.color || color == plain {
		return text
	}
	return color + text + plain
}

func queues(waiting []int, bound int) string {
	var b strings.Builder
	for _, n := range waiting {
		fmt.Fprintf(&b, "%2d/%d ", n, bound)
	}
	return strings.TrimRight(b.String(), " ")
}
