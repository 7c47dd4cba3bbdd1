package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// plainScreen prints a table, one line per second.
type plainScreen struct {
	w io.Writer
	look
	cfg     Config
	last    Frame
	printed int
	widths  []int // of the columns; nil if there is not room enough for them
}

// Begin notes the Config.
func (s *plainScreen) Begin(cfg Config) { s.cfg = cfg }

// End prints an empty line.
func (s *plainScreen) End() { _, _ = io.WriteString(s.w, "\n") }

// Show prints a line if another second has passed.
func (s *plainScreen) Show(f Frame) {
	if int(f.Since/time.Second) == s.printed || f.Since >= s.cfg.Length()+time.Second {
		return
	}
	var b strings.Builder
	if s.printed == 0 {
		b.WriteString(s.heading(f))
	}
	s.printed = int(f.Since / time.Second)
	phase := s.cfg.PhaseAt(f.Since - time.Second/2)
	row := []string{fmt.Sprintf("%2d s", s.printed), fmt.Sprintf("%-*s", len(Recovery.String()), phase)}
	for i, c := range f.Clients {
		row = append(row, share(since(s.last, i), c))
	}
	b.WriteString(s.line(f, row))
	_, _ = io.WriteString(s.w, b.String()) // there is nobody to report the error to
	s.last = f
}

// heading returns the headings, and sets the widths of the columns.
func (s *plainScreen) heading(f Frame) string {
	g := &grid{rows: [][]string{{"", ""}, {"99 s", Recovery.String()}}}
	for _, c := range f.Clients {
		g.rows[0] = append(g.rows[0], c.Name)
		g.rows[1] = append(g.rows[1], "100 %")
	}
	title := wrapped("Calls that ended well in the last second, by client:", s.width) + "\n"
	heads, widths, ok := g.fit(s.width)
	if !ok {
		return title
	}
	s.widths = widths
	return title + g.headings(heads, widths)
}

// line returns a row of the table, or a list in words.
func (s *plainScreen) line(f Frame, row []string) string {
	if s.widths != nil {
		return aligned(row, s.widths)
	}
	text := strings.TrimSpace(row[0]) + ", " + strings.TrimSpace(row[1]) + ":"
	for i, c := range f.Clients {
		if i > 0 {
			text += ","
		}
		text += " " + c.Name + " " + strings.TrimSpace(row[i+2])
	}
	return wrapped(text, s.width) + "\n"
}
