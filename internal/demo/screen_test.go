package demo

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/wordwrap/wraptest"
)

// perform shows a play on scr in which all calls are good up to 10 s, and then a tenth.
func perform(scr Screen) {
	scr.Begin(Full())
	for i := range int64(230) { // a tick apart, with the last calls after the 20 seconds
		good := 10*min(i+1, 100) + max(0, i-99)
		scr.Show(Frame{
			Since:   time.Duration(i+1) * tick,
			Clients: []ClientFrame{{"a", 10 * (i + 1), good, 20 * i, []int{3, 50}}, {"b", 0, 0, 0, []int{0, 0}}},
		})
	}
	scr.End()
}

func TestPlainScreenPrintsALineASecond(t *testing.T) {
	var b bytes.Buffer
	perform(NewScreen(&b, 80))
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	require.Len(t, lines, 22)
	require.Equal(t, "Calls that ended well in the last second, by client:", lines[0])
	require.Equal(t, "                    a      b", lines[1])
	require.Equal(t, " 1 s  healthy   100 %      –", lines[2])
	require.Equal(t, " 9 s  outage    100 %      –", lines[10])
	require.Equal(t, "20 s  recovery   10 %      –", lines[21])
	require.NotContains(t, b.String(), "\x1b")
}

func TestPlainScreenWithoutRoomForColumns(t *testing.T) {
	var b bytes.Buffer
	perform(NewScreen(&b, 20))
	require.Contains(t, b.String(), "second, by client:\n1 s, healthy: a\n100 %, b –\n")
}

func TestLiveScreenRedrawsItsLines(t *testing.T) {
	var b bytes.Buffer
	perform(&liveScreen{w: &b, look: look{width: 80, color: true}})
	out := b.String()
	require.True(t, strings.HasPrefix(out, hideCursor+noWrap))
	require.True(t, strings.HasSuffix(out, wrap+showCursor+"\n"))
	require.Equal(t, 230*4, strings.Count(out, clearLine), "what happens now, headings, and a line for each client")
	require.Equal(t, 229, strings.Count(out, "\x1b[4A"), "back over them for each frame but the first")
	require.Contains(t, out, green+"healthy "+plain)
	require.Contains(t, out, red+"outage  "+plain+"   4.1 of 20.0 s  a backend can serve 10 requests/s, 65 calls/s arrive")

	last := out[strings.LastIndex(out, "\x1b[4A"):]
	require.Contains(t, last, "   10 %     200   3 50\x1b[K\n")
	require.Equal(t, 20, strings.Count(last, green+"█"+plain), "ten seconds are half of the timeline")
	require.Equal(t, 20, strings.Count(last, red+"▁"+plain))
}

func TestLiveScreenWithoutColor(t *testing.T) {
	var b bytes.Buffer
	perform(&liveScreen{w: &b, look: look{width: 80}})
	require.NotContains(t, b.String(), green)
	require.NotContains(t, b.String(), plain)
}

// With little room the strips have half as many cells, each the worse of two; with less there are
// none.
func TestLiveScreenWithLittleRoom(t *testing.T) {
	count := func(width int) int {
		var b bytes.Buffer
		s := &liveScreen{w: &b, look: look{width: width}}
		s.Begin(Full())
		s.Show(Frame{Since: 100 * ms, Clients: []ClientFrame{{"a", 10, 10, 10, []int{0}}}})
		s.cells[0] = cells{}
		for i := range s.cells[0] {
			s.cells[0][i] = new(100.0)
		}
		s.cells[0][7] = new(10.0)
		line := s.line(0, ClientFrame{Name: "a"})
		if n := strings.Count(line, "█"); n > 0 {
			require.Equal(t, 1, strings.Count(line, "▁"))
			return n + 1
		}
		return 0
	}
	require.Equal(t, timelineSlices, count(100))
	require.Equal(t, timelineSlices, count(80))
	require.Equal(t, timelineSlices/2, count(79))
	require.Equal(t, timelineSlices/2, count(60))
	require.Zero(t, count(59))
	require.Zero(t, count(40))
}

// No screen cuts a word at any width. The names are those of the clients, and all counts are large.
func TestScreensFitTheTerminal(t *testing.T) {
	show := func(make func(io.Writer) Screen) string {
		var b bytes.Buffer
		s := make(&b)
		s.Begin(Full())
		for i := range int64(21) {
			f := Frame{Since: time.Duration(i) * time.Second}
			for _, strategy := range strategies {
				f.Clients = append(f.Clients, ClientFrame{strategy.name, 1000 * i, 1000 * i, 4000 * i, []int{50, 50}})
			}
			s.Show(f)
		}
		s.End()
		return strings.ReplaceAll(escapes.ReplaceAllString(b.String(), ""), "\r", "")
	}
	live := func(width int) string {
		return show(func(w io.Writer) Screen { return &liveScreen{w: w, look: look{width: width}} })
	}
	dull := func(width int) string { return show(func(w io.Writer) Screen { return NewScreen(w, width) }) }
	for _, width := range wraptest.Widths {
		for line := range strings.Lines(live(width)) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), width, line)
		}
		require.Contains(t, live(width), " well  sent/s  queues\n")
		require.Contains(t, live(width), "100 %    4000  50 50\n")
		text := dull(width)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), width, line)
		}
		for _, strategy := range strategies {
			for word := range strings.FieldsSeq(strategy.name) {
				require.Contains(t, text, word)
			}
		}
	}
}

func TestScreenFitsItsOutput(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // a scratch file
	require.IsType(t, &plainScreen{}, NewScreen(file, 80))

	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer device.Close() //nolint:errcheck // nothing was written
	if !IsTerminal(device) {
		t.Skip("the null device is no character device here")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	require.True(t, NewScreen(device, 80).(*liveScreen).color)
	t.Setenv("NO_COLOR", "1")
	require.False(t, NewScreen(device, 80).(*liveScreen).color)
	t.Setenv("TERM", "dumb")
	require.IsType(t, &plainScreen{}, NewScreen(device, 80))
}
