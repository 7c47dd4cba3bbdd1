package storm

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// WriteCSV writes the series, a line for each bucket, under a line of names, and the totals as the
// last line. Latencies are in milliseconds, and empty where no call was good; those of Waits
// (wait_…) are empty in an open load. Each reason of Denials has a column.
func (r *Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	header := []string{
		"at_s", "calls", "good", "attempts", "works", "wasted", "refused", "failed", "amplification", "goodput",
		"queue", "queue_max", "in_service", "waiting", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "max_ms",
		"wait_mean_ms", "wait_p50_ms", "wait_p90_ms", "wait_p99_ms", "wait_max_ms",
	}
	for reason := resilience.ReasonNone + 1; reason < resilience.NumReasons; reason++ {
		header = append(header, reason.String())
	}
	_ = c.Write(header) // c.Error says it in the end
	for i := range r.Series {
		b := &r.Series[i]
		_ = c.Write(b.line(decimal(b.At.Seconds())))
	}
	_ = c.Write(r.Total.line("total"))
	c.Flush()
	return c.Error()
}

func (f *Figures) line(at string) []string {
	line := []string{at}
	for _, n := range []int{f.Calls, f.Good, f.Attempts, f.Works, f.Wasted, f.Refused, f.Failed} {
		line = append(line, strconv.Itoa(n))
	}
	line = append(line, decimal(f.Amplification()), decimal(f.Goodput()), decimal(f.Queue), strconv.Itoa(f.QueueMax), decimal(f.InService), decimal(f.Waiting))
	for _, w := range []Waits{f.latencies(), f.Waits} {
		for _, d := range []time.Duration{w.Mean, w.P50, w.P90, w.P99, w.Max} {
			cell := ""
			if w != (Waits{}) {
				cell = decimal(float64(d) / float64(time.Millisecond))
			}
			line = append(line, cell)
		}
	}
	for reason := resilience.ReasonNone + 1; reason < resilience.NumReasons; reason++ {
		line = append(line, strconv.Itoa(f.Denials[reason]))
	}
	return line
}

// decimal is v with up to six digits after the point.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', 6, 64)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}
