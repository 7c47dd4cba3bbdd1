package demo

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/wordwrap/wraptest"
)

// sampleFleet is a report in which a fleet does better in some figures, and worse in others.
func sampleFleet() *FleetReport {
	figures := func(during float64, reached, late, pods int, half, all, failed, closed *float64) *FleetFigures {
		f := &FleetFigures{
			Calls: 6400, BeforePercent: new(100.0), DuringPercent: new(during), AfterPercent: new(99.5),
			Reached: reached, ReachedLate: late, PodsLate: pods, HalfOpen: half, AllOpen: all, FailedMedian: failed, ClosedAgain: closed,
			OthersPercent: new(100.0), BrokenOpen: new(35.5), MendedClosed: new(0.7),
			Goodput: make([]*float64, timelineSlices), Open: make([]*float64, timelineSlices), Dead: make([]int, timelineSlices),
		}
		for i := range timelineSlices {
			f.Goodput[i], f.Open[i] = new(100-2.5*float64(i)), new(2.5*float64(i))
		}
		f.Dead[5] = reached
		return f
	}
	r := &FleetReport{
		Seed: 1, Setup: fleetSetup(FullFleet()),
		Alone:  figures(0.2, 2605, 389, 40, new(35.3), nil, new(0.79), new(3.0)),
		Joined: figures(3.7, 780, 56, 25, new(2.4), new(4.1), new(2.73), new(2.5)),
		Outages: []OutageFigures{
			{5, OutagePart{399, new(83.4), new(0.0)}, OutagePart{395, new(83.7), new(4.1)}},
			{60, OutagePart{2605, new(29.3), new(3.0)}, OutagePart{780, new(31.8), new(2.5)}},
		},
	}
	r.Joined.Advised = 40
	r.Summary = summarizeFleet(r)
	return r
}

func TestFleetTable(t *testing.T) {
	r := sampleFleet()
	r.Summary = []string{"A sentence."}
	require.Equal(t, `over time                        well outage         well  a pod broken
goodput, each alone              █▇▇▇▇▇▆▆▆▆▆▆▅▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▃▂▂▂▂▂▂▁▁▁▁▁
goodput, a fleet                 █▇▇▇▇▇▆▆▆▆▆▆▅▅▅▅▅▅▄▄▄▄▄▃▃▃▃▃▃▂▂▂▂▂▂▁▁▁▁▁
breakers open, each alone         ▁▁▁▁▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▇▇▇▇▇█████
breakers open, a fleet            ▁▁▁▁▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▇▇▇▇▇█████
attempts while down, each alone       █
attempts while down, a fleet          ▃

                                    each alone  a fleet
goodput before the outage              100.0 %  100.0 %
goodput in the outage of 60 s            0.2 %    3.7 %
goodput in the 24 s after it            99.5 %   99.5 %
attempts at the dead dependency           2605      780
of these, in the last 10 s                 389       56
pods that made those                        40       25
half of the breakers open after         35.3 s    2.4 s
all breakers open after               not seen    4.1 s
opened on the fleet's advice               n/a       40
a call that failed took (median)        0.79 s   2.73 s
all breakers closed again after          3.0 s    2.5 s
a broken pod: the others' goodput      100.0 %  100.0 %
a broken pod: others that opened             0        0
a broken pod: its own open after        35.5 s   35.5 s
a broken pod: mended, closed after       0.7 s    0.7 s

Outages of other lengths: the attempts at the dead dependency, the goodput from
the outage's begin until 24 s after its end, and when the last breaker was
closed again.
           attempts,  attempts,  goodput,  goodput,  closed,  closed,
outage of      alone      fleet     alone     fleet    alone    fleet
5 s              399        395    83.4 %    83.7 %    0.0 s    4.1 s
60 s            2605        780    29.3 %    31.8 %    3.0 s    2.5 s

A sentence.
`, shown(t, r.WriteTable, 80))
}

func TestFleetFitsTheTerminal(t *testing.T) {
	r := sampleFleet()
	all := func(width int) string {
		return fleetIntro(FullFleet(), look{width: width}) + shown(t, r.WriteTable, width) + shown(t, (&FleetReport{Interrupted: true}).WriteTable, width)
	}
	for _, width := range wraptest.Widths {
		wraptest.Require(t, all(width), width, all(1000))
	}
	for line := range strings.Lines(all(80)) {
		require.NotEqual(t, "% ", line[:min(2, len(line))], "no unit begins a line")
	}
}

func TestBarOfNothingIsBlank(t *testing.T) {
	for percent, want := range map[float64]string{0: " ", 0.1: "▁", 12.4: "▁", 12.5: "▂", 99: "█", 100: "█"} {
		require.Equal(t, want, bar(&percent), percent)
	}
	require.Equal(t, " ", bar(nil))
}

func TestFleetSummaryReadsTheFigures(t *testing.T) {
	require.Equal(t, []string{
		"When the dependency went down, half of the breakers were open after 35.3 s with each pod alone, and after 2.4 s in a fleet; " +
			"40 breakers opened on the fleet's advice.",
		"In the outage 2605 attempts reached the dead dependency from pods alone, and 780 from a fleet, 70 % fewer.",
		"In the last 10 s of the outage 40 of 40 pods alone called it, 38.9 times a second together; of the fleet 25 did, 5.6 times a second.",
		"Once the dependency was back, all breakers were closed after 3.0 s with each pod alone, and after 2.5 s in a fleet; " +
			"goodput in those 24 s was 99.5 % and 99.5 %.",
		"While one pod could not reach the dependency, no other breaker opened with each pod alone, and no other breaker did in a fleet; " +
			"the others' goodput was 100.0 % and 100.0 %.",
		"The fleet did worse than the pods alone in: a call that failed took (median): 2.73 s, alone 0.79 s; " +
			"all closed after the outage of 5 s: 4.1 s, alone 0.0 s.",
	}, sampleFleet().Summary)
}

// The sentences follow the figures: with the sides exchanged, they say the opposite.
func TestFleetSummaryClaimsNothingThatTheFiguresDoNot(t *testing.T) {
	r := sampleFleet()
	r.Alone, r.Joined = r.Joined, r.Alone
	r.Joined.HalfOpen, r.Joined.ClosedAgain, r.Joined.OthersOpened, r.Alone.OthersOpened = nil, nil, 1, 2
	for i, o := range r.Outages {
		r.Outages[i].Alone, r.Outages[i].Joined = o.Joined, o.Alone
	}
	text := strings.Join(summarizeFleet(r), "\n")
	require.Contains(t, text, "open after 2.4 s with each pod alone, and at no time in the outage in a fleet; no breaker opened on the fleet's advice")
	require.Contains(t, text, "780 attempts reached the dead dependency from pods alone, and 2605 from a fleet, 234 % more.")
	require.Contains(t, text, "closed after 2.5 s with each pod alone, and not within 24 s in a fleet")
	require.Contains(t, text, "2 other breakers opened with each pod alone, and 1 other breaker did in a fleet")
	for _, worse := range []string{
		"goodput in the outage of 60 s: 0.2 %, alone 3.7 %", "attempts at the dead dependency: 2605, alone 780", "pods that made those: 40, alone 25",
		"half of the breakers open after: not seen, alone 2.4 s", "all breakers open after: not seen, alone 4.1 s",
		"all breakers closed again after: not seen, alone 2.5 s", "attempts in the outage of 5 s: 399, alone 395",
		"goodput of the outage of 5 s: 83.4 %, alone 83.7 %",
	} {
		require.Contains(t, text, worse)
	}
	require.NotContains(t, text, "a call that failed took")
	require.NotContains(t, text, "others that opened:", "fewer did")

	r.Joined, r.Outages = r.Alone, nil
	text = strings.Join(summarizeFleet(r), "\n")
	require.Contains(t, text, "and 780 from a fleet.")
	require.Contains(t, text, "In no figure above did the fleet do worse than the pods alone.")
	r.Alone.Reached, r.Alone.ReachedLate, r.Alone.PodsLate = 0, 0, 0
	require.Contains(t, strings.Join(summarizeFleet(r), "\n"), "0 of 40 pods alone called it, 0.0 times a second together")
}
