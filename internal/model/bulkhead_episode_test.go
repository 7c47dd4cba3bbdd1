package model_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// bulkheadSetup is a bulkhead, where it stands, and the deadline on its inner side.
type bulkheadSetup struct {
	Config bulkhead.Config
	Form   string        // "hand", "wrapped", "rows": two; "pipeline", "pipelines": two that share it
	Limit  time.Duration // of the deadline; 0: there is none

	Limited  bool // an adaptive limit may come
	Adaptive *bulkhead.Adaptive
}

func (s bulkheadSetup) String() string {
	return fmt.Sprintf("%s: %s, limit %v, adaptive %+v", s.Form, numbersOf(s.Config), s.Limit, *s.Adaptive)
}

func numbersOf(c bulkhead.Config) string {
	return fmt.Sprintf("{max %d, wait %v, queue %d, adaptive %v}", c.MaxConcurrent, c.MaxWait, c.QueueLimit, c.Adaptive != nil)
}

// bulkheadOp is one operation on a bulkhead.
type bulkheadOp struct {
	Do     string
	Which  int           // of the calls inside, or that wait, modulo their number
	Other  int           // of those that wait, likewise
	Times  int           // of a crowd
	Door   int           // of the ways in, modulo their number
	Under  time.Duration // "arrive": the timeout of the caller's ctx; 0: none, -1: it has ended
	Answer model.Answer  // with which a call ends
	Wait   time.Duration
	Until  string // "wait": until then, and Wait more or less; see bulkheadLife.waiting
	Config bulkhead.Config
}

func (o bulkheadOp) String() string {
	switch o.Do {
	case "wait":
		return fmt.Sprintf("wait %s %v (of %d)", o.Until, o.Wait, o.Which)
	case "arrive", "arrive late":
		return fmt.Sprintf("%s at door %d, timeout %v", o.Do, o.Door, o.Under)
	case "crowd":
		return fmt.Sprintf("%d arrive at once at door %d", o.Times, o.Door)
	case "leave":
		return fmt.Sprintf("%d leaves: %s", o.Which, o.Answer)
	case "many leave":
		return fmt.Sprintf("%d leave at once, from %d: %s", o.Times, o.Which, o.Answer)
	case "cross":
		return fmt.Sprintf("%d leave and as many arrive at once, at door %d: %s", o.Times, o.Door, o.Answer)
	case "give up":
		return fmt.Sprintf("%d gives up", o.Other)
	case "give up, leave", "leave, give up", "leave in time":
		return fmt.Sprintf("%s: %d leaves: %s, %d waited", o.Do, o.Which, o.Answer, o.Other)
	case "leave, grow":
		return fmt.Sprintf("%d leave at once, from %d: %s, and at least as many places as in %s", o.Times, o.Which, o.Answer, numbersOf(o.Config))
	case "with":
		return "with " + numbersOf(o.Config)
	}
	return o.Do
}

func randomBulkhead(rng *rand.Rand, a *bulkhead.Adaptive) bulkhead.Config {
	c := bulkhead.Config{
		MaxConcurrent: one(rng, 1, 1, 1, 2, 2, 3, 5, 8, 0),
		MaxWait:       one(rng, 0, -1, -1, 1, 10*time.Millisecond, 100*time.Millisecond, time.Second, time.Second, time.Minute, time.Duration(1+rng.Int64N(3e9))),
		QueueLimit:    one(rng, 0, 0, 0, 1, 1, 2, 3, 5),
	}
	for range rng.IntN(3) / 2 {
		c = vary.Number(rng, c)
	}
	if rng.IntN(3) == 0 {
		c.Adaptive = a
		c.MaxConcurrent = one(rng, c.MaxConcurrent, -1, -1, 0)
	}
	return c
}

func generateBulkhead(rng *rand.Rand) episode[bulkheadSetup, bulkheadOp] {
	adaptive := &bulkhead.Adaptive{SlowFailures: 1 << 30} // too many for a limit to come of them
	e := episode[bulkheadSetup, bulkheadOp]{setup: bulkheadSetup{
		Config: randomBulkhead(rng, adaptive), Adaptive: adaptive, Form: one(rng, "hand", "wrapped", "rows", "pipeline", "pipeline", "pipelines"),
	}}
	if e.setup.Form != "hand" {
		e.setup.Limit = one(rng, 0, 300*time.Millisecond+777_777, 2*time.Second+555_555)
	}
	if e.setup.Form != "pipeline" && rng.IntN(3) == 0 { // whose first cut nobody could foretell
		e.setup.Limited = true
		*adaptive = bulkhead.Adaptive{
			SlowFailures: one(rng, 0, 1, 1, 2, 3), CutTo: one(rng, 0, 0.3, 0.5, 0.99), CutEvery: one(rng, 0, 1, 20*time.Millisecond), CalmFor: -1,
		}
		e.setup.Config.Adaptive = adaptive
	}
	now := e.setup.Config
	crowded := rng.IntN(3) // of three: how many more arrive than leave
	for range 50 + rng.IntN(250) {
		if rng.IntN(20) == 0 {
			crowded = rng.IntN(3)
		}
		op := bulkheadOp{
			Which: rng.IntN(100), Other: rng.IntN(100), Door: rng.IntN(6), Times: 2 + rng.IntN(6),
			Answer: one(rng, model.OK, model.OK, model.OK, model.Transient, model.Overload, model.Permanent, model.Unknown, model.Timeout, model.CtxErr, model.Rejects, model.Panics, model.Exits),
		}
		if e.setup.Limited && rng.IntN(4) == 0 {
			op.Answer = model.Overload
		}
		switch n := rng.IntN(1000); {
		case n < 200+100*crowded:
			op.Do = one(rng, "arrive", "arrive", "arrive", "arrive", "arrive late")
			switch rng.IntN(6) { // at a nanosecond at which nothing else happens
			case 0, 1:
				op.Under = time.Duration(1+rng.IntN(1e6)) + one(rng, time.Millisecond, 100*time.Millisecond, time.Second, time.Duration(rng.IntN(1e9)))
			case 2:
				op.Under = one[time.Duration](rng, 0, 0, -1)
			}
		case n < 580:
			op.Do = "leave"
		case n < 620:
			op.Do = "give up"
		case n < 660:
			op.Do = "crowd"
			if rng.IntN(20) == 0 {
				op.Times = 70
			}
		case n < 680:
			op.Do = one(rng, "many leave", "cross")
		case n < 710:
			op.Do = "give up, leave"
			if rng.IntN(2) == 0 {
				op.Other = 0 // the first in line
			}
		case n < 740:
			op.Do = "leave, give up"
			if rng.IntN(2) == 0 {
				op.Other = 0
			}
		case n < 790:
			op.Do = "leave in time"
		case n < 850:
			op.Do, op.Config = "with", now
			switch rng.IntN(5) {
			case 0, 1:
				op.Config = randomBulkhead(rng, adaptive)
			case 2:
				op.Config.MaxConcurrent = 1 + rng.IntN(6)
			case 3:
				op.Config = vary.Number(rng, op.Config)
			}
			if rng.IntN(6) == 0 {
				op.Do = "leave, grow"
			}
			now = op.Config
		default:
			op.Do, op.Until = "wait", one(rng, "", "", "due", "due", "limit")
			op.Wait = one(rng, 0, 1, time.Millisecond, now.MaxWait-1, now.MaxWait, now.MaxWait+1, time.Hour, time.Duration(rng.Int64N(2e9)), time.Duration(rng.Int64N(2e8)))
			if op.Until != "" {
				op.Wait = one[time.Duration](rng, -1, 0, 0, 1)
			}
			op.Wait = min(max(op.Wait, -1), 10*time.Hour)
		}
		e.ops = append(e.ops, op)
	}
	return e
}
