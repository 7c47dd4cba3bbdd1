package lint

import (
	"slices"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/budget"
)

const (
	tolerable   = 0.2              // retries per call that a floor may pay for in an outage
	coversAt    = 10 * time.Second // a burst should not pay for all retries of an outage for longer than this
	soundRatio  = 0.3              // the best without a SlowCost: ADR 9
	hugeRatio   = 1.0
	dwarfsTwice = 2.0 // a floor above this multiple of what the ratio pays dwarfs it
	smallFloor  = 0.5 // retries a second that no dependency notices: the presets' largest floor
	leastFloor  = 0.2 // with which a quiet service can still retry, once in 5 s: the preset's for most calls

	defaultFloor = 1.0 // of budget.Config
	muchMore     = 1.1 // attempts per call of a long outage
	smallBurst   = 20  // retries that do no dependency harm
)

// checkBudget checks what the budget lets pass in an outage. One finding may hide others: a budget
// in shadow has no other findings, and a ratio of 300 is more than any floor. So a fix also
// contains the fixes of the findings that it would reveal.
func (s subject) checkBudget() {
	first := len(s.checker.findings)
	s.tellBudget()
	found := s.checker.findings[first:]
	if i := slices.IndexFunc(found, func(f Finding) bool { return f.Severity > Info }); i >= 0 {
		found[i].Fix = append(found[i].Fix, s.hidden(found)...)
	}
}

// hidden returns the fixes of the findings about the budget that appear once the fixes of found are
// applied.
func (s subject) hidden(found []Finding) (settings Fix) {
	told := map[string]bool{}
	for len(found) > 0 {
		b := *s.Budget
		for _, f := range found {
			told[f.Code] = true
			if f.Severity > Info {
				changeBudget(&b, f.Fix)
			}
		}
		s.Budget, s.checker = &b, &checker{}
		s.tellBudget()
		found = slices.DeleteFunc(s.checker.findings, func(f Finding) bool { return told[f.Code] || f.Severity == Info })
		for _, f := range found {
			settings = append(settings, f.Fix...)
		}
	}
	return settings
}

// changeBudget applies a fix of this file to a budget.
func changeBudget(b *budget.Config, fix Fix) {
	for _, s := range fix {
		v, _ := strconv.ParseFloat(s.Value, 64)
		switch s.Key {
		case "budget.shadow":
			b.Shadow = false
		case "budget.ratio":
			b.Ratio = v
		case "budget.floor":
			b.Floor = v
		case "budget.burst":
			b.Burst = int(v)
		case "budget.initial":
			b.Initial = int(v)
		case "budget.slow_cost":
			b.SlowCost = v
		}
	}
}

func (s subject) tellBudget() {
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
	if s.Ratio()/s.SlowCost() >= hugeRatio { // in an overload, where retries do harm, all cost that
		f := s.begin(ratioHuge, "budget.ratio")
		f.say("ratio %s: even where half of the first attempts fail, the budget pays for that many retries of each, so it limits little",
			f.count("ratio", s.Ratio()))
		settings := Fix{setting("budget.ratio", soundRatio)}
		if s.RPS > 0 && s.dwarfs(s.Floor(), soundRatio) { // else that would be the next finding
			settings = append(settings, s.lowerFloor())
		}
		f.fix(settings...)
		f.end()
	}
	if s.Budget.DepositOn == budget.Arrival && s.Ratio() > 0 {
		f := s.begin(fedByArrivals, "budget.deposit_on")
		f.say("calls deposit whether they succeed or not: in an outage the budget goes on paying for %s per call",
			f.some("retries_per_call", min(s.Ratio(), s.Unpaid()-1), "retry", "retries"))
		f.fix(setting("budget.deposit_on", "success"))
		f.end()
	}
	s.checkEmpty()
	if s.RPS > 0 {
		s.checkFloor()
		s.checkBurst()
	}
}

// checkEmpty finds a budget without a ratio and without a floor: nothing ever fills its bank.
func (s subject) checkEmpty() {
	switch {
	case s.NeverPaid():
		f := s.begin(neverPaid, "budget")
		none := "no retry is"
		switch n := s.Attempts() - 1; {
		case n == 1:
			none = "the one retry is not"
		case n > 1:
			none = "none of the " + f.count("retries", float64(n)) + " retries is"
		}
		f.say("the budget has neither a ratio nor a floor, and its bank begins empty: %s ever paid for", none)
		f.fix(setting("budget.ratio", soundRatio))
		f.end()
	case s.RunsDry():
		f := s.begin(bankRunsDry, "budget")
		f.say("the budget has neither a ratio nor a floor: it pays for %s in the life of the process, and for none after that",
			f.some("bank", s.Bank(), "retry", "retries"))
		f.fix(setting("budget.ratio", soundRatio))
		f.end()
	}
}

func (s subject) checkFloor() {
	floor := s.Floor()
	if !s.dwarfs(floor, s.Ratio()) {
		return
	}
	f := s.begin(floorDwarfs, "budget.floor")
	share := ""
	if s.Floor() < s.Budget.Floor {
		share = ", a share of " + f.rate("pooled_floor", s.Budget.Floor) + " that are pooled,"
	}
	f.say("the floor of %s%s dwarfs what the ratio pays for at %s (%s): in an outage it allows up to %s per call",
		f.rate("floor", floor), share, f.rate("rps", s.RPS), f.rate("ratio_pays", s.Ratio()*s.RPS),
		f.some("retries_per_call", min(floor/s.RPS, s.Unpaid()-1), "retry", "retries"))
	f.arithmetic("floor %s / %s = %s; ratio %s × %s = %s", figure(floor), figure(s.RPS), figure(floor/s.RPS),
		f.count("ratio", s.Ratio()), figure(s.RPS), figure(s.Ratio()*s.RPS))
	f.fix(s.lowerFloor())
	f.end()
}

// dwarfs reports whether a floor is large enough for a dependency to notice, and pays for most of
// the budget's retries. What part of a pooled one is this pod's is not known without the pods.
func (s subject) dwarfs(floor, ratio float64) bool {
	if s.pooled() && s.Pods < 1 {
		return false
	}
	return floor > smallFloor && floor > dwarfsTwice*ratio*s.RPS && floor > tolerable*s.RPS
}

// lowerFloor returns a floor that is a fraction of the traffic, but high enough that a quiet
// service can still retry. A pooled one is that of all pods.
func (s subject) lowerFloor() Setting {
	floor := max(leastFloor, lowered(tolerable*s.RPS))
	if s.pooled() && s.Pods > 1 {
		floor = lowered(floor * float64(s.Pods))
	}
	return setting("budget.floor", decimal(floor))
}

func (s subject) checkBurst() {
	lasts := s.BurstLasts(s.RPS)
	if lasts <= coversAt || lasts == plan.Forever || s.Bank() <= smallBurst {
		return
	}
	f := s.begin(burstCovers, "budget.burst")
	f.say("a full bank of %s pays for every retry of the first %s of an outage at %s: as good as no budget, for that long",
		f.count("burst", s.Bank()), f.about("covers", lasts.Seconds(), "s"), f.rate("rps", s.RPS))
	f.arithmetic("%s / (%s × %s per call - what the floor pays) = %s", figure(s.Bank()), figure(s.RPS),
		f.some("retries_per_call", s.Unpaid()-1, "retry", "retries"), span(lasts.Seconds()))
	burst := max(smallBurst, downward(s.Bank()*coversAt.Seconds()/lasts.Seconds()))
	settings := Fix{setting("budget.burst", burst)}
	if s.Budget.Initial > burst && (s.Budget.Initial != s.Budget.Burst || s.says("budget.initial")) { // else initial follows burst by default
		settings = append(settings, setting("budget.initial", burst))
	}
	if s.SlowCost() > float64(burst) { // it must not be above the burst
		settings = append(settings, setting("budget.slow_cost", burst))
	}
	f.fix(settings...)
	f.end()
}
