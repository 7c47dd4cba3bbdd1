package storm

import (
	"fmt"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// String is the report on one screen: the totals, and up to 20 lines of the series.
func (r *Report) String() string {
	var b strings.Builder
	s := r.Scenario
	fmt.Fprintf(&b, "%s (seed %d): %v, for %v\n", s.title(), s.Seed, s.Load, s.For)
	recovered := "-"
	if r.lastEnd() > 0 {
		recovered = "never"
		if after, ok := r.Recovered(); ok {
			recovered = after.String()
		}
	}
	fmt.Fprintf(&b, "%d calls, %d attempts (amplification %.3f), goodput %.2f %%, recovered after: %s\n",
		r.Total.Calls, r.Total.Attempts, r.Total.Amplification(), 100*r.Total.Goodput(), recovered)
	fmt.Fprintf(&b, "works %d, for nothing %d; queue %.1f on average, %d at most; denials: %s\n",
		r.Total.Works, r.Total.Wasted, r.Total.Queue, r.Total.QueueMax, denials(r.Total.Denials))
	fmt.Fprintf(&b, "%7s %8s %8s %8s %8s %8s %8s %8s  %s\n", "at", "calls/s", "att./s", "good/s", "good", "queue", "p50", "p99", "denials")
	step := time.Duration((len(r.Series)+screen-1)/screen) * s.Bucket
	for at := time.Duration(0); at < time.Duration(len(r.Series))*s.Bucket; at += step {
		f := r.Between(at, at+step)
		per := min(step, time.Duration(len(r.Series))*s.Bucket-at).Seconds()
		fmt.Fprintf(&b, "%7v %8.1f %8.1f %8.1f %6.1f %% %8.1f %8v %8v  %s\n", at,
			float64(f.Calls)/per, float64(f.Attempts)/per, float64(f.Good)/per, 100*f.Goodput(), f.Queue, short(f.P50), short(f.P99), denials(f.Denials))
	}
	return b.String()
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
