package timeline

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/brief"
	"github.com/media-gateway/holdfast/internal/plan"
)

// scale is the axis.
type scale struct {
	end      time.Duration // above 0
	deadline bool          // end is the call's deadline
	blank    bool          // nothing takes any time, so there is nothing to label
}

// axis returns the axis of the chart. It goes up to the deadline, or less far if nothing happens
// for most of that time.
func (c Chart) axis() scale {
	last := time.Duration(0) // when the later of the two calls ends
	for _, r := range []plan.Schedule{c.worst, c.quick} {
		if r.End != plan.Forever {
			last = max(last, r.End)
		}
	}
	deadline := c.plan.Deadline
	switch {
	case deadline > 0 && (last == 0 || last >= deadline/3):
		return scale{end: deadline, deadline: true}
	case deadline > 0:
		return scale{end: min(deadline, last+last/5+1)}
	}
	end := time.Duration(0)
	for _, r := range []plan.Schedule{c.worst, c.quick} {
		for i, a := range r.Attempts[:r.Runs] {
			if a.End != plan.Forever && i < mostDrawn {
				end = max(end, a.End)
			}
		}
	}
	if end == 0 {
		return scale{end: time.Second, blank: true}
	}
	return scale{end: end + end/16 + 1} // so that there is room for what comes last
}

// at returns the position of a time on an axis of so many units.
func (s scale) at(t time.Duration, units float64) float64 {
	return min(units, max(0, float64(t)/float64(s.end)*units))
}

// steps are the usual distances between two ticks, in rising order.
var steps = func() []time.Duration {
	var all []time.Duration
	for unit := time.Duration(1); unit < time.Second; unit *= 10 {
		all = append(all, unit, 2*unit, 5*unit)
	}
	all = append(all, time.Second, 2*time.Second, 5*time.Second, 10*time.Second, 15*time.Second, 30*time.Second,
		time.Minute, 2*time.Minute, 5*time.Minute, 10*time.Minute, 15*time.Minute, 30*time.Minute,
		time.Hour, 2*time.Hour, 6*time.Hour, 12*time.Hour)
	for unit := 24 * time.Hour; unit < math.MaxInt64/10; unit *= 10 {
		all = append(all, unit, 2*unit, 5*unit)
	}
	return all
}()

// ticks returns the times to mark on the axis: its beginning, and at most so many more. The end is
// not among them.
func (s scale) ticks(most int) []time.Duration {
	if s.blank {
		return []time.Duration{0}
	}
	step := steps[len(steps)-1]
	for _, candidate := range steps {
		if s.end/candidate <= time.Duration(most) {
			step = candidate
			break
		}
	}
	var all []time.Duration
	for t := time.Duration(0); t < s.end; t += step {
		all = append(all, t)
	}
	return all
}

// short returns a duration in at most four digits below a minute, in seconds below an hour, in
// minutes above: "1.05s", "550ms", "1h30m".
func short(d time.Duration) string {
	if d == plan.Forever {
		return "forever"
	}
	return brief.Duration(rounded(d))
}

func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Hour:
		return d.Round(time.Minute)
	case d >= time.Minute:
		return d.Round(time.Second)
	}
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		switch {
		case d >= 100*unit:
			return d.Round(unit / 10)
		case d >= 10*unit:
			return d.Round(unit / 100)
		case d >= unit:
			return d.Round(unit / 1000)
		}
	}
	return d
}

// between returns "50ms…65ms", or one of them if they are the same.
func between(from, to time.Duration) string {
	a, b := short(from), short(to)
	if a == b {
		return a
	}
	return a + "…" + b
}
