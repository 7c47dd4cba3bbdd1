package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// breakerSetup is a breaker and the deadline next to it, on its inner side.
type breakerSetup struct {
	Config     breaker.Config
	Classified bool
	Limit      time.Duration // of the deadline; 0: there is none
}

func (s breakerSetup) String() string {
	return fmt.Sprintf("%+v, classified %v, limit %v", s.Config, s.Classified, s.Limit)
}

// breakerOp is one operation on a breaker.
type breakerOp struct {
	Do     string
	Which  int           // of the calls under way, modulo their number
	Times  int           // of a burst
	Under  time.Duration // "begin": the timeout of the caller's ctx; 0: none
	Answer model.Answer  // with which a call ends
	Wait   time.Duration // for "wait" and "with"
	Until  string        // for both: until then, and Wait more or less; see breakerLife.waiting
	Config breaker.Config
}

func (o breakerOp) String() string {
	switch o.Do {
	case "wait":
		return fmt.Sprintf("wait %s %v (of %d)", o.Until, o.Wait, o.Which)
	case "begin":
		return fmt.Sprintf("begin, timeout %v", o.Under)
	case "mix":
		return fmt.Sprintf("%d successes, %d failures", o.Times-o.Which, o.Which)
	case "burst":
		return fmt.Sprintf("burst of %d: %s", o.Times, o.Answer)
	case "end":
		return fmt.Sprintf("end %d: %s", o.Which, o.Answer)
	case "cancel":
		return fmt.Sprintf("cancel %d", o.Which)
	case "pass again":
		return fmt.Sprintf("%d passes the breaker again: %s", o.Which, o.Answer)
	case "with":
		return fmt.Sprintf("after %s %v (of %d) with %v", o.Until, o.Wait, o.Which, breakerSetup{Config: o.Config})
	}
	return o.Do
}

func randomBreaker(rng *rand.Rand) breaker.Config {
	c := breaker.Config{
		FailureRatio:        one(rng, 0, 0.5, 0.5, -1, 0.07, 0.28, 0.55, 0.2, 1.0/3, 0.6, 0.8, 1, rng.Float64()+1e-9),
		MinRequests:         one(rng, 0, 1, 2, 3, 5, 10, 25),
		ConsecutiveFailures: one(rng, 0, -1, -1, 1, 2, 3, 5),
		SlowCallDuration:    one(rng, 0, 0, -1, 1, 50*time.Millisecond, time.Second),
		SlowCallRatio:       one(rng, 0, 0.1, 0.5, 0.75, 1),
		Window:              one(rng, 0, time.Second, time.Second, 100*time.Millisecond, 3*time.Second, 1000000007),
		Buckets:             one(rng, 0, 1, 2, 3, 7, 10),
		OpenFor:             one(rng, 0, time.Second, 100*time.Millisecond, 7*time.Second),
		HalfOpenProbes:      one(rng, 0, 1, 1, 2, 3, 5, 10),
		ProbeTimeout:        one(rng, 0, -1, 500*time.Millisecond, 2*time.Second, time.Second),
		IgnoreUnclassified:  rng.IntN(4) == 0,
		Fleet:               rng.IntN(2) == 0,
	}
	if exact := map[float64]int{0.07: 100, 0.28: 25, 0.55: 20}[c.FailureRatio]; exact > 0 && rng.IntN(2) == 0 {
		c.MinRequests = exact // of which the ratio is a whole number, but not in binary
	}
	if c.SlowCallDuration <= 0 {
		c.SlowCallRatio = 0
	}
	if c.FailureRatio == -1 && c.ConsecutiveFailures == -1 && c.SlowCallDuration <= 0 {
		c.ConsecutiveFailures = 4 // something has to open it
	}
	c.MaxOpenFor = one(rng, 0, model.BreakerDefaults(c).OpenFor, 3*model.BreakerDefaults(c).OpenFor)
	if rng.IntN(3) == 0 {
		c.MinOpenFor = one(rng, 1, 100*time.Millisecond, model.BreakerDefaults(c).OpenFor/3+1, model.BreakerDefaults(c).OpenFor)
	}
	for range rng.IntN(12) {
		c = vary.Number(rng, c)
	}
	return c
}

func generateBreaker(rng *rand.Rand) episode[breakerSetup, breakerOp] {
	e := episode[breakerSetup, breakerOp]{setup: breakerSetup{
		Config: randomBreaker(rng), Classified: rng.IntN(2) == 0, Limit: one(rng, 0, 0, 300*time.Millisecond, 2*time.Second),
	}}
	now := model.BreakerDefaults(e.setup.Config)
	// The dependency fails mostly, then mostly not.
	sick := rng.Float64()
	hopeless := rng.IntN(6) == 0 // nothing ever succeeds
	for range 100 + rng.IntN(400) {
		if rng.IntN(30) == 0 {
			sick = rng.Float64()
		}
		if hopeless {
			sick = 1
		}
		op := breakerOp{Which: rng.IntN(100), Answer: randomAnswer(rng, sick)}
		switch n := rng.IntN(1000); {
		case n < 250:
			op.Do = "begin"
			if rng.IntN(3) == 0 { // at a nanosecond at which nothing else happens
				op.Under = time.Duration(1+rng.IntN(1e6)) + one(rng, time.Millisecond, 100*time.Millisecond, time.Second, time.Duration(rng.IntN(1e9)))
			}
		case n < 450:
			op.Do = "end"
		case n < 480:
			op.Do = "cancel"
		case n < 680:
			op.Do, op.Times = "burst", 1+rng.IntN(4)
		case n < 690:
			op.Do, op.Times = "burst", 1+rng.IntN(30)
		case n < 700 && !hopeless:
			if rng.IntN(2) == 0 {
				e.ops = append(e.ops, breakerOp{Do: "reset"})
			}
			op.Do, op.Times = "mix", now.MinRequests
			op.Which = min(op.Times, max(0, int(math.Round(now.FailureRatio*float64(op.Times)))-rng.IntN(2)))
		case n < 740:
			op.Do = "pass again"
		case n < 745:
			op.Do = "isolate"
		case n < 755:
			op.Do = "reset"
		case n < 766:
			op.Do, op.Config = "with", e.setup.Config
			op.Until = one(rng, "", "", "probe", "timeout")
			op.Config.Fleet = rng.IntN(2) == 0
			switch rng.IntN(4) {
			case 0:
				op.Config = randomBreaker(rng)
			case 1:
				op.Config = vary.Number(rng, op.Config)
			case 2:
				op.Config.HalfOpenProbes = max(op.Config.MinSuccesses, 1+rng.IntN(5))
			}
			now = model.BreakerDefaults(op.Config)
		default:
			op.Do, op.Until = "wait", one(rng, "", "", "", "", "", "", "probe", "timeout", "slow", "limit", "nearly")
			bucket := now.Window / time.Duration(now.Buckets)
			op.Wait = one(rng, 0, 1, time.Millisecond, bucket-1, bucket, bucket+1, now.Window-1, now.Window, now.Window+1, now.SlowCallDuration,
				now.SlowCallDuration+1, now.OpenFor, 10*time.Minute, time.Duration(rng.Int64N(int64(now.Window))), time.Duration(rng.Int64N(int64(now.Window))))
			if op.Until != "" {
				op.Wait = one(rng, -1, 0, 0, 1, 1, bucket)
			}
			op.Wait = max(op.Wait, -1)
		}
		e.ops = append(e.ops, op)
		if op.Do == "wait" && rng.IntN(2) == 0 {
			switch op.Until {
			case "slow", "limit":
				e.ops = append(e.ops, breakerOp{Do: "cancel", Which: op.Which})
			case "nearly":
				e.ops = append(e.ops, breakerOp{Do: "end", Which: op.Which, Answer: model.Timeout})
			}
		}
	}
	return e
}

func randomAnswer(rng *rand.Rand, sick float64) model.Answer {
	if rng.IntN(5) == 0 {
		return one(rng, model.Permanent, model.Unknown, model.Rejects, model.Panics, model.Exits, model.OthersCancel,
			model.Known, model.Fine, model.NoRetry, model.Dial, model.Timeout)
	}
	if rng.Float64() < sick {
		return one(rng, model.Transient, model.Overload)
	}
	return model.OK
}
