package demo

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	r := sample()
	r.Summary = []string{"A sentence."}
	for i := range r.Clients[0].Timeline {
		r.Clients[0].Timeline[i] = new(2.5 * float64(i+1))
	}
	var b strings.Builder
	require.NoError(t, r.WriteTable(&b))
	require.Equal(t, `client           calls  attempts  ampl.  goodput before  during   after     p99  99 % again
no retries        2600      2600   1.00          99.6 %   0.3 %  90.9 %  251 ms       1.2 s
naive retries     2600      8424   3.24         100.0 %   0.3 %   0.0 %  251 ms  not in run
naive + breaker   2600      2274   0.87         100.0 %   3.1 %  97.9 %  251 ms       0.0 s
Holdfast          2600      2164   0.83         100.0 %   3.2 %  98.6 %  251 ms       0.7 s

goodput over time  healthy outage    recovery
no retries         ▁▁▁▁▁▂▂▂▂▂▂▃▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▅▆▆▆▆▆▆▇▇▇▇▇█
naive retries
naive + breaker
Holdfast

both backends of  requests  answered  failed 500  full 503  for nobody  stopped here
no retries            2600         0           0       500         300           n/a
naive retries         8000         0           0      6000        1600           n/a
naive + breaker       2200         0           0         0          80           n/a
Holdfast              2100         0           0         0          70           430
Holdfast stopped calls and retries by reason: breaker_open 400, budget_exhausted 30

A sentence.
`, b.String())
}

func TestTableSaysWhatIsWrongWithIt(t *testing.T) {
	r := sample()
	r.Interrupted, r.RanSeconds, r.WorstLagSeconds = true, 9.5, 0.23
	r.Clients[1].Dropped = 12
	r.Clients[1].After, r.Clients[1].RecoverySeconds = PhaseReport{}, nil
	var b strings.Builder
	require.NoError(t, r.WriteTable(&b))
	require.True(t, strings.HasPrefix(b.String(), "INTERRUPTED after 9.5 s of 20.0 s"))
	require.Contains(t, b.String(), "Dropped 12 arrivals")
	require.Contains(t, b.String(), "up to 230 ms late")
	require.NotContains(t, b.String(), "not in run", "half a second is too soon to say")
}

func TestTableWrapsTheReasons(t *testing.T) {
	r := sample()
	r.Clients[3].Denials = map[string]uint64{
		"breaker_open": 1300, "budget_exhausted": 33, "bulkhead_full": 308, "retries_exhausted": 1, "too_late": 302,
	}
	require.Equal(t, "Holdfast stopped calls and retries by reason: breaker_open 1300, budget_exhausted 33,\n"+
		"bulkhead_full 308, retries_exhausted 1, too_late 302\n", r.deniedText())
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
}
