package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Screen shows a play. Its methods are called from one goroutine.
type Screen interface {
	Begin(cfg Config)
	Show(f Frame)
	End()
}

// Frame is the state of a play at a moment. Its counts are totals since the start.
type Frame struct {
	Since   time.Duration
	Clients []ClientFrame
}

// ClientFrame is one client's part of a Frame.
type ClientFrame struct {
	Name                  string
	Ended, Good, Attempts int64
	Waiting               []int // requests in each backend's queue
}

// NewScreen returns a Screen for w. On a terminal it redraws its lines, unless TERM is dumb.
// Elsewhere it prints one line per second.
func NewScreen(w io.Writer) Screen {
	if !IsTerminal(w) || os.Getenv("TERM") == "dumb" {
		return &plainScreen{w: w}
	}
	return &liveScreen{w: w, color: os.Getenv("NO_COLOR") == ""}
}

// NoScreen returns a Screen that shows nothing.
func NoScreen() Screen { return noScreen{} }

type noScreen struct{}

func (noScreen) Begin(Config) {}
func (noScreen) Show(Frame)   {}
func (noScreen) End()         {}

// IsTerminal reports whether w is a terminal, or at least a character device.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// plainScreen prints one line per second.
type plainScreen struct {
	w       io.Writer
	cfg     Config
	last    Frame
	printed int
}

func (s *plainScreen) Begin(cfg Config) { s.cfg = cfg }
func (s *plainScreen) End()             { _, _ = io.WriteString(s.w, "\n") }

func (s *plainScreen) Show(f Frame) {
	if int(f.Since/time.Second) == s.printed || f.Since >= s.cfg.Length()+time.Second {
		return
	}
	s.printed = int(f.Since / time.Second)
	var b strings.Builder
	fmt.Fprintf(&b, "%3d s  %-8s  ended well", s.printed, s.cfg.PhaseAt(f.Since-time.Second/2))
	for i, c := range f.Clients {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "  %s %s", c.Name, share(since(s.last, i), c))
	}
	b.WriteByte('\n')
	_, _ = io.WriteString(s.w, b.String()) // there is nobody to report the error to
	s.last = f
}

// since returns client i's counts in an earlier frame, or zeros if it has none.
func since(f Frame, i int) ClientFrame {
	if i < len(f.Clients) {
		return f.Clients[i]
	}
	return ClientFrame{}
}

// share returns how many in a hundred of the calls that ended between two frames ended well. It is
// not the goodput of the table, which goes by when a call began.
func share(from, to ClientFrame) string {
	ended := to.Ended - from.Ended
	if ended == 0 {
		return "    –"
	}
	return fmt.Sprintf("%3d %%", 100*(to.Good-from.Good)/ended)
}

// glyph draws a percentage as a block. Only 99 % and more is a full block, so that less is visible.
func glyph(percent *float64) string {
	switch {
	case percent == nil:
		return " "
	case *percent >= 100*recoveredShare:
		return "█"
	}
	blocks := []rune("▁▂▃▄▅▆▇")
	return string(blocks[min(int(*percent/100*float64(len(blocks))), len(blocks)-1)])
}
