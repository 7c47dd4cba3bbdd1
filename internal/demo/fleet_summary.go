package demo

import (
	"fmt"
	"math"
	"strings"
)

// summarizeFleet explains the tables to somebody who sees them for the first time. It describes the
// figures of this run, whichever side they speak for.
func summarizeFleet(r *FleetReport) []string {
	return []string{r.opening(), r.reached(), r.late(), r.closing(), r.oneBroken(), r.price()}
}

// opening describes how soon the breakers opened.
func (r *FleetReport) opening() string {
	return fmt.Sprintf("When the dependency went down, half of the breakers were open %s with each pod alone, and %s in a fleet; %s opened on the fleet's advice.",
		afterOrNever(r.Alone.HalfOpen), afterOrNever(r.Joined.HalfOpen), many(int(r.Joined.Advised), "breaker", "breakers"))
}

// many returns a number with the word for it.
func many(n int, one, more string) string {
	switch n {
	case 0:
		return "no " + one
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func afterOrNever(s *float64) string {
	if s == nil {
		return "at no time in the outage"
	}
	return "after " + seconds(*s)
}

// reached compares the attempts that reached the dead dependency.
func (r *FleetReport) reached() string {
	a, j := r.Alone.Reached, r.Joined.Reached
	text := fmt.Sprintf("In the outage %d attempts reached the dead dependency from pods alone, and %d from a fleet", a, j)
	if a == 0 {
		return text + "."
	}
	switch change := int(math.Round(100 * float64(j-a) / float64(a))); {
	case change < 0:
		text += fmt.Sprintf(", %d %% fewer", -change)
	case change > 0:
		text += fmt.Sprintf(", %d %% more", change)
	}
	return text + "."
}

// late says who probes, once the breakers have had time to open.
func (r *FleetReport) late() string {
	each := func(f *FleetFigures) float64 { return float64(f.ReachedLate) / r.Setup.LateSeconds }
	return fmt.Sprintf("In the last %s of the outage %d of %d pods alone called it, %.1f times a second together; of the fleet %d did, %.1f times a second.",
		short(r.Setup.LateSeconds), r.Alone.PodsLate, r.Setup.Pods, each(r.Alone), r.Joined.PodsLate, each(r.Joined))
}

// closing compares how it was when the dependency was well again.
func (r *FleetReport) closing() string {
	again := short(r.Setup.AgainSeconds)
	part := func(f *FleetFigures) string {
		if f.ClosedAgain == nil {
			return "not within " + again
		}
		return "after " + seconds(*f.ClosedAgain)
	}
	return fmt.Sprintf("Once the dependency was back, all breakers were closed %s with each pod alone, and %s in a fleet; goodput in those %s was %s and %s.",
		part(r.Alone), part(r.Joined), again, percent(r.Alone.AfterPercent), percent(r.Joined.AfterPercent))
}

// oneBroken says what a broken pod does to the others.
func (r *FleetReport) oneBroken() string {
	return fmt.Sprintf("While one pod could not reach the dependency, %s opened with each pod alone, and %s did in a fleet; the others' goodput was %s and %s.",
		many(r.Alone.OthersOpened, "other breaker", "other breakers"), many(r.Joined.OthersOpened, "other breaker", "other breakers"),
		percent(r.Alone.OthersPercent), percent(r.Joined.OthersPercent))
}

// price names every figure in which the fleet did worse.
func (r *FleetReport) price() string {
	var worse []string
	for _, f := range r.figures() {
		if f.worse {
			worse = append(worse, fmt.Sprintf("%s: %s, alone %s", f.label, f.joined, f.alone))
		}
	}
	for _, o := range r.Outages {
		if o.Seconds == r.Setup.OutageSeconds { // it is among the figures
			continue
		}
		for _, f := range []figure{
			less("attempts in", count(o.Alone.Reached), count(o.Joined.Reached), whole),
			more("goodput of", o.Alone.GoodputPercent, o.Joined.GoodputPercent, percent),
			less("all closed after", o.Alone.ClosedAgain, o.Joined.ClosedAgain, after),
		} {
			if f.worse {
				worse = append(worse, fmt.Sprintf("%s the outage of %s: %s, alone %s", f.label, short(o.Seconds), f.joined, f.alone))
			}
		}
	}
	if worse == nil {
		return "In no figure above did the fleet do worse than the pods alone."
	}
	return "The fleet did worse than the pods alone in: " + strings.Join(worse, "; ") + "."
}
