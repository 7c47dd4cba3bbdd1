package storm

import (
	"fmt"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// String is the report on one screen: the totals, and up to 20 lines of the series. In a closed
// load, the waits (see Waits) take the place of the latencies of good calls.
func (r *Report) String() string {
	var b strings.Builder
	s, f := r.Scenario, &r.Total
	fmt.Fprintf(&b, "%s (seed %d): %v, for %v\n", s.title(), s.Seed, s.Load, s.For)
	fmt.Fprintf(&b, "%d calls, %d attempts (amplification %.3f), goodput %.2f %%, recovered after: %s\n",
		f.Calls, f.Attempts, f.Amplification(), 100*f.Goodput(), r.recovered())
	fmt.Fprintf(&b, "good calls took %v on average, p50 %v, p90 %v, p99 %v, at most %v\n",
		short(f.Mean), short(f.P50), short(f.P90), short(f.P99), short(f.Max))
	w := &f.Waits
	if s.Load.kind == closed {
		fmt.Fprintf(&b, "callers waited %v on average, p50 %v, p90 %v, p99 %v, at most %v; %.1f of %d at a time\n",
			short(w.Mean), short(w.P50), short(w.P90), short(w.P99), short(w.Max), f.Waiting, s.Load.loops)
	}
	fmt.Fprintf(&b, "works %d, for nothing %d; refused %d, failed %d; queue %.1f on average, %d at most\n",
		f.Works, f.Wasted, f.Refused, f.Failed, f.Queue, f.QueueMax)
	fmt.Fprintf(&b, "denials: %s\n", denials(f.Denials))
	r.lines(&b)
	return b.String()
}

// lines writes the series.
func (r *Report) lines(b *strings.Builder) {
	s := &r.Scenario
	took := "mean"
	if s.Load.kind == closed {
		took = "waits"
	}
	fmt.Fprintf(b, "%7s %7s %7s %7s %7s %7s %7s %7s %7s %7s %7s  %s\n", "at", "calls/s", "att./s", "good/s", "good", "refused", "failed", "queue", took, "p50", "p99", "denials")
	step := time.Duration((len(r.Series)+screen-1)/screen) * s.Bucket
	for at := time.Duration(0); at < time.Duration(len(r.Series))*s.Bucket; at += step {
		f := r.Between(at, at+step)
		per := min(step, time.Duration(len(r.Series))*s.Bucket-at).Seconds()
		good, mean, p50, p99 := "-", "-", "-", "-"
		if f.Calls > 0 {
			good = fmt.Sprintf("%.1f %%", 100*f.Goodput())
		}
		if w := r.took(&f); w != (Waits{}) {
			mean, p50, p99 = short(w.Mean).String(), short(w.P50).String(), short(w.P99).String()
		}
		fmt.Fprintf(b, "%7v %7.1f %7.1f %7.1f %7s %7d %7d %7.1f %7s %7s %7s  %s\n", at,
			float64(f.Calls)/per, float64(f.Attempts)/per, float64(f.Good)/per, good, f.Refused, f.Failed, f.Queue,
			mean, p50, p99, denials(f.Denials))
	}
}

// recovered is the Recovery in a few words.
func (r *Report) recovered() string {
	switch rec := r.Recovery(); rec.Outcome {
	case OutcomeNoTrouble:
		return "-"
	case OutcomeRecovered:
		return rec.After.String()
	case OutcomeUnclear:
		return fmt.Sprintf("cannot tell from %d calls", rec.Calls)
	default:
		return "never"
	}
}

// screen is how many lines of a series are shown.
const screen = 20

// title is what the scenario is called.
func (s *Scenario) title() string {
	if s.Name == "" {
		return "storm"
	}
	return s.Name
}

// short is d to four digits.
func short(d time.Duration) time.Duration {
	for unit := time.Duration(1); ; unit *= 10 {
		if d < 10_000*unit {
			return d.Round(unit)
		}
	}
}

// denials lists counts by reason.
func denials(counts map[resilience.Reason]int) string {
	var words []string
	for reason := range resilience.Reason(resilience.NumReasons) {
		if n := counts[reason]; n > 0 {
			words = append(words, fmt.Sprintf("%v %d", reason, n))
		}
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ", ")
}
