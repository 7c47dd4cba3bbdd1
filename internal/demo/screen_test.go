package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	perform(NewScreen(&b))
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	require.Len(t, lines, 20)
	require.Equal(t, "  1 s  healthy   ended well  a 100 %,  b     –", lines[0])
	require.Equal(t, "  9 s  outage    ended well  a 100 %,  b     –", lines[8])
	require.Equal(t, " 20 s  recovery  ended well  a  10 %,  b     –", lines[19])
	require.NotContains(t, b.String(), "\x1b")
}

func TestLiveScreenRedrawsItsLines(t *testing.T) {
	var b bytes.Buffer
	perform(&liveScreen{w: &b, color: true})
	out := b.String()
	require.True(t, strings.HasPrefix(out, hideCursor+noWrap))
	require.True(t, strings.HasSuffix(out, wrap+showCursor+"\n"))
	require.Equal(t, 230*3, strings.Count(out, clearLine), "a headline and a line for each client")
	require.Equal(t, 229, strings.Count(out, "\x1b[3A"), "back over them for each frame but the first")
	require.Contains(t, out, green+"healthy "+plain)
	require.Contains(t, out, red+"outage  "+plain+"   4.1 of 20.0 s   each backend can serve 10 requests/s, 65 calls/s arrive for it")

	last := out[strings.LastIndex(out, "\x1b[3A"):]
	require.Contains(t, last, "ended well  10 %   200 attempts/s  queues  3/50 50/50")
	require.Equal(t, 20, strings.Count(last, green+"█"+plain), "ten seconds are half of the timeline")
	require.Equal(t, 20, strings.Count(last, red+"▁"+plain))
}

func TestLiveScreenWithoutColor(t *testing.T) {
	var b bytes.Buffer
	perform(&liveScreen{w: &b})
	require.NotContains(t, b.String(), green)
	require.NotContains(t, b.String(), plain)
}

func TestScreenFitsItsOutput(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // a scratch file
	require.IsType(t, &plainScreen{}, NewScreen(file))

	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer device.Close() //nolint:errcheck // nothing was written
	if !IsTerminal(device) {
		t.Skip("the null device is no character device here")
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	require.True(t, NewScreen(device).(*liveScreen).color)
	t.Setenv("NO_COLOR", "1")
	require.False(t, NewScreen(device).(*liveScreen).color)
	t.Setenv("TERM", "dumb")
	require.IsType(t, &plainScreen{}, NewScreen(device))
}
