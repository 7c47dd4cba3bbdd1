package storm_test

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var recordReal = flag.Bool("record-loopback", false, "write loopback.txt and its tables in docs/storms.md from what a real server does")

const (
	// realRecording is where loopback.sh leaves what it found.
	realRecording = "loopback.txt"

	// What is between these in the page is written here.
	firstReal = "<!-- written by benchmarks/peers/storm/loopback.sh -->\n"
	lastReal  = "<!-- end of what loopback.sh wrote -->\n"

	// clearly is by how much the goodput of one client has to be higher to say that it does better.
	clearly = 0.05

	// mostLate is how late a call may begin on a machine that is not too busy for these figures.
	mostLate  = 200 * time.Millisecond
	realTries = 3 // until it is not

	realTurns = 3 // of a storm, until the order is the lab's
)

// sideBySide is what a client made of a storm: on a real server, and in the seeds of the lab.
type sideBySide struct {
	real outcome
	lab  []outcome
}

// realRecord is what loopback.sh found.
type realRecord struct {
	late  time.Duration // the most by which a call began late
	turns int           // how often a storm was played on the real server, at most
	found map[cell]sideBySide
}

// TestOnARealServer takes two minutes of the machine's time. So it is for each night, and for
// loopback.sh.
func TestOnARealServer(t *testing.T) {
	if os.Getenv("HOLDFAST_STORM_LOOPBACK") == "" {
		t.Skip("set HOLDFAST_STORM_LOOPBACK to play in real time")
	}
	r := realRecord{found: map[cell]sideBySide{}}
	for _, preset := range realPresets {
		for _, tr := range realTroubles {
			r.play(t, realNumbers(t, preset), tr)
		}
	}
	t.Log(r.tables())
	if *recordReal {
		require.NoError(t, os.WriteFile(realRecording, []byte(r.text()), 0o644))
		before, _, after := splitRealPage(t)
		require.NoError(t, os.WriteFile(page, []byte(before+firstReal+readReal(t).tables()+lastReal+after), 0o644))
	}
	require.Empty(t, r.disorders())
}

// play plays a storm in the lab and on a real server. Time cannot be seeded: if the order is
// another, the storm is played again, and the mean of the turns counts.
func (r *realRecord) play(t *testing.T, n numbers, tr trouble) {
	t.Helper()
	turns := map[string][]outcome{}
	lab := map[string][]outcome{}
	for _, client := range realClients {
		for seed := 1; seed <= *numSeeds; seed++ {
			lab[client] = append(lab[client], playInLab(t, n, tr, client, seed))
		}
	}
	for turn := 1; turn <= realTurns; turn++ {
		outcomes, late := playOnTime(t, n, tr, turn)
		for i, client := range realClients {
			turns[client] = append(turns[client], outcomes[i])
			r.found[cell{n.preset, tr.name, client}] = sideBySide{real: mean(turns[client]), lab: lab[client]}
		}
		r.late, r.turns = max(r.late, late.Round(time.Millisecond)), max(r.turns, turn)
		if len(r.disordersOf(n.preset, tr.name)) == 0 {
			return
		}
	}
}

// playOnTime plays a storm on a real server, and again if the machine was too busy.
func playOnTime(t *testing.T, n numbers, tr trouble, seed int) (outcomes []outcome, late time.Duration) {
	t.Helper()
	for range realTries {
		outcomes, late = playFor(t, n, tr.play(n), realClients, seed, overLoopback)
		if late <= mostLate {
			return outcomes, late
		}
		t.Logf("%s, %s: a call began %v late", n.preset, tr.name, late)
	}
	require.Failf(t, "the machine is too busy", "%s, %s: %d times, a call began more than %v late",
		n.preset, tr.name, realTries, mostLate)
	return nil, 0
}

func realNumbers(t *testing.T, preset string) numbers {
	t.Helper()
	for _, p := range presets {
		if p.name == preset {
			return numbersOf(t, p.name, p.stages())
		}
	}
	require.Fail(t, "there is no such preset", preset)
	return numbers{}
}

// A real server showed the same order of clients as the lab.
func TestTheRealOrderWasTheLabs(t *testing.T) {
	require.Empty(t, readReal(t).disorders())
}

// The page shows what loopback.sh found.
func TestThePageShowsTheRealServer(t *testing.T) {
	_, between, _ := splitRealPage(t)
	require.Equal(t, readReal(t).tables(), between, "run benchmarks/peers/storm/loopback.sh")
}

// The lab's half of the recording is of the presets and the lab as they are. Calls that enter a
// bulkhead at the instant at which others leave it may vary by a few in one seed.
func TestTheLabBesideTheRealServerIsCurrent(t *testing.T) {
	r := readReal(t)
	for _, preset := range realPresets {
		n := realNumbers(t, preset)
		for _, tr := range realTroubles {
			was, is := r.found[cell{preset, tr.name, ours}].lab[0], playInLab(t, n, tr, ours, 1)
			what := preset + ", " + tr.name + ": run benchmarks/peers/storm/loopback.sh"
			assert.InDelta(t, was.after, is.after, 0.01, what)
			assert.InDelta(t, was.since, is.since, 0.01, what)
			assert.InDelta(t, was.amplification, is.amplification, 0.02, what)
			for _, client := range realClients { // most rivals draw from a source of chance of their own
				was, is := r.found[cell{preset, tr.name, client}].lab[0], playInLab(t, n, tr, client, 1)
				assert.InDelta(t, was.since, is.since, 0.1, "%s, %s", client, what)
				assert.InDelta(t, was.amplification, is.amplification, 0.5, "%s, %s", client, what)
			}
		}
	}
}

// disorders are the pairs of clients that a real server puts into another order than the lab.
func (r realRecord) disorders() (all []string) {
	for _, preset := range realPresets {
		for _, tr := range realTroubles {
			all = append(all, r.disordersOf(preset, tr.name)...)
		}
	}
	return all
}

func (r realRecord) disordersOf(preset, storm string) (all []string) {
	for i, a := range realClients {
		for _, b := range realClients[i+1:] {
			first, second := r.found[cell{preset, storm, a}], r.found[cell{preset, storm, b}]
			lab, labSecond := mean(first.lab), mean(second.lab)
			for _, ahead := range []struct {
				name      string
				real, lab float64
			}{
				{"after", first.real.after - second.real.after, lab.after - labSecond.after},
				{"since", first.real.since - second.real.since, lab.since - labSecond.since},
			} {
				if disagree(ahead.real, ahead.lab) {
					all = append(all, fmt.Sprintf("%s, %s, %s: %s is ahead of %s by %.1f points on the real server, and by %.1f in the lab",
						preset, storm, ahead.name, a, b, 100*ahead.real, 100*ahead.lab))
				}
			}
		}
	}
	return all
}

// disagree reports whether two clients are clearly apart in one of the worlds, and not in the same
// order in the other.
func disagree(ahead, inLab float64) bool {
	return max(math.Abs(ahead), math.Abs(inLab)) > clearly && ahead*inLab <= 0
}

func TestDisagree(t *testing.T) {
	for _, c := range []struct {
		real, lab float64
		want      bool
	}{
		{0, 0, false},
		{0.05, -0.05, false}, // equal in both
		{0.06, 0.2, false},
		{-0.06, -0.2, false},
		{0.01, 0.2, false}, // the same order, less clearly
		{0.2, 0.01, false},
		{0.06, -0.01, true},
		{-0.01, 0.06, true},
		{-0.06, 0.06, true},
		{0, 0.06, true},
		{0.06, 0, true},
	} {
		assert.Equal(t, c.want, disagree(c.real, c.lab), "%+v", c)
	}
}

// tables are one for each storm, in Markdown.
func (r realRecord) tables() string {
	var b strings.Builder
	for _, tr := range realTroubles {
		fmt.Fprintf(&b, "\n| %s |", tr.name)
		for _, preset := range realPresets {
			fmt.Fprintf(&b, " %s: real | lab |", heading(preset))
		}
		b.WriteString("\n|---|" + strings.Repeat("---:|---:|", len(realPresets)) + "\n")
		for _, client := range realClients {
			b.WriteString("| " + rival{name: client}.title() + " |")
			for _, preset := range realPresets {
				side := r.found[cell{preset, tr.name, client}]
				fmt.Fprintf(&b, " %v | %v |", side.real, mean(side.lab))
			}
			b.WriteByte('\n')
		}
	}
	seeds := len(r.found[cell{realPresets[0], realTroubles[0].name, ours}].lab)
	fmt.Fprintf(&b, "\nThe lab's figures are means of the seeds 1 to %d. The real server played each storm %s.\n"+
		"No call began more than %d ms late.\n\n", seeds, r.howOften(), r.late.Milliseconds())
	return b.String()
}

func (r realRecord) howOften() string {
	if r.turns == 1 {
		return "once"
	}
	return fmt.Sprintf("once, or up to %d\ntimes until the mean of the turns had the lab's order", r.turns)
}

func (r realRecord) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "late\t%v\nturns\t%d\n", r.late, r.turns)
	for _, preset := range realPresets {
		for _, tr := range realTroubles {
			for _, client := range realClients {
				side := r.found[cell{preset, tr.name, client}]
				fmt.Fprintf(&b, "%s\t%s\t%s\t%s", preset, tr.name, client, side.real.text(0))
				for i, o := range side.lab {
					b.WriteString("\t" + o.text(i+1))
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// readReal reads loopback.txt, and fails unless it is of these storms and clients.
func readReal(t *testing.T) realRecord {
	t.Helper()
	f, err := os.Open(realRecording)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read
	r := realRecord{found: map[cell]sideBySide{}}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		switch fields[0] {
		case "late":
			r.late, err = time.ParseDuration(fields[1])
			require.NoError(t, err)
			continue
		case "turns":
			r.turns, err = strconv.Atoi(fields[1])
			require.NoError(t, err)
			continue
		}
		require.Greater(t, len(fields), 4, "%q", lines.Text())
		var side sideBySide
		for i, field := range fields[3:] {
			var seed int
			var o outcome
			_, err := fmt.Sscanf(field, "%d:%f/%f/%f", &seed, &o.after, &o.since, &o.amplification)
			require.NoError(t, err, "%q", field)
			require.Equal(t, i, seed, "%q: want the real server, and then the seeds in their order", lines.Text())
			if i == 0 {
				side.real = o
			} else {
				side.lab = append(side.lab, o)
			}
		}
		r.found[cell{fields[0], fields[1], fields[2]}] = side
	}
	require.Len(t, r.found, len(realPresets)*len(realTroubles)*len(realClients), "run benchmarks/peers/storm/loopback.sh")
	for _, preset := range realPresets {
		for _, tr := range realTroubles {
			for _, client := range realClients {
				require.Contains(t, r.found, cell{preset, tr.name, client}, "run benchmarks/peers/storm/loopback.sh")
			}
		}
	}
	return r
}

func splitRealPage(t *testing.T) (before, between, after string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), firstReal)
	between, after, ok2 := strings.Cut(rest, lastReal)
	require.True(t, ok && ok2, "%s has no place for the tables: want the lines %q and %q", page, firstReal, lastReal)
	return before, between, after
}
