package budget

import (
	"math"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// DepositOn is what feeds a budget.
type DepositOn uint8

const (
	// Success: a call whose first attempt succeeds deposits. The default; it recovers where
	// Arrival stays stuck, since an outage deposits nothing.
	Success DepositOn = iota
	// Arrival: every call deposits, whatever becomes of it, as in Finagle's RetryFilter (24.5).
	Arrival
	// AnySuccess: every call that succeeds deposits, also if it took retries. Together with a
	// SlowCost it allows a high Ratio: many quick failures are retried, and few slow ones.
	AnySuccess
)

// String returns "success", "arrival" or "any_success".
func (d DepositOn) String() string {
	switch d {
	case Arrival:
		return "arrival"
	case AnySuccess:
		return "any_success"
	default:
		return "success"
	}
}

// Config is a budget as data. The zero value is a sound budget: 10 % of the successes, a
// burst of 10, and a retry a second when all is spent.
type Config struct {
	// Ratio is how many tokens a call deposits: retries per success, in the long run, while a
	// retry costs one token (see SlowCost).
	// Default 0.1; -1 deposits nothing. At most 1000. Exact to nine decimals.
	Ratio float64

	// Floor is how many retries a second are paid for when the bank is empty, so that a
	// service with little traffic can retry at all. Default 1; -1 turns it off. What it does
	// not use it saves, up to one second's worth, rounded up, and at least the price of a retry.
	Floor float64

	// Burst is how many tokens the bank holds at the most. Default 10.
	Burst int

	// Initial is how many tokens the bank starts with. Default Burst; -1 starts empty.
	Initial int

	// DepositOn is what feeds the budget. Default Success.
	DepositOn DepositOn

	// SlowCost is how many tokens a retry costs after a slow failure. Default 1, which is what any
	// other retry costs. At least 1 and at most Burst. Exact to nine decimals. Bank and floor
	// charge the same price.
	//
	// A failure is slow if the attempt's time ran out, if the attempt took more than half of what
	// it may take, or if its verdict is resilience.Overload. An overloaded dependency mostly fails
	// slowly, so a SlowCost holds retries back where they do harm. What an attempt may take is the
	// limit of the deadline next to the loop, on its inner side. Without one, or with a stage in
	// between in which attempts may wait, it is the time that the call has left when the attempt
	// begins.
	SlowCost float64

	// RefundOnSuccess gives the price of a retry back if that retry succeeds, so that only retries
	// that fail are paid for. The bank gets it, whoever paid. Default false.
	RefundOnSuccess bool

	// SlowTimes, if set, also looks at how long successes take. While most of the recent ones took
	// more than SlowTimes as long as four of five usually do, the dependency has too much to do:
	// every failure counts as slow, and successes deposit nothing. For servers that refuse quickly
	// what they cannot queue: there quick failures are no chance, and each retry makes more of
	// them. At least 1. It costs a look at the clock after one success in 16 while the bank is
	// full, and after each while it is not, or while they are late, and after the first 32. Times
	// below a millisecond count as one. Default 0: off, as -1 is.
	SlowTimes float64

	// Shadow counts what the budget would have refused, and lets it pass: for finding out
	// what a budget would do, before it does it.
	Shadow bool

	// Fleet pools the tokens with those of the fleet's other pods, and divides the Floor among
	// them: see package fleet. The budget itself does not look at this field. It has no effect in a
	// program that joins no fleet, nor on the budgets of a Keyed's keys. Default false: each pod
	// has a Floor and a bank of its own.
	Fleet bool
}

const (
	maxRatio = 1000
	maxFloor = 1e6
	maxBurst = 1_000_000_000
)

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	b, err := New(c)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Resolve returns c with every default filled in, or an error that names every wrong field.
func (c Config) Resolve() (Config, error) {
	s, err := c.resolve()
	if err != nil {
		return c, err
	}
	return s.config, nil
}

// settings is a Config resolved into the terms the budget works in.
type settings struct {
	config                Config
	ratio, burst, initial int64 // in units
	slowCost              int64 // in units
	floor                 float64
	byArrivals            bool    // it is fed by them, and not by successes
	byRetries             bool    // a retry that succeeds deposits, too
	refunds               bool    // and gets its price back
	slowTimes             float64 // 0: off
	shadow                bool
	ordered               bool // the ratio is that of an order for a fleet
}

// mostSaved returns how many tokens the floor may save. It must be able to save the price of one
// retry, or would never pay for it.
func (s *settings) mostSaved() float64 {
	return max(1, math.Ceil(s.floor), float64(s.slowCost)/unit)
}

func (c Config) resolve() (*settings, error) {
	p := check.Stage("budget")
	const off = "to turn it off"
	c.Ratio = check.Number(p, "Ratio", c.Ratio, check.Range[float64]{Max: maxRatio, Default: 0.1, Off: off})
	if c.Ratio > 0 && c.Ratio*unit < 1 {
		least := check.Range[float64]{Min: 1.0 / unit, Off: off}
		p.Refuse("Ratio", c.Ratio, least.Rule())
	}
	c.Floor = check.Number(p, "Floor", c.Floor, check.Range[float64]{Max: maxFloor, Default: 1, Off: off})
	c.Burst = check.Number(p, "Burst", c.Burst, check.Range[int]{Max: maxBurst, Default: 10})
	c.Initial = check.Number(p, "Initial", c.Initial, check.Range[int]{Max: maxBurst, Default: c.Burst, Off: "to start empty"})
	if c.Initial > c.Burst {
		p.Refuse("Initial", c.Initial, resilience.Rule{AtMost: &resilience.Bound{Field: "Burst", Value: c.Burst}})
	}
	if c.DepositOn > AnySuccess {
		p.Refuse("DepositOn", uint8(c.DepositOn), resilience.Rule{Choices: []string{"budget.Success", "budget.Arrival", "budget.AnySuccess"}})
	}
	c.SlowCost = check.Number(p, "SlowCost", c.SlowCost, check.Range[float64]{Min: 1, Max: maxBurst, Default: 1})
	if c.SlowCost > float64(c.Burst) {
		p.Refuse("SlowCost", c.SlowCost, resilience.Rule{AtMost: &resilience.Bound{Field: "Burst", Value: c.Burst}})
	}
	c.SlowTimes = check.Number(p, "SlowTimes", c.SlowTimes, check.Range[float64]{Min: 1, Zero: off, Off: off})
	if c.SlowTimes == 0 {
		c.SlowTimes = check.Off
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return &settings{
		config: c,
		ratio:  int64(math.Round(orNone(c.Ratio) * unit)), burst: int64(c.Burst) * unit, initial: int64(orNone(c.Initial)) * unit,
		slowCost: int64(math.Round(c.SlowCost * unit)),
		floor:    orNone(c.Floor), byArrivals: c.DepositOn == Arrival, byRetries: c.DepositOn == AnySuccess,
		refunds: c.RefundOnSuccess, slowTimes: orNone(c.SlowTimes), shadow: c.Shadow,
	}, nil
}

// orNone returns 0 for what is off.
func orNone[T int | float64](v T) T {
	if v == check.Off {
		return 0
	}
	return v
}
