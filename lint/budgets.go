package lint

import (
	"fmt"
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/budget"
)

const (
	tolerable   = 0.2              // retries per call in an outage, from the floor alone
	coversAt    = 10 * time.Second // of an outage, whose retries a burst should not all pay for
	soundRatio  = 0.3              // the presets': ADR 9
	hugeRatio   = 1.0
	dwarfsTwice = 2.0 // as much as the ratio pays
	smallFloor  = 0.5 // retries a second of all instances that are known of: the presets' for one
	muchMore    = 1.1 // attempts per call of a long outage
	smallBurst  = 20  // retries that no dependency is the worse for
)

// checkBudget checks what the budget lets pass in an outage.
func (s subject) checkBudget() {
	if s.Budget == nil || !s.Retries() {
		return
	}
	if s.Budget.Shadow {
		f := s.begin(shadow, "budget.shadow")
		f.say("the budget is in shadow: it counts what it would refuse, and in an outage every call becomes %s", s.upTo(f))
		f.fix(setting("budget.shadow", false))
		f.end()
		return
	}
	if s.Ratio() >= hugeRatio {
		f := s.begin(ratioHuge, "budget.ratio")
		f.say("ratio %s: even where half of the first attempts fail, the budget pays for that many retries of each, so it limits little",
			f.count("ratio", s.Ratio()))
		f.fix(setting("budget.ratio", soundRatio))
		f.end()
	}
	if s.Budget.DepositOn == budget.Arrival && s.Ratio() > 0 {
		f := s.begin(fedByArrivals, "budget.deposit_on")
		f.say("calls deposit whether they succeed or not: in an outage the budget goes on paying for %s retries per call",
			f.count("retries_per_call", min(s.Ratio(), s.Unpaid()-1)))
		f.fix(setting("budget.deposit_on", "success"))
		f.end()
	}
	if s.RPS > 0 {
		s.checkFloor()
		s.checkBurst()
	}
	if s.checker.options.Pods > 0 {
		s.tellFleet()
	}
}

func (s subject) checkFloor() {
	floor := s.Floor()
	if floor*max(1, float64(s.checker.options.Pods)) <= smallFloor {
		return // whatever the traffic: the dependency hardly notices
	}
	if floor <= dwarfsTwice*s.Ratio()*s.RPS || floor <= tolerable*s.RPS {
		return
	}
	f := s.begin(floorDwarfs, "budget.floor")
	f.say("the floor of %s dwarfs what the ratio pays for at %s (%s): in an outage it allows up to %s retries per call",
		f.rate("floor", floor), f.rate("rps", s.RPS), f.rate("ratio_pays", s.Ratio()*s.RPS), f.count("retries_per_call", min(floor/s.RPS, s.Unpaid()-1)))
	f.arithmetic("floor %s / %s = %s; ratio %s × %s = %s", figure(floor), figure(s.RPS), figure(floor/s.RPS),
		f.count("ratio", s.Ratio()), figure(s.RPS), figure(s.Ratio()*s.RPS))
	f.fix(setting("budget.floor", decimal(lowered(tolerable*s.RPS))))
	f.end()
}

func (s subject) checkBurst() {
	lasts := s.BurstLasts(s.RPS)
	if lasts <= coversAt || lasts == plan.Forever || s.Budget.Burst <= smallBurst {
		return
	}
	f := s.begin(burstCovers, "budget.burst")
	f.say("a full bank of %s pays for every retry of the first %s of an outage at %s: as good as no budget, for that long",
		f.count("burst", float64(s.Budget.Burst)), f.about("covers", lasts.Seconds(), "s"), f.rate("rps", s.RPS))
	f.arithmetic("%s / (%s × %s retries per call - what the floor pays) = %s", figure(float64(s.Budget.Burst)), figure(s.RPS),
		f.count("retries_per_call", s.Unpaid()-1), span(lasts.Seconds()))
	burst := max(smallBurst, downward(float64(s.Budget.Burst)*coversAt.Seconds()/lasts.Seconds()))
	settings := []string{setting("budget.burst", burst)}
	if s.Budget.Initial > burst && s.Budget.Initial != s.Budget.Burst { // else most likely the default, which follows
		settings = append(settings, setting("budget.initial", burst))
	}
	f.fix(settings...)
	f.end()
}

// tellOutages tells what an outage makes of the traffic of services: of each where that is much more, and else of the one
// where it is the most. With a number of instances, what they do together is told instead.
func (c *checker) tellOutages() {
	if c.options.Pods > 0 {
		return
	}
	var most *subject
	told, of := false, 0
	for i := range c.subjects {
		s := &c.subjects[i]
		if !s.Limited() || !s.Retries() || s.RPS <= 0 {
			continue
		}
		of++
		if n := s.Sustained(s.RPS); n >= muchMore && (n-1)*s.RPS > smallFloor {
			s.tellOutage("")
			told = true
		}
		if most == nil || s.amplifies() > most.amplifies() || s.amplifies() == most.amplifies() && s.Unpaid() > most.Unpaid() {
			most = s
		}
	}
	switch {
	case most == nil || told:
	case of > 1:
		most.tellOutage(fmt.Sprintf("; that is the most of %d services", of))
	default:
		most.tellOutage("")
	}
}

// amplifies returns the attempts per call of a long outage, as exactly as they are shown.
func (s subject) amplifies() float64 { return math.Round(s.Sustained(s.RPS)*1000) / 1000 }

func (s subject) tellOutage(among string) {
	f := s.begin(outageLoad, "budget")
	f.say("in an outage at %s there are up to %s, once the bank's %s retries are spent; without the budget %s%s",
		f.rate("rps", s.RPS), perCall(f, "sustained", s.Sustained(s.RPS)), f.count("burst", float64(s.Budget.Burst)), s.without(f), among)
	f.end()
}

// perCall says how many attempts there are for each call.
func perCall(f *draft, name string, attempts float64) string {
	text := f.count(name, attempts)
	if text == "1" {
		return text + " attempt per call"
	}
	return text + " attempts per call"
}

// without says how many attempts per call there are if no budget limits them.
func (s subject) without(f *draft) string {
	if n := s.Unpaid(); !math.IsInf(n, 1) {
		return "up to " + f.count("unpaid", n)
	}
	return "there is no limit"
}

// tellFleet tells what many banks and floors are together.
func (s subject) tellFleet() {
	pods := float64(s.checker.options.Pods)
	f := s.begin(fleet, "budget")
	then := "and none after that"
	if s.Floor() > 0 {
		then = "and their floors for " + f.rate("fleet_floor", pods*s.Floor()) + " after that"
	}
	calls := ""
	if s.RPS > 0 {
		calls = fmt.Sprintf(", beside %s calls: up to %s, and without the budget %s",
			f.rate("fleet_rps", pods*s.RPS), perCall(f, "sustained", s.Sustained(s.RPS)), s.without(f))
	}
	f.say("in an outage the banks of %s instances pay for up to %s retries at once, %s%s",
		f.count("pods", pods), f.count("fleet_burst", pods*float64(s.Budget.Burst)), then, calls)
	f.arithmetic("%s × burst %s", figure(pods), f.count("burst", float64(s.Budget.Burst)))
	if s.Floor() > 0 {
		f.arithmetic("%s, %s × floor %s", f.Arithmetic, figure(pods), f.rate("floor", s.Floor()))
	}
	f.end()
}
