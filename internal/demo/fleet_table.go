package demo

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The names of the two sides.
const (
	sideAlone  = "each alone"
	sideJoined = "a fleet"
)

// WriteTable writes the report for people, in lines of at most width characters. It returns w's
// error.
func (r *FleetReport) WriteTable(w io.Writer, l look) error {
	var b strings.Builder
	if r.Alone == nil || r.Joined == nil {
		b.WriteString(wrapped("INTERRUPTED: a fleet's figures are those of a whole play.", l.width) + "\n")
	} else {
		b.WriteString(r.strips(l))
		b.WriteString("\n" + r.figuresTable().text(l.width))
		b.WriteString("\n" + wrapped(fmt.Sprintf("Outages of other lengths: the attempts at the dead dependency, the goodput from the outage's begin until "+
			"%s after its end, and when the last breaker was closed again.", short(r.Setup.AgainSeconds)), l.prose()) + "\n")
		b.WriteString(r.outagesTable().text(l.width) + "\n")
		for _, s := range r.Summary {
			b.WriteString(wrapped(s, l.prose()) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *FleetReport) figuresTable() *grid {
	g := &grid{}
	g.row("", sideAlone, sideJoined)
	for _, f := range r.figures() {
		g.row(f.label, f.alone, f.joined)
	}
	return g
}

func (r *FleetReport) outagesTable() *grid {
	g := &grid{}
	g.row("outage of", "attempts, alone", "attempts, fleet", "goodput, alone", "goodput, fleet", "closed, alone", "closed, fleet")
	for _, o := range r.Outages {
		g.row(short(o.Seconds), strconv.Itoa(o.Alone.Reached), strconv.Itoa(o.Joined.Reached),
			percent(o.Alone.GoodputPercent), percent(o.Joined.GoodputPercent), after(o.Alone.ClosedAgain), after(o.Joined.ClosedAgain))
	}
	return g
}

// strips draws what happened over time, under the names of what happened.
func (r *FleetReport) strips(l look) string {
	most := 1
	for _, f := range []*FleetFigures{r.Alone, r.Joined} {
		for _, n := range f.Dead {
			most = max(most, n)
		}
	}
	share := func(counts []int) (shares []*float64) {
		for _, n := range counts {
			shares = append(shares, new(100*float64(n)/float64(most)))
		}
		return shares
	}
	s := r.Setup
	marks := marks([]string{"well", "outage", "well", "a pod broken", "well"},
		[]float64{s.WellSeconds, s.OutageSeconds, s.AgainSeconds, s.BrokenSeconds, s.MendedSeconds})
	t := timeline{look: l, head: "over time", marks: marks}
	t.row("goodput, "+sideAlone, r.Alone.Goodput, glyph, colorOf)
	t.row("goodput, "+sideJoined, r.Joined.Goodput, glyph, colorOf)
	t.row("breakers open, "+sideAlone, r.Alone.Open, bar, noColor)
	t.row("breakers open, "+sideJoined, r.Joined.Open, bar, noColor)
	t.row("attempts while down, "+sideAlone, share(r.Alone.Dead), bar, noColor)
	t.row("attempts while down, "+sideJoined, share(r.Joined.Dead), bar, noColor)
	return t.String()
}

// bar draws a percentage as a block, and none as a blank.
func bar(percent *float64) string {
	if percent == nil || *percent <= 0 {
		return " "
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	return string(blocks[min(int(*percent/100*float64(len(blocks))), len(blocks)-1)])
}

func noColor(*float64) string { return plain }

// figure is one line of the table. Where less is better, and where more is, it can be said which
// side did worse.
type figure struct {
	label, alone, joined string
	worse                bool // the fleet is
}

// figures are the lines of the table.
func (r *FleetReport) figures() []figure {
	a, j, s := r.Alone, r.Joined, r.Setup
	return []figure{
		more("goodput before the outage", a.BeforePercent, j.BeforePercent, percent),
		more("goodput in the outage of "+short(s.OutageSeconds), a.DuringPercent, j.DuringPercent, percent),
		more("goodput in the "+short(s.AgainSeconds)+" after it", a.AfterPercent, j.AfterPercent, percent),
		less("attempts at the dead dependency", count(a.Reached), count(j.Reached), whole),
		less("of these, in the last "+short(s.LateSeconds), count(a.ReachedLate), count(j.ReachedLate), whole),
		less("pods that made those", count(a.PodsLate), count(j.PodsLate), whole),
		less("half of the breakers open after", a.HalfOpen, j.HalfOpen, after),
		less("all breakers open after", a.AllOpen, j.AllOpen, after),
		{label: "opened on the fleet's advice", alone: none, joined: strconv.FormatUint(j.Advised, 10)},
		less("a call that failed took (median)", a.FailedMedian, j.FailedMedian, took),
		less("all breakers closed again after", a.ClosedAgain, j.ClosedAgain, after),
		more("a broken pod: the others' goodput", a.OthersPercent, j.OthersPercent, percent),
		less("a broken pod: others that opened", count(a.OthersOpened), count(j.OthersOpened), whole),
		{label: "a broken pod: its own open after", alone: after(a.BrokenOpen), joined: after(j.BrokenOpen)},
		less("a broken pod: mended, closed after", a.MendedClosed, j.MendedClosed, after),
	}
}

func count(n int) *float64 { return new(float64(n)) }

// less is a figure of which less is better, and nil is the worst.
func less(label string, alone, joined *float64, text func(*float64) string) figure {
	f := figure{label: label, alone: text(alone), joined: text(joined)}
	f.worse = f.alone != f.joined && alone != nil && (joined == nil || *joined > *alone)
	return f
}

// more is a figure of which more is better.
func more(label string, alone, joined *float64, text func(*float64) string) figure {
	f := figure{label: label, alone: text(alone), joined: text(joined)}
	f.worse = f.alone != f.joined && alone != nil && joined != nil && *joined < *alone
	return f
}

func whole(n *float64) string { return strconv.Itoa(int(*n)) }

// after returns how long something took, if it came about in the time that there was.
func after(s *float64) string {
	if s == nil {
		return notSeen
	}
	return seconds(*s)
}

func took(s *float64) string {
	if s == nil {
		return none
	}
	return fmt.Sprintf("%.2f s", *s)
}

// short returns a whole number of seconds without a fraction.
func short(s float64) string {
	if s == math.Trunc(s) {
		return fmt.Sprintf("%.0f s", s)
	}
	return seconds(s)
}
