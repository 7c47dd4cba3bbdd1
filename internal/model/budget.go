package model

import (
	"math"
	"math/big"
	"time"

	"github.com/media-gateway/holdfast/resilience/budget"
)

// Budget is what the documentation of package budget says a Budget is.
type Budget struct {
	config  budget.Config // with the defaults filled in
	history []entry       // all that was ever put into the bank or taken out of it
	floor   []saving      // all that the floor ever saved or paid
	stats   budget.Stats
}

// entry is what the bank holds after something happened, in billionths of a token. The Ratio is
// exact to nine decimals, so everything is a whole number of them.
type entry struct {
	held int64
}

// saving is what the floor has saved at a moment.
type saving struct {
	at    time.Time
	saved *big.Rat
}

const token = 1_000_000_000 // billionths

// NewBudget returns the model of a budget made at that moment of a Config that is right.
func NewBudget(c budget.Config, now time.Time) *Budget {
	b := &Budget{config: BudgetDefaults(c)}
	initial := max(0, b.config.Initial)
	b.hold(int64(initial) * token)
	// "Its limiter starts with no more than what the bank leaves of Burst" (ADR 3).
	b.save(now, ratMin(b.mostSaved(), big.NewRat(int64(b.config.Burst-initial), 1)))
	return b
}

// BudgetDefaults fills in the defaults.
func BudgetDefaults(c budget.Config) budget.Config {
	if c.Ratio == 0 {
		c.Ratio = 0.1
	}
	if c.Floor == 0 {
		c.Floor = 1
	}
	if c.Burst == 0 {
		c.Burst = 10
	}
	if c.Initial == 0 {
		c.Initial = c.Burst
	}
	return c
}

// Config returns the settings in force.
func (b *Budget) Config() budget.Config { return b.config }

func (b *Budget) bank() int64 { return b.history[len(b.history)-1].held }

func (b *Budget) hold(held int64) { b.history = append(b.history, entry{held}) }

func (b *Budget) full() int64 { return int64(b.config.Burst) * token }

// mostSaved is the floor rounded up, and at least 1. One that is off keeps so much, too, for when
// it is turned on.
func (b *Budget) mostSaved() *big.Rat {
	return big.NewRat(int64(math.Max(1, math.Ceil(b.config.Floor))), 1)
}

func (b *Budget) save(at time.Time, saved *big.Rat) { b.floor = append(b.floor, saving{at, saved}) }

// saved is what the floor has saved up by now.
func (b *Budget) saved(now time.Time) *big.Rat {
	last := b.floor[len(b.floor)-1]
	earned := new(big.Rat).SetFloat64(max(0, b.config.Floor))
	earned.Mul(earned, big.NewRat(int64(now.Sub(last.at)), int64(time.Second)))
	return ratMin(b.mostSaved(), earned.Add(earned, last.saved))
}

// Deposit adds Ratio of a token, up to Burst.
func (b *Budget) Deposit() {
	ratio := int64(math.Round(max(0, b.config.Ratio) * token))
	if ratio == 0 || b.bank() == b.full() {
		return
	}
	b.stats.Deposits++
	b.hold(min(b.full(), b.bank()+ratio))
}

// OnSuccess is the end of a call whose first attempt succeeded.
func (b *Budget) OnSuccess() {
	if b.config.DepositOn == budget.Success {
		b.Deposit()
	}
}

// OnArrival is the beginning of any call.
func (b *Budget) OnArrival() {
	if b.config.DepositOn == budget.Arrival {
		b.Deposit()
	}
}

// Refund gives a token back.
func (b *Budget) Refund() {
	b.stats.Refunds++
	b.hold(min(b.full(), b.bank()+token))
}

// Withdraw says how a retry may be paid for: one payment, or two where the floor has saved one
// retry but for less than two nanoseconds of its rate. Of these the caller says which it was.
func (b *Budget) Withdraw(now time.Time, was budget.Payment) (may []budget.Payment) {
	may = b.payments(now)
	if len(may) == 1 {
		was = may[0]
	}
	switch was {
	case budget.FromBank:
		b.stats.Withdrawals++
		b.hold(b.bank() - token)
	case budget.FromFloor:
		b.stats.FloorPaid++
		b.save(now, b.saved(now).Sub(b.saved(now), big.NewRat(1, 1)))
	case budget.InShadow:
		b.stats.ShadowRefused++
	case budget.Refused:
		b.stats.Refused++
	}
	return may
}

func (b *Budget) payments(now time.Time) []budget.Payment {
	none := budget.Refused
	if b.config.Shadow {
		none = budget.InShadow
	}
	if b.bank() >= token {
		return []budget.Payment{budget.FromBank}
	}
	if b.config.Floor < 0 {
		return []budget.Payment{none}
	}
	saved, one := b.saved(now), big.NewRat(1, 1)
	if saved.Cmp(one) >= 0 {
		return []budget.Payment{budget.FromFloor}
	}
	soon := new(big.Rat).SetFloat64(b.config.Floor)
	soon.Mul(soon, big.NewRat(2, int64(time.Second)))
	if soon.Add(soon, saved).Cmp(one) >= 0 {
		return []budget.Payment{budget.FromFloor, none}
	}
	return []budget.Payment{none}
}

// Update changes the settings. What is in the bank stays there, cut to the new Burst, and Initial
// is ignored. What the floor has saved stays likewise, cut to what the new one may save.
func (b *Budget) Update(c budget.Config, now time.Time) {
	saved := b.saved(now)
	b.config = BudgetDefaults(c)
	b.hold(min(b.full(), b.bank()))
	b.save(now, ratMin(b.mostSaved(), saved))
}

// Tokens is what the bank holds.
func (b *Budget) Tokens() float64 { return float64(b.bank()) / token }

// Stats are the counts.
func (b *Budget) Stats() budget.Stats {
	s := b.stats
	s.Tokens, s.Burst = b.Tokens(), b.config.Burst
	return s
}

func ratMin(a, b *big.Rat) *big.Rat {
	if a.Cmp(b) <= 0 {
		return new(big.Rat).Set(a)
	}
	return new(big.Rat).Set(b)
}
