package timeline

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var update = flag.Bool("update", false, "write the golden files anew: look at what changed")

// requireGolden compares text with what a file holds.
func requireGolden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "if it is meant: go test ./internal/timeline -update")
}

func golden(name string, kind string) string {
	return filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+"."+kind)
}

func TestText(t *testing.T) {
	for name, stages := range charts {
		for _, width := range []int{60, 80, 120} {
			t.Run(fmt.Sprint(name, " ", width), func(t *testing.T) {
				requireGolden(t, golden(name, fmt.Sprint(width, ".txt")), chartOf(t, "payments", stages...).Text(width, false))
			})
		}
		t.Run(name+" in ASCII", func(t *testing.T) {
			requireGolden(t, golden(name, "ascii.txt"), chartOf(t, "payments", stages...).Text(80, true))
		})
	}
}

// No line is wider than it may be, and ASCII is nothing but ASCII.
func TestTextFits(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := chartOf(t, "payments", randomStages(rng)...)
		width := 30 + rng.IntN(120)
		for _, ascii := range []bool{false, true} {
			for line := range strings.SplitSeq(c.Text(width, ascii), "\n") {
				require.LessOrEqual(t, utf8.RuneCountInString(line), max(width, LeastWidth), "seed %d: %s", seed, line)
				require.Equal(t, strings.TrimRight(line, " "), line)
				if ascii {
					require.False(t, strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }), line)
				}
			}
		}
	}
}

// A column shows what happens in its middle. The test computes that from the schedule alone.
func TestEveryColumnIsRight(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		stages := randomStages(rng)
		c := chartOf(t, "payments", stages...)
		width := 60 + rng.IntN(100)
		columns := width - 3
		end := c.axis().end
		lines := strings.Split(c.Text(width, false), "\n")
		for i, r := range c.rows() {
			bar := barAfter(t, lines, r.title)
			require.NotEmpty(t, bar, "seed %d, row %d", seed, i)
			bar += strings.Repeat(" ", columns+1-utf8.RuneCountInString(bar))
			for column, drawn := range []rune(bar)[:columns] {
				middle := time.Duration((float64(column) + 0.5) / float64(columns) * float64(end))
				requireDrawn(t, c, r.Schedule, float64(end)/float64(columns), column, middle, drawn, seed)
			}
		}
	}
}

// barAfter returns the bar of the row with the title: the first line below that begins with an
// attempt.
func barAfter(t *testing.T, lines []string, title string) string {
	t.Helper()
	found := false
	for _, line := range lines {
		found = found || strings.HasPrefix(line, pad+title[:20])
		bar, ok := strings.CutPrefix(line, pad)
		first, _ := utf8.DecodeRuneInString(bar)
		if found && ok && (first == drawAttempt || first == drawCut) {
			return bar
		}
	}
	return ""
}

// requireDrawn requires that a column, of so many nanoseconds, shows what happens in its middle.
func requireDrawn(t *testing.T, c Chart, s plan.Schedule, column float64, number int, middle time.Duration, drawn rune, seed uint64) {
	t.Helper()
	if drawn == drawNext {
		drawn = drawAttempt
	}
	want, edge := happens(c, s, middle)
	if want == drawn || edge {
		return
	}
	for _, a := range s.Attempts[:s.Runs] { // one that is in the middle of no column has that in which it begins
		begins := float64(a.Start) / column
		short := float64(min(a.End, c.axis().end)-a.Start) < column // as far as the axis goes
		if short && (drawn == drawAttempt || drawn == drawCut && a.Cut) && begins > float64(number)-1e-6 && begins < float64(number)+1+1e-6 {
			return
		}
	}
	t.Fatalf("seed %d, column %d, at %v: %q, want %q\n%s", seed, number, middle, drawn, want, c.Text(100, false))
}

// happens returns what a column must show for a moment, and whether it is on an edge, where
// rounding decides.
func happens(c Chart, s plan.Schedule, moment time.Duration) (draw rune, edge bool) {
	near := func(t time.Duration) bool { return moment > t-ns && moment < t+ns }
	draw = ' '
	for i, a := range s.Attempts[:s.Runs] {
		edge = edge || near(a.Start) || near(a.End)
		if moment >= a.Start && moment < a.End {
			draw = drawAttempt
			if a.Cut {
				draw = drawCut
			}
		}
		if i > 0 && moment >= s.Attempts[i-1].End && moment < a.Start {
			least := s.Attempts[i-1].End + c.plan.Pause(i-1).Shortest
			edge = edge || near(least)
			draw = drawJitter
			if moment < least {
				draw = drawPause
			}
		}
	}
	return draw, edge
}

const ns = 8 * time.Nanosecond // more than what a float of hours is off by

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1: "1ns", 1500: "1.5µs", 1234567: "1.235ms", 57500 * us: "57.5ms", 123456 * us: "123.5ms", 1065 * ms: "1.065s", 59999 * ms: "1m0s",
		90 * time.Second: "1m30s", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + 400*ms: "1h", 26*time.Hour + 90*time.Second: "26h2m", 25*time.Hour + time.Second: "25h",
		plan.Forever: "forever",
	} {
		if d == 59999*ms {
			want = "1m" // 60.00 s
		}
		require.Equal(t, want, short(d), d)
	}
	require.Equal(t, "50ms…65ms", between(50*ms, 65*ms))
	require.Equal(t, "50ms", between(50*ms, 50*ms+1))
}

func TestTicks(t *testing.T) {
	for _, test := range []struct {
		end  time.Duration
		most int
		want []time.Duration
	}{
		{2 * time.Second, 5, []time.Duration{0, 500 * ms, time.Second, 1500 * ms}},
		{3, 10, []time.Duration{0, 1, 2}},
		{time.Hour, 6, []time.Duration{0, 600 * time.Second, 1200 * time.Second, 1800 * time.Second, 2400 * time.Second, 3000 * time.Second}},
	} {
		require.Equal(t, test.want, scale{end: test.end}.ticks(test.most))
	}
	for end := time.Duration(1); end < plan.Forever/3; end *= 3 {
		require.LessOrEqual(t, len(scale{end: end}.ticks(7)), 8, end)
	}
}

func TestNotes(t *testing.T) {
	for name, test := range map[string]struct {
		stages []resilience.Stage
		want   string
	}{
		"the deadline ends an attempt": {payments(), "Attempts 5 and 6 do not run if the dependency hangs: the deadline ends attempt 4."},
		"the pause does not fit": {
			[]resilience.Stage{deadline.In(time.Second), retry.Custom(2, 200*ms, time.Second, false), deadline.In(350 * ms)},
			"Attempt 3 does not run if the dependency hangs: after attempt 2, 100ms is left, and the pause is 400ms.",
		},
		"the attempt does not fit": {
			[]resilience.Stage{deadline.In(time.Second), retry.Config{MaxRetries: 1, BaseDelay: 100 * ms, MinAttempt: 500 * ms, Jitter: retry.NoJitter}, deadline.In(450 * ms)},
			"Attempt 2 does not run if the dependency hangs: after attempt 1, 550ms is left, and the pause is 100ms, and min_attempt 500ms.",
		},
		"never": {
			[]resilience.Stage{deadline.In(time.Second), retry.Custom(9, 300*ms, time.Second, false)},
			"Attempts 4 to 10 can never run: even if all fail at once, with the shortest pauses, nothing is left before the deadline.",
		},
		"never, for min_attempt": {
			[]resilience.Stage{deadline.In(time.Second), retry.Config{MaxRetries: 2, BaseDelay: 300 * ms, MinAttempt: 200 * ms, Jitter: retry.NoJitter}},
			"Attempt 3 can never run: even if all fail at once, with the shortest pauses, no more than min_attempt (200ms) is left before the deadline.",
		},
		"never paid": {charts["never paid"], "Retries are never paid for: the budget has neither a ratio nor a floor, and its bank begins empty."},
		"soon spent": {
			[]resilience.Stage{budget.Config{Ratio: -1, Floor: -1, Initial: 5}, retry.Custom(5, 100*ms, time.Second, false)},
			"The budget pays for 5 retries in the life of the process, and for none after that: it has neither a ratio nor a floor, so its bank stays empty.",
		},
		"nothing ends it": {[]resilience.Stage{retry.Custom(1, ms, ms, false)}, "Attempt 2 does not run if the dependency hangs: nothing ends attempt 1."},
		"guard":           {[]resilience.Stage{deadline.In(time.Second), quota{}}, "What timeline.quota does, only code knows."},
	} {
		t.Run(name, func(t *testing.T) {
			c := chartOf(t, "x", test.stages...)
			require.Contains(t, c.notes(c.axis()), test.want)
		})
	}
	require.Equal(t, "A spent budget, an open breaker or a full bulkhead", enumerate([]string{"a spent budget", "an open breaker", "a full bulkhead"}))
	require.Equal(t, "An open breaker", enumerate([]string{"an open breaker"}))
}

// If retries are never paid for, none is drawn or counted.
func TestNeverPaid(t *testing.T) {
	c := chartOf(t, "x", charts["never paid"]...)
	text := strings.Join(strings.Fields(c.Text(120, false)), " ")
	require.NotContains(t, text, "6 of 6")
	require.Contains(t, text, "1 of 6 attempts, since the budget never pays for a retry; the answer comes after 1s.")
	require.Contains(t, text, "1 of 6 attempts, since the budget never pays for a retry; the answer comes after 0s.")
	require.NotContains(t, text, "Retry-After")
	require.NotContains(t, text, "A spent budget")
	for _, r := range c.rows() {
		require.Equal(t, 1, r.Runs)
	}
	for name, paid := range map[string]budget.Config{
		"a ratio": {Floor: -1, Initial: -1}, "a floor": {Ratio: -1, Initial: -1}, "a bank": {Ratio: -1, Floor: -1}, "shadow": {Ratio: -1, Floor: -1, Initial: -1, Shadow: true},
	} {
		text := chartOf(t, "x", paid, retry.Custom(5, 100*ms, time.Second, false), deadline.In(time.Second)).Text(120, false)
		require.Contains(t, text, "6 of 6 attempts; the answer", name)
	}
}

// quota is a user's Guard.
type quota struct{ resilience.Guard }

func (q quota) Build() (resilience.Policy, error) { return q, nil }

func TestAName(t *testing.T) {
	text := chartOf(t, "a\x1b[31mb\nc", deadline.In(time.Second)).Text(80, false)
	require.True(t, strings.HasPrefix(text, "a?[31mb?c: deadline 1s\n"), "nothing in a name steers the terminal: %q", text[:20])
	require.Equal(t, "a?b -> 2x 1..2us", ASCII("aäb → 2× 1…2µs"))
}

func TestOfNamesWhatIsWrong(t *testing.T) {
	_, err := Of("x", []resilience.Stage{nil, retry.Config{BaseDelay: -1}})
	require.ErrorContains(t, err, "stage 1")
	require.ErrorContains(t, err, "BaseDelay")
}

func ExampleOf() {
	c, err := Of("search", []resilience.Stage{
		deadline.In(time.Second),
		retry.Config{MaxRetries: 3, BaseDelay: 100 * time.Millisecond, Jitter: retry.NoJitter},
		deadline.In(300 * time.Millisecond),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(c.Text(60, true))
	// Output:
	// search: deadline 1s -> retry 3x 100ms..5s -> deadline 300ms
	//
	//   It hangs: every attempt runs into its deadline, every
	//   pause is the longest.
	//   0s         200ms      400ms       600ms        deadline 1s
	//   +----------+----------+-----------+----------+-----------+
	//   #################------#################-----------%%%%%%|
	//   1                      2                           3
	//   3 of 4 attempts; the deadline ends the call after 1s.
	//
	//   It fails at once: attempts take no time, every pause is
	//   the mean.
	//   #----#-----------#---------------------#                 |
	//   1    2           3                     4
	//   4 of 4 attempts; the answer comes after 700ms.
	//
	//   # attempt  % attempt, cut by the call's deadline  - pause
	//   | deadline  a column is 17.54ms
	//
	//   #  pause before  it hangs         it fails at once
	//   1                0s..300ms        0s
	//   2  100ms         400ms..700ms     100ms
	//   3  200ms         900ms..1s (cut)  300ms
	//   4  400ms         -                700ms
	//
	//   Attempt 4 does not run if the dependency hangs: the
	//     deadline ends attempt 3.
	//   A Retry-After of the dependency may make a pause longer,
	//     as far as the deadline.
}
