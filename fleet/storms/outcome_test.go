package storms_test

import (
	"time"

	"github.com/media-gateway/holdfast/storm"
)

// outcome is what came of a row.
type outcome struct {
	since, after float64 // goodput, of the calls begun since the trouble began, and since its end
	attempts     float64 // that reached the dependency in the trouble
	probes       float64 // those in the second half of the trouble, each second
	well         float64 // how many seconds after the trouble the calls were well again; -1: they were not, or it did not end
	half         float64 // after how many seconds of the trouble half of the breakers were open; -1: they were not
	p50, p99     float64 // milliseconds that good calls took, of those begun since the trouble began
}

// judge tells what came of a run.
func (l *lab) judge(report *storm.Report) outcome {
	r := l.row
	since := report.Between(r.begin, r.until)
	o := outcome{
		since: since.Goodput(), after: since.Goodput(), well: -1, half: -1,
		p50: milliseconds(since.P50), p99: milliseconds(since.P99),
	}
	end := r.until
	if r.end > 0 {
		end = r.end
		o.after = report.Between(end, r.until).Goodput()
		if after, ok := report.Recovered(); ok {
			o.well = after.Seconds()
		}
	}
	o.attempts = float64(report.Between(r.begin, end).Attempts)
	middle := (r.begin + end) / 2
	o.probes = float64(report.Between(middle, end).Attempts) / (end - middle).Seconds()
	if l.halfOpen != never {
		o.half = l.halfOpen.Seconds()
	}
	return o
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
