package demo

import (
	"fmt"
	"io"
	"os"
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

// NewScreen returns a Screen for w that is so wide. On a terminal it redraws its lines, unless TERM
// is dumb. Elsewhere it prints one line per second.
func NewScreen(w io.Writer, width int) Screen {
	l := lookOf(w, width)
	if !IsTerminal(w) || dumb() {
		return &plainScreen{w: w, look: l}
	}
	return &liveScreen{w: w, look: l}
}

// lookOf returns how to show something on w. There are colors on a terminal, unless TERM is dumb
// or NO_COLOR is set.
func lookOf(w io.Writer, width int) look {
	return look{width: width, color: IsTerminal(w) && !dumb() && os.Getenv("NO_COLOR") == ""}
}

func dumb() bool { return os.Getenv("TERM") == "dumb" }

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
