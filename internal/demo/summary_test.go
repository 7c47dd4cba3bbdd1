package demo

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is a typical report.
func sample() *Report {
	phase := func(calls, good, attempts int) PhaseReport {
		return PhaseReport{calls, good, attempts, new(100 * float64(good) / float64(calls)), new(0.251)}
	}
	row := func(name string, before, during, after PhaseReport, recovery *float64, received, shed, wasted uint64) ClientReport {
		c := ClientReport{
			Name: name, Calls: before.Calls + during.Calls + after.Calls, Attempts: before.Attempts + during.Attempts + after.Attempts,
			Before: before, During: during, After: after, P99Seconds: new(0.251), RecoverySeconds: recovery,
			Outcomes: map[string]int{"good": before.Good + during.Good + after.Good},
			Backends: []BackendReport{
				{"payments", BackendCounts{Received: received, Shed: shed, Wasted: wasted}},
				{"auth", BackendCounts{}},
			},
			Timeline: make([]*float64, timelineSlices),
		}
		c.Amplification = float64(c.Attempts) / float64(c.Calls)
		return c
	}
	r := &Report{
		Seed: 1, RanSeconds: 20, Setup: setup(Full()),
		Clients: []ClientReport{
			row(nameSingle, phase(520, 518, 520), phase(650, 2, 650), phase(1430, 1300, 1430), new(1.2), 2600, 500, 300),
			row(nameNaive, phase(520, 520, 524), phase(650, 2, 2400), phase(1430, 0, 5500), nil, 8000, 6000, 1600),
			row(nameNaiveBreaker, phase(520, 520, 524), phase(650, 20, 300), phase(1430, 1400, 1450), new(0.0), 2200, 0, 80),
			row(nameHoldfast, phase(520, 520, 524), phase(650, 21, 200), phase(1430, 1410, 1440), new(0.7), 2100, 0, 70),
		},
	}
	r.Clients[3].Denials = map[string]uint64{"breaker_open": 400, "budget_exhausted": 30, "too_late": 0}
	r.Summary = summarize(r)
	return r
}

func TestSummaryReadsTheFigures(t *testing.T) {
	require.Equal(t, []string{
		"While the backends were well, retries made up for their occasional faults: goodput was 99.6 % without retries, " +
			"100.0 % with naive ones, 100.0 % with Holdfast.",
		"In the outage the naive client sent 3.7 attempts for each call; of all 8000 requests that its backends got, " +
			"75 % were turned away at a full queue, and 20 % were worked on for a caller who had already left.",
		"Once the backends were as fast as before, the client that never retries was back at 99 % goodput after 1.2 s; " +
			"the naive one was not back at 99 % goodput within the 11.0 s that were left: it went on sending each backend " +
			"250 requests a second, more than the 100 that it can serve, so that retries alone kept the outage going.",
		"The breaker in front of naive retries brought the attempts in the outage to 0.5 for each call, Holdfast to 0.3 " +
			"(it stopped calls and retries for breaker_open 400, budget_exhausted 30); after it the former was back at 99 % goodput at once, " +
			"the latter was back at 99 % goodput after 0.7 s.",
		"Calls answered in time, of 2600 for each client: Holdfast 1951, naive + breaker 1940, no retries 1820, naive retries 522.",
	}, sample().Summary)
}

// On a machine without time for the demo even healthy backends answer late: no client is to blame.
func TestSummaryOfABusyMachine(t *testing.T) {
	r := sample()
	r.Clients[0].Before.GoodputPercent = new(89.9)
	require.Equal(t, []string{
		"This machine was too busy for the demo: while the backends were well, only 89.9 % of the calls without retries " +
			"were answered in time. So the figures say nothing about the clients. Run it again when the machine has less to do.",
	}, summarize(r))

	r.Clients[0].Before.GoodputPercent = new(90.0)
	require.Len(t, summarize(r), 5)
}

// The sentences follow the figures: with the figures exchanged, they say the opposite.
func TestSummaryClaimsNothingThatTheFiguresDoNot(t *testing.T) {
	r := sample()
	r.Clients[1].Before.GoodputPercent = new(90.0)
	r.Clients[1].During.Attempts = 650
	r.Clients[1].After.Attempts = 1430
	r.Clients[1].RecoverySeconds = new(0.3)
	r.Clients[3].RecoverySeconds = nil
	text := strings.Join(summarize(r), "\n")
	require.Contains(t, text, "retries did not make up for")
	require.Contains(t, text, "1.0 attempts for each call, hardly more than without retries")
	require.Contains(t, text, "the naive one was back at 99 % goodput after 0.3 s.")
	require.NotContains(t, text, "kept the outage going")
	require.Contains(t, text, "the latter was not back at 99 % goodput within the 11.0 s that were left")

	r.Clients[1].RecoverySeconds = nil
	text = strings.Join(summarize(r), "\n")
	require.Contains(t, text, "though the 65 requests a second that it sent each backend are less than the 100 that it can serve")
}

func TestSummaryOfAPlayCutShort(t *testing.T) {
	r := sample()
	r.Interrupted, r.RanSeconds = true, 6
	for i := range r.Clients {
		r.Clients[i].After, r.Clients[i].RecoverySeconds = PhaseReport{}, nil
	}
	text := strings.Join(summarize(r), "\n")
	require.Contains(t, text, "In the outage")
	require.NotContains(t, text, "back at 99 %")

	require.Empty(t, summarize(&Report{Interrupted: true, Clients: make([]ClientReport, 4)}))
}
