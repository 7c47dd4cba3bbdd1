package demo

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/wordwrap/wraptest"
)

func TestTable(t *testing.T) {
	r := sample()
	r.Summary = []string{"A sentence."}
	for i := range r.Clients[0].Timeline {
		r.Clients[0].Timeline[i] = new(2.5 * float64(i+1))
	}
	var b strings.Builder
	require.NoError(t, r.WriteTable(&b, look{width: 80}))
	require.Equal(t, `goodput over time  healthy outage    recovery
no retries         ▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇█
naive retries
naive + breaker
Holdfast

                    no retries  naive retries  naive + breaker  Holdfast
calls                     2600           2600             2600      2600
attempts                  2600           8424             2274      2164
attempts per call         1.00           3.24             0.87      0.83
goodput before          99.6 %        100.0 %          100.0 %   100.0 %
goodput during           0.3 %          0.3 %            3.1 %     3.2 %
goodput after           90.9 %          0.0 %           97.9 %    98.6 %
99 % again after         1.2 s       not seen            0.0 s     0.7 s
latency, p99            251 ms         251 ms           251 ms    251 ms
requests that came        2600           8000             2200      2100
  answered                   0              0                0         0
  failed: 500                0              0                0         0
  queue full: 503          500           6000                0         0
  done for nobody          300           1600               80        70
stopped by itself          n/a            n/a              n/a       430
Holdfast stopped calls and retries by reason: breaker_open 400, budget_exhausted
30

A sentence.
`, b.String())

	b.Reset()
	require.NoError(t, r.WriteTable(&b, look{width: 60}))
	require.Contains(t, b.String(), `
                         no     naive  naive +
                    retries   retries  breaker  Holdfast
calls                  2600      2600     2600      2600
`)

	b.Reset()
	require.NoError(t, r.WriteTable(&b, look{width: 40}))
	require.Contains(t, b.String(), "\nno retries\n▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇█\nnaive retries\n")
	require.Contains(t, b.String(), `
goodput after
  no retries         90.9 %
  naive retries       0.0 %
  naive + breaker    97.9 %
  Holdfast           98.6 %
99 % again after
`)
}

// Strips are in color where there are colors.
func TestStripsInColor(t *testing.T) {
	r := sample()
	r.Clients[3].Timeline[0], r.Clients[3].Timeline[1] = new(99.0), new(10.0)
	require.Contains(t, r.timelines(look{width: 80, color: true}), "Holdfast           "+green+"█"+plain+red+"▁"+plain+"\n")
	require.NotContains(t, r.timelines(look{width: 80}), "\x1b")
}

func TestTablesFitTheTerminal(t *testing.T) {
	r := sample()
	r.Interrupted, r.WorstLagSeconds = true, 0.23
	r.Clients[1].Dropped = 12
	whole := shown(t, r.WriteTable, 1000) + intro(Full(), look{width: 1000})
	for _, width := range wraptest.Widths {
		wraptest.Require(t, intro(Full(), look{width: width})+shown(t, r.WriteTable, width), width, whole)
	}
}

// shown returns a table for a terminal so wide, with colors that take no room.
func shown(t *testing.T, table func(io.Writer, look) error, width int) string {
	t.Helper()
	var b, colored strings.Builder
	require.NoError(t, table(&b, look{width: width}))
	require.NoError(t, table(&colored, look{width: width, color: true}))
	require.Equal(t, b.String(), escapes.ReplaceAllString(colored.String(), ""))
	return b.String()
}

// escapes are escape sequences.
var escapes = regexp.MustCompile(`\x1b\[[?0-9]*[a-zA-Z]`)

func TestMarksDoNotTouch(t *testing.T) {
	require.Equal(t, "one       two       three", marks([]string{"one", "two", "three"}, []float64{1, 1, 2}))
	require.Equal(t, "one                 much longer", marks([]string{"one", "much longer", "three"}, []float64{20, 10, 10}), "touches")
	require.Equal(t, "one                 two three", marks([]string{"one", "two", "three"}, []float64{20, 4, 16}), "one blank is enough")
	require.Equal(t, "one                 two", marks([]string{"one", "two", "three"}, []float64{20, 3, 17}))
	require.Equal(t, "one", marks([]string{"one", "late"}, []float64{38, 2}), "no room before the end")
}

func TestTableSaysWhatIsWrongWithIt(t *testing.T) {
	r := sample()
	r.Interrupted, r.RanSeconds, r.WorstLagSeconds = true, 9.5, 0.23
	r.Clients[1].Dropped = 12
	r.Clients[1].After, r.Clients[1].RecoverySeconds = PhaseReport{}, nil
	var b strings.Builder
	require.NoError(t, r.WriteTable(&b, look{width: 96}))
	require.True(t, strings.HasPrefix(b.String(), "INTERRUPTED after 9.5 s of 20.0 s"))
	require.Contains(t, b.String(), "Dropped 12 arrivals")
	require.Contains(t, b.String(), "up to 230 ms late")
	require.NotContains(t, b.String(), notSeen, "half a second is too soon to say")
}

func TestGlyphIsFullFrom99PercentOnly(t *testing.T) {
	for percent, want := range map[float64]string{0: "▁", 14: "▁", 15: "▂", 50: "▄", 98.9: "▇", 99: "█", 100: "█"} {
		require.Equal(t, want, glyph(&percent), percent)
	}
	require.Equal(t, " ", glyph(nil))
}

func TestWrapped(t *testing.T) {
	text := strings.TrimSpace(strings.Repeat("four – ", 30))
	for line := range strings.Lines(wrapped(text, 20)) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSpace(line)), 20)
	}
	require.Equal(t, strings.Fields(text), strings.Fields(wrapped(text, 20)))
	require.Equal(t, "back at\n99 % again", wrapped("back at 99 % again", 11))
	require.Equal(t, "after\n1.2 s, or\n3 ms", wrapped("after 1.2 s, or 3 ms", 10))
	require.Equal(t, "of 2\nseconds", wrapped("of 2 seconds", 7), "no unit")
}
