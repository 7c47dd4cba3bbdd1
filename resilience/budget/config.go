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
)

// String returns "success" or "arrival".
func (d DepositOn) String() string {
	if d == Arrival {
		return "arrival"
	}
	return "success"
}

// Config is a budget as data. The zero value is a sound budget: 10 % of the successes, a
// burst of 10, and a retry a second when all is spent.
type Config struct {
	// Ratio is how many tokens a call deposits: retries per success, in the long run.
	// Default 0.1; -1 deposits nothing. At most 1000. Exact to nine decimals.
	Ratio float64

	// Floor is how many retries a second are paid for when the bank is empty, so that a
	// service with little traffic can retry at all. Default 1; -1 turns it off. What it does
	// not use it saves, up to one second's worth, rounded up (and at least 1).
	Floor float64

	// Burst is how many tokens the bank holds at the most. Default 10.
	Burst int

	// Initial is how many tokens the bank starts with. Default Burst; -1 starts empty.
	Initial int

	// DepositOn is what feeds the budget. Default Success.
	DepositOn DepositOn

	// Shadow counts what the budget would have refused, and lets it pass: for finding out
	// what a budget would do, before it does it.
	Shadow bool
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
	floor                 float64
	byArrivals            bool // it is fed by them, and not by successes
	shadow                bool
}

func (s *settings) floorBurst() int { return max(1, int(math.Ceil(s.floor))) }

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
	if c.DepositOn > Arrival {
		p.Refuse("DepositOn", uint8(c.DepositOn), resilience.Rule{Choices: []string{"budget.Success", "budget.Arrival"}})
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return &settings{
		config: c,
		ratio:  int64(math.Round(orNone(c.Ratio) * unit)), burst: int64(c.Burst) * unit, initial: int64(orNone(c.Initial)) * unit,
		floor: orNone(c.Floor), byArrivals: c.DepositOn == Arrival, shadow: c.Shadow,
	}, nil
}

// orNone returns 0 for what is off.
func orNone[T int | float64](v T) T {
	if v == check.Off {
		return 0
	}
	return v
}
