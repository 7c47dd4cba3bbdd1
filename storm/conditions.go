package storm

import (
	"math"
	"time"
)

// conditions are what the triggers make of the server and the network at a time.
type conditions struct {
	before, after float64 // error ratios: on arrival, and of work done
	up            float64 // share of the workers
	workers       int
	slowdown      float64
	latency       time.Duration
	hopLatency    time.Duration
	hopLoss       float64
}

// active is a trigger for some calls that is on.
type active struct {
	*Trigger
	number   int
	strength float64
}

// either is the chance of one of two that do not depend on each other.
func either(p, q float64) float64 { return 1 - (1-p)*(1-q) }

// add adds what t does at that strength.
func (c *conditions) add(t *Trigger, strength float64) {
	if t.AfterWork {
		c.after = either(c.after, strength*t.ErrorRatio)
	} else {
		c.before = either(c.before, strength*t.ErrorRatio)
	}
	c.up *= 1 - strength*t.CapacityLoss
	if t.Slowdown > 0 {
		c.slowdown *= 1 + strength*(t.Slowdown-1)
	}
	c.latency += longest(strength * float64(t.Latency))
	c.hopLatency += longest(strength * float64(t.HopLatency))
	c.hopLoss = either(c.hopLoss, strength*t.HopLoss)
}

// at returns the conditions for all calls at that time, and the triggers for some that are on.
func (s *server) at(now time.Duration) (conditions, []active) {
	c := conditions{slowdown: 1, up: 1, workers: math.MaxInt}
	var some []active
	for i := range s.triggers {
		t := &s.triggers[i]
		strength := t.strength(now)
		switch {
		case strength == 0:
		case t.forSome():
			some = append(some, active{t, i, strength})
		default:
			c.add(t, strength)
		}
	}
	if s.Workers > 0 {
		left := c.up * float64(s.Workers)
		if whole := math.Round(left); math.Abs(left-whole) < 1e-9 { // 10 - 90 % is 1, for what there is to it
			left = whole
		}
		c.workers = int(math.Ceil(left))
		if left > 0 {
			c.slowdown *= float64(c.workers) / left
		}
	}
	return c, some
}

// felt returns the conditions as a feels them.
func (s *server) felt(a *attempt) conditions {
	c := s.conditions
	for _, t := range s.some {
		if t.concerns(a.call, mix(s.lab.scenario.Seed, s.depth), t.number) {
			c.add(t.Trigger, t.strength)
		}
	}
	return c
}

// turn sets the conditions of now, for the work under way too, and lets in whoever there is room
// for.
func (s *server) turn() {
	s.conditions, s.some = s.at(s.lab.now())
	for _, a := range s.inWork {
		s.adjust(a)
	}
	s.admit()
}

// adjust has what is left of the work on a go on under the conditions of now.
func (s *server) adjust(a *attempt) {
	if a.asking { // its own part is done
		return
	}
	now, c := s.lab.now(), s.felt(a)
	ends := a.ends
	if a.held {
		ends = max(now, a.worked+c.latency)
	} else if c.slowdown != a.slowdown {
		ends = now + longest(float64(max(0, a.ends-now))*c.slowdown/a.slowdown)
		a.slowdown = c.slowdown
	}
	if ends != a.ends {
		a.ends = ends
		s.endAt(a)
	}
}

// forecast plans the turns of the conditions.
func (s *server) forecast() {
	for i := range s.triggers {
		s.plan(&s.triggers[i], s.triggers[i].At, 1)
	}
	if s.behind != nil {
		s.behind.server.forecast()
	}
}

// plan plans the turns of the n-th coming of t, and of those after it.
func (s *server) plan(t *Trigger, from time.Duration, n int) {
	s.turnAt(from, nil)
	for step := int64(1); step <= steps && t.Ramp > 0; step++ {
		s.turnAt(from+time.Duration((int64(t.Ramp)*step+steps-1)/steps), nil)
	}
	if t.For == 0 {
		return
	}
	next := func() {}
	if from+t.Every < s.lab.scenario.For && t.Every > 0 && n != t.Times {
		next = func() { s.plan(t, from+t.Every, n+1) }
	}
	s.turnAt(from+t.For, next)
}

func (s *server) turnAt(t time.Duration, then func()) {
	if t == 0 { // it is the conditions that the server begins with
		return
	}
	s.lab.at(t, func() {
		s.turn()
		if then != nil {
			then()
		}
	})
}
