package lint

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/resilience/budget"
)

// tellFleets reports what the banks and floors of all instances pay for together: one finding for
// all services, and one for each service for which that is much.
func (c *checker) tellFleets() {
	pods := float64(c.options.Pods)
	if pods <= 0 {
		return
	}
	var all []subject
	for _, s := range c.subjects {
		if s.Limited() && s.Retries() && !s.NeverPaid() {
			all = append(all, s)
		}
	}
	if len(all) == 1 {
		all[0].tellFleet(pods)
		return
	}
	c.tellSum(all, pods)
	for _, s := range all {
		if s.alarms(pods) {
			s.tellFleet(pods)
		}
	}
}

// tellSum reports the sum over all services, at the service with the largest part: the most retries
// in the long run or, if equal, the largest bank.
func (c *checker) tellSum(all []subject, pods float64) {
	if len(all) == 0 {
		return
	}
	most := slices.MaxFunc(all, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.goesOn(), b.goesOn()), cmp.Compare(a.banksOf(pods), b.banksOf(pods)))
	})
	var banks, goesOn float64
	for _, s := range all {
		banks, goesOn = banks+s.banksOf(pods), goesOn+s.goesOn()
	}
	f := most.begin(fleet, "budget")
	then, mostThen := "and for none after that", ""
	if goesOn > 0 {
		then = "and for " + f.rate("fleet_goes_on", pods*goesOn) + " after that"
		mostThen = ", and " + f.rate("most_goes_on", pods*most.goesOn())
	}
	f.say("in an outage the budgets of %s, with %s each, pay for up to %s at once, %s; the most is that of %s: %s%s",
		f.some("services", float64(len(all)), "service", "services"), f.some("pods", pods, "instance", "instances"),
		f.some("fleet_burst", banks, "retry", "retries"), then, most.Name, f.count("most_burst", most.banksOf(pods)), mostThen)
	f.end()
}

// goesOn returns how many retries per second the budget pays for in a long outage, at the file's
// rps.
func (s subject) goesOn() float64 {
	retries := s.Floor()
	if s.Budget.DepositOn == budget.Arrival {
		retries += s.Ratio() * s.RPS
	}
	if s.RPS > 0 && !math.IsInf(s.Unpaid(), 1) {
		retries = min(retries, (s.Unpaid()-1)*s.RPS) // there are no more to pay for
	}
	return retries
}

// banksOf returns the most retries that the banks of so many instances pay for, and the pool of
// pooled ones: it holds up to a burst of what full banks cannot take.
func (s subject) banksOf(pods float64) float64 {
	if s.pooled() && s.Ratio() > 0 {
		return (pods + 1) * s.Bank()
	}
	return pods * s.Bank()
}

// floorOf returns the retries a second that the floors of so many instances pay for.
func (s subject) floorOf(pods float64) float64 {
	if s.pooled() {
		return max(0, s.Budget.Floor)
	}
	return pods * s.Floor()
}

// tellFleet reports what all instances of one service pay for together.
func (s subject) tellFleet(pods float64) {
	f := s.begin(fleet, "budget")
	calls := ""
	if s.RPS > 0 {
		calls = fmt.Sprintf(", beside %s calls: up to %s, and without the budget %s",
			f.rate("fleet_rps", pods*s.RPS), perCall(f, "sustained", s.Sustained(s.RPS)), s.without(f))
	}
	banks, pay, pool, floors := "banks", "pay", " and their pool", "their floors"
	switch {
	case pods == 1:
		banks, pay, pool, floors = "bank", "pays", " and its pool", "its floor"
	case s.pooled():
		floors = "their one floor"
	}
	instances := f.some("pods", pods, "instance", "instances")
	if s.banksOf(pods) > pods*s.Bank() {
		instances, pay = instances+pool, "pay"
	}
	var goOn []string
	if s.Floor() > 0 {
		goOn = append(goOn, floors+" for "+f.rate("fleet_floor", s.floorOf(pods)))
	}
	if s.Budget.DepositOn == budget.Arrival && s.Ratio() > 0 {
		goOn = append(goOn, "deposits for "+f.some("deposits", s.Ratio(), "retry", "retries")+" per call")
	}
	then := "and none after that"
	if len(goOn) > 0 {
		then = "and " + strings.Join(goOn, " and ") + " after that"
	}
	f.say("in an outage the %s of %s %s for up to %s at once, %s%s",
		banks, instances, pay, f.some("fleet_burst", s.banksOf(pods), "retry", "retries"), then, calls)
	bank := "burst"
	if s.Ratio() == 0 { // nothing is deposited
		bank = "initial"
	}
	f.arithmetic("%s × %s %s", figure(pods), bank, f.count("burst", s.Bank()))
	if s.banksOf(pods) > pods*s.Bank() {
		f.arithmetic("%s, and one in the pool", f.Arithmetic)
	}
	if s.Floor() > 0 {
		if s.pooled() {
			f.arithmetic("%s, one floor of %s, as it is pooled", f.Arithmetic, f.rate("floor", s.Budget.Floor))
		} else {
			f.arithmetic("%s, %s × floor %s", f.Arithmetic, figure(pods), f.rate("floor", s.Floor()))
		}
	}
	f.end()
}
