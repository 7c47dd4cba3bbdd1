package lint

import (
	"slices"

	"github.com/media-gateway/holdfast/internal/plan"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// What is said here is about services that take part in a fleet (package fleet). What the budgets
// of all instances pay for is in fleets.go.

// enoughPods is from how many pods on a fleet is worth its store: see docs/fleet.md.
const enoughPods = 10

const (
	breakerFleet = "breaker.fleet"
	budgetFleet  = "budget.fleet"
)

// shares reports whether a fleet is to follow one of the service's breakers.
func (s subject) shares() bool {
	return !s.Keyed && slices.ContainsFunc(s.Breakers, func(b plan.Breaker) bool { return b.Fleet })
}

// pooled reports whether the service's budget is pooled with those of other pods.
func (s subject) pooled() bool { return !s.Keyed && s.Budget != nil && s.Budget.Fleet }

// together returns the calls a second of all pods whose outcomes count together for the breaker; 0
// if it has no fleet, or they are not known.
func (w watched) together() float64 {
	if pods := w.checker.options.Pods; !w.Keyed && w.b.Fleet && pods > 1 {
		return w.RPS * float64(pods)
	}
	return 0
}

// rowTogether reports whether failures in a row of all pods open the breaker soon.
func (w watched) rowTogether() bool {
	rps := w.together()
	return rps > 0 && w.OpensAfter(w.b, rps) <= opensSoon
}

// ratioTogether reports whether the outcomes of all pods are enough for the failure ratio.
func (w watched) ratioTogether() bool {
	rps := w.together()
	if rps <= 0 {
		return false
	}
	chance, _ := w.Outcomes(w.b, rps, 0, w.b.MinRequests)
	return chance >= practicallyNever
}

// checkStore reports a service that calls what the fleet stands on, and depends on the fleet.
func (s subject) checkStore() {
	if store := s.checker.options.Store; store == "" || store != s.Name {
		return
	}
	off, to := s.fleetOff(s.shares(), s.pooled())
	if len(off) == 0 {
		return
	}
	f := s.begin(onItsStore, off[0].Key)
	f.say("its calls go to the store that the fleet stands on: when that is down, there is no fleet to %s", to)
	f.fix(off...)
	f.end()
}

// fleetOff returns the settings that take a service out of the fleet, and in words what the fleet
// would do for it.
func (s subject) fleetOff(shares, pooled bool) (off Fix, to string) {
	if shares {
		off, to = append(off, setting(breakerFleet, "off")), "open its breaker"
	}
	if pooled {
		off = append(off, setting(budgetFleet, "off"))
		if to != "" {
			to += " or to "
		}
		to += "pool its budget"
	}
	return off, to
}

// checkKeys reports Configs of a Keyed with Fleet set. A stage that was given already built is
// shared by all keys, and may be followed.
func (s subject) checkKeys() {
	if !s.Keyed {
		return
	}
	var shares, pooled bool
	for _, given := range s.Stages {
		switch c := given.(type) {
		case breaker.Config:
			shares = shares || c.Fleet
		case budget.Config:
			pooled = pooled || c.Fleet
		}
	}
	off, _ := s.fleetOff(shares, pooled)
	if len(off) == 0 {
		return
	}
	f := s.begin(keysAlone, off[0].Key)
	switch {
	case !pooled:
		f.say("each key has a breaker of its own, and no fleet follows those: breaker.fleet has no effect")
	case !shares:
		f.say("each key has a budget of its own, and no fleet pools those: budget.fleet has no effect")
	default:
		f.say("each key has a breaker and a budget of its own, and no fleet takes care of those: breaker.fleet and budget.fleet have no effect")
	}
	f.fix(off...)
	f.end()
}

// tellFewPods reports breakers that are shared by few pods, once for all services.
func (c *checker) tellFewPods() {
	pods := c.options.Pods
	if pods <= 0 || pods >= enoughPods {
		return
	}
	var all []subject
	for _, s := range c.subjects {
		if s.shares() {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return
	}
	f := all[0].begin(fewPods, breakerFleet)
	instances := f.some("pods", float64(pods), "instance", "instances")
	whose := "its breaker"
	if len(all) > 1 {
		whose = "the breakers of " + f.some("services", float64(len(all)), "service", "services")
	}
	if pods == 1 {
		f.say("a fleet of %s: there is nobody to share %s with", instances, whose)
	} else {
		f.say("a fleet of %s shares %s: with fewer than %d, each one's own does nearly as well", instances, whose, enoughPods)
	}
	if len(all) == 1 { // else no setting of one service makes it go away
		f.fix(setting(breakerFleet, "off"))
	}
	f.end()
}
