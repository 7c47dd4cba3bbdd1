package storm

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// WriteCSV writes the series, a line for each bucket, under a line of names, and the totals as the
// last line. Latencies are in milliseconds. Each reason of Denials has a column.
func (r *Report) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	header := []string{
		"at_s", "calls", "good", "attempts", "works", "wasted", "amplification", "goodput",
		"queue", "queue_max", "in_service", "p50_ms", "p90_ms", "p99_ms", "max_ms",
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
	for _, n := range []int{f.Calls, f.Good, f.Attempts, f.Works, f.Wasted} {
		line = append(line, strconv.Itoa(n))
	}
	line = append(line, decimal(f.Amplification()), decimal(f.Goodput()), decimal(f.Queue), strconv.Itoa(f.QueueMax), decimal(f.InService))
	for _, d := range []time.Duration{f.P50, f.P90, f.P99, f.Max} {
		line = append(line, decimal(float64(d)/float64(time.Millisecond)))
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
