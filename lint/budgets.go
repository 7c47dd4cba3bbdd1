package lint

import (
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
		s.tellOutage()
	}
	s.tellFleet()
}

func (s subject) checkFloor() {
	floor := s.Floor()
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
	if lasts <= coversAt || lasts == plan.Forever || s.Budget.Burst <= 1 {
		return
	}
	f := s.begin(burstCovers, "budget.burst")
	f.say("a full bank of %s pays for every retry of the first %s of an outage at %s: as good as no budget, for that long",
		f.count("burst", float64(s.Budget.Burst)), f.time("covers", lasts), f.rate("rps", s.RPS))
	f.arithmetic("%s / (%s × %s retries per call - what the floor pays) = %s", figure(float64(s.Budget.Burst)), figure(s.RPS),
		f.count("retries_per_call", s.Unpaid()-1), span(lasts.Seconds()))
	burst := max(1, int(float64(s.Budget.Burst)*coversAt.Seconds()/lasts.Seconds()))
	settings := []string{setting("budget.burst", burst)}
	if s.Budget.Initial > burst && s.Budget.Initial != s.Budget.Burst { // else most likely the default, which follows
		settings = append(settings, setting("budget.initial", burst))
	}
	f.fix(settings...)
	f.end()
}

// tellOutage tells what an outage makes of the traffic.
func (s subject) tellOutage() {
	f := s.begin(outageLoad, "budget")
	without := "without end"
	if n := s.Unpaid(); !math.IsInf(n, 1) {
		without = f.count("unpaid", n) + "×"
	}
	f.say("in an outage at %s, the budget keeps attempts at up to %s× the calls, once the %s of its bank are spent; without it they would be up to %s",
		f.rate("rps", s.RPS), f.count("sustained", s.Sustained(s.RPS)), f.count("burst", float64(s.Budget.Burst)), without)
	f.end()
}

// tellFleet tells what many banks and floors are together.
func (s subject) tellFleet() {
	if s.checker.options.Pods <= 0 {
		return
	}
	pods := float64(s.checker.options.Pods)
	f := s.begin(fleet, "budget")
	calls := ""
	if s.RPS > 0 {
		calls = ", on top of " + f.rate("fleet_rps", pods*s.RPS) + " calls"
	}
	f.say("%s instances: in an outage their banks pay for up to %s retries at once, and their floors for %s then%s",
		f.count("pods", pods), f.count("fleet_burst", pods*float64(s.Budget.Burst)), f.rate("fleet_floor", pods*s.Floor()), calls)
	f.arithmetic("%s × burst %s, %s × floor %s", figure(pods), f.count("burst", float64(s.Budget.Burst)),
		figure(pods), f.rate("floor", s.Floor()))
	f.end()
}
