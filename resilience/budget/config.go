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
	// Arrival: every call deposits, as in Finagle and Envoy.
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
	// not use it saves, up to one second's worth (and at least 1).
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
	depositOn             DepositOn
	shadow                bool
}

func (s *settings) floorBurst() int { return max(1, int(math.Ceil(s.floor))) }

func (c Config) resolve() (*settings, error) {
	p := check.Stage("budget")
	ratio := p.FloatOrOff("Ratio", c.Ratio, 0.1, maxRatio)
	if ratio > 0 && ratio*unit < 1 {
		p.Fail("Ratio", c.Ratio, "want at least %v, or -1 to turn it off", 1.0/unit)
	}
	floor := p.FloatOrOff("Floor", c.Floor, 1, maxFloor)
	burst := p.Int("Burst", c.Burst, 10, maxBurst)
	initial := p.IntOrOff("Initial", c.Initial, burst, 0, maxBurst)
	if initial > burst {
		p.Fail("Initial", c.Initial, "want at most Burst (%d)", burst)
	}
	if c.DepositOn > Arrival {
		p.Fail("DepositOn", uint8(c.DepositOn), "want budget.Success or budget.Arrival")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	c.Burst = burst
	c.Ratio, c.Floor, c.Initial = orOff(ratio), orOff(floor), int(orOff(float64(initial)))
	return &settings{
		config: c,
		ratio:  int64(math.Round(ratio * unit)), burst: int64(burst) * unit, initial: int64(initial) * unit,
		floor: floor, depositOn: c.DepositOn, shadow: c.Shadow,
	}, nil
}

// orOff writes a zero as -1 again, since 0 in a Config means the default.
func orOff(v float64) float64 {
	if v == 0 {
		return check.Off
	}
	return v
}
