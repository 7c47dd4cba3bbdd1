package storm

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
)

// Load is when calls begin. It is a value made by Poisson, Constant, Trace or Closed; its methods
// return another one. The first three are open: calls begin whether or not others have ended, as
// they do where many people do not know of each other. In a closed one, each caller waits for its
// answer before it calls again.
type Load struct {
	kind   loadKind
	rate   float64 // a second, at first
	ramps  []point
	spikes []spike
	trace  []time.Duration
	loops  int
	think  Distribution
}

type loadKind uint8

const (
	poisson loadKind = iota + 1
	constant
	trace
	closed
	served // what another server calls
)

// point is the end of a ramp.
type point struct {
	at   time.Duration
	rate float64
}

type spike struct {
	rate     float64
	from, to time.Duration
}

// Poisson begins calls independently of each other, perSecond on average.
func Poisson(perSecond float64) Load { return Load{kind: poisson, rate: perSecond} }

// Constant begins calls at even distances, perSecond of them, the first at once.
func Constant(perSecond float64) Load { return Load{kind: constant, rate: perSecond} }

// Trace begins a call at each of these times since the start, in whatever order they are given.
func Trace(at ...time.Duration) Load {
	at = slices.Clone(at)
	slices.Sort(at)
	return Load{kind: trace, trace: at}
}

// Closed has that many callers who each think, call, wait for the answer, and think again.
func Closed(callers int, think Distribution) Load {
	return Load{kind: closed, loops: callers, think: think}
}

// RampTo changes the rate in a straight line to perSecond at that time since the start: from the
// end of the ramp before it, or from the beginning. After the last ramp, the rate stays. It applies
// to Poisson and Constant.
func (l Load) RampTo(perSecond float64, at time.Duration) Load {
	l.ramps = append(slices.Clone(l.ramps), point{at: at, rate: perSecond})
	return l
}

// Spike sets the rate to perSecond from that time since the start, for that long. It applies to
// Poisson and Constant.
func (l Load) Spike(perSecond float64, at, length time.Duration) Load {
	to := at + length
	if length > 0 && to < at { // more than a Duration holds
		to = math.MaxInt64
	}
	l.spikes = append(slices.Clone(l.spikes), spike{rate: perSecond, from: at, to: to})
	return l
}

// String says what load it is: "Poisson, 40/s, 80/s at 25s".
func (l Load) String() string {
	var s string
	switch l.kind {
	case poisson:
		s = fmt.Sprintf("Poisson, %g/s", l.rate)
	case constant:
		s = fmt.Sprintf("constant, %g/s", l.rate)
	case trace:
		return fmt.Sprintf("trace of %d calls", len(l.trace))
	case closed:
		return fmt.Sprintf("closed, %d callers", l.loops)
	case served:
		return "calls of another server"
	default:
		return "no load"
	}
	for _, p := range l.ramps {
		s += fmt.Sprintf(", %g/s at %v", p.rate, p.at)
	}
	for _, p := range l.spikes {
		s += fmt.Sprintf(", %g/s from %v to %v", p.rate, p.from, p.to)
	}
	return s
}

func (l Load) check(c *check.Check) {
	switch l.kind {
	case poisson, constant:
		l.checkRates(c)
	case trace:
		if len(l.trace) == 0 {
			c.Fail("Load", l, "want at least one call in the trace")
		} else if l.trace[0] < 0 {
			c.Fail("Load", l.trace[0], "want times of at least 0 in the trace")
		}
	case closed:
		if l.loops < 1 || l.loops > maxClients {
			c.Fail("Load", l, "want 1 to %d callers", maxClients)
		}
		if instant(l.think) {
			c.Fail("Load", l, "want callers who think for a while: Closed(%d, Exponential(time.Second))", max(1, l.loops))
		}
		checkDistribution(c, "Load", l.think)
	default:
		c.Fail("Load", "missing", "want Poisson, Constant, Trace or Closed")
	}
	if l.kind > constant && len(l.ramps)+len(l.spikes) > 0 {
		c.Fail("Load", l, "want no ramp and no spike in a trace or a closed load")
	}
}

// instant reports whether d is one of those that take no time.
func instant(d Distribution) bool {
	switch d := d.(type) {
	case nil:
		return true
	case Fixed:
		return d == 0
	case Exponential:
		return d == 0
	case TwoPoint:
		return (d.Usual == 0 || d.Share == 1) && (d.Rare == 0 || d.Share == 0)
	case Normal:
		return d == Normal{}
	}
	return false
}

// maxRate is the most calls a second: at a nanosecond of distance, every instant would be taken.
const maxRate = 1e6

func (l Load) checkRates(c *check.Check) {
	rates := []float64{l.rate}
	last := time.Duration(0)
	for _, p := range l.ramps {
		rates = append(rates, p.rate)
		if p.at <= last {
			c.Fail("Load", l, "want each ramp to end after the one before it, and after the start")
		}
		last = p.at
	}
	for _, p := range l.spikes {
		rates = append(rates, p.rate)
		if p.from < 0 || p.to <= p.from {
			c.Fail("Load", l, "want a spike to begin at 0 or later, and to last")
		}
	}
	for _, r := range rates {
		if !(r >= 0 && r <= maxRate) {
			c.Fail("Load", r, "want a rate from 0 to %g a second", maxRate)
		}
	}
	if slices.Max(rates) <= 0 {
		c.Fail("Load", l, "want a rate above 0 at some time")
	}
}

// piece is a stretch of time in which the rate goes from one value to another in a straight line.
type piece struct {
	from, to    float64 // seconds
	first, last float64 // calls a second
}

// pieces cuts the time until end where the rate bends or jumps.
func (l Load) pieces(end time.Duration) []piece {
	cuts := []time.Duration{0, end}
	for _, p := range l.ramps {
		cuts = append(cuts, p.at)
	}
	for _, s := range l.spikes {
		cuts = append(cuts, s.from, s.to)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var pieces []piece
	for i := 0; i+1 < len(cuts) && cuts[i] < end; i++ {
		from, to := cuts[i], cuts[i+1]
		p := piece{from: from.Seconds(), to: to.Seconds(), first: l.base(from), last: l.base(to)}
		for _, s := range l.spikes {
			if s.from <= from && to <= s.to {
				p.first, p.last = s.rate, s.rate
			}
		}
		pieces = append(pieces, p)
	}
	return pieces
}

// base is the rate at t without spikes.
func (l Load) base(t time.Duration) float64 {
	was := point{rate: l.rate}
	i, _ := slices.BinarySearchFunc(l.ramps, t, func(p point, t time.Duration) int { return cmp.Compare(p.at, t) })
	if i > 0 {
		was = l.ramps[i-1]
	}
	if i == len(l.ramps) {
		return was.rate
	}
	next := l.ramps[i]
	return was.rate + (next.rate-was.rate)*float64(t-was.at)/float64(next.at-was.at)
}

// arrivals returns when the calls of an open load begin, one by one, until end.
func (l Load) arrivals(end time.Duration, rnd *rand.Rand) func() (time.Duration, bool) {
	if l.kind == trace {
		i := 0
		return func() (time.Duration, bool) {
			if i == len(l.trace) || l.trace[i] >= end {
				return 0, false
			}
			i++
			return l.trace[i-1], true
		}
	}
	// The n-th call of an even load begins when the rate, summed up over time, comes to n. Those of
	// a Poisson process are as far apart in that sum as exponentials of mean 1.
	pieces := l.pieces(end)
	area, first := 0.0, true // area: how much of the sum is still to come in pieces[0], from its start
	return func() (time.Duration, bool) {
		switch {
		case l.kind == poisson:
			area += rnd.ExpFloat64()
		case !first:
			area++
		}
		first = false
		for len(pieces) > 0 {
			p := pieces[0]
			if at, ok := p.reach(area); ok {
				return time.Duration(math.Round(at * 1e9)), true
			}
			area -= p.area()
			pieces = pieces[1:]
		}
		return 0, false
	}
}

// expected is about how many calls begin until end, where that is known: 0 for a closed load.
func (l Load) expected(end time.Duration) int {
	n := l.mean(end)
	return int(n + 4*math.Sqrt(n)) // four standard deviations of a Poisson process
}

// mean is how many calls begin until end on average: 0 for a closed load, where nobody knows.
func (l Load) mean(end time.Duration) (calls float64) {
	if l.kind == trace {
		return float64(len(l.trace))
	}
	if l.kind == closed {
		return 0
	}
	for _, p := range l.pieces(end) {
		calls += p.area()
	}
	return calls
}

// area is how many calls begin in p on average.
func (p piece) area() float64 { return (p.to - p.from) * (p.first + p.last) / 2 }

// reach returns when the rate, summed up since p's start, comes to area, if it does in p.
func (p piece) reach(area float64) (float64, bool) {
	if total := p.area(); area >= total {
		return 0, false
	}
	slope := (p.last - p.first) / (p.to - p.from)
	root := math.Sqrt(max(0, p.first*p.first+2*slope*area))
	if p.first+root == 0 {
		return p.from, true
	}
	return p.from + 2*area/(p.first+root), true
}
