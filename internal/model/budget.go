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
	if c.SlowCost == 0 {
		c.SlowCost = 1
	}
	if c.SlowTimes == 0 {
		c.SlowTimes = -1 // off: the model knows no times of successes
	}
	return c
}

// Config returns the settings in force.
func (b *Budget) Config() budget.Config { return b.config }

func (b *Budget) bank() int64 { return b.history[len(b.history)-1].held }

func (b *Budget) hold(held int64) { b.history = append(b.history, entry{held}) }

func (b *Budget) full() int64 { return int64(b.config.Burst) * token }

// mostSaved is the floor rounded up, and at least the price of a retry. One that is off keeps so
// much, too, for when it is turned on.
func (b *Budget) mostSaved() *big.Rat {
	whole := big.NewRat(int64(math.Max(1, math.Ceil(b.config.Floor))), 1)
	if price := big.NewRat(b.price(true), token); price.Cmp(whole) > 0 {
		return price
	}
	return whole
}

// price is what a retry costs, in billionths of a token.
func (b *Budget) price(slow bool) int64 {
	if !slow {
		return token
	}
	return int64(math.Round(b.config.SlowCost * token))
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
	if b.config.DepositOn != budget.Arrival {
		b.Deposit()
	}
}

// OnRetrySuccess is the end of a call that succeeded at a retry, for which so many billionths were
// paid.
func (b *Budget) OnRetrySuccess(paid int64) {
	if b.config.RefundOnSuccess && paid > 0 {
		b.stats.SuccessRefunds++
		b.giveBack(paid)
	}
	if b.config.DepositOn == budget.AnySuccess {
		b.Deposit()
	}
}

// OnArrival is the beginning of any call.
func (b *Budget) OnArrival() {
	if b.config.DepositOn == budget.Arrival {
		b.Deposit()
	}
}

// Refund gives back what was paid for a retry that was never made.
func (b *Budget) Refund(paid int64) {
	if paid > 0 {
		b.stats.Refunds++
		b.giveBack(paid)
	}
}

func (b *Budget) giveBack(paid int64) {
	before := b.bank()
	b.hold(min(b.full(), before+paid))
	b.stats.RefundedTokens += float64(b.bank()-before) / token
}

// Withdraw says who may pay for a retry: one payer, or two where the floor has saved the price but
// for less than two nanoseconds of its rate. Of these the caller says which it was. paid is the
// price that was paid, in billionths of a token.
func (b *Budget) Withdraw(now time.Time, slow bool, was budget.Payer) (may []budget.Payer, paid int64) {
	price := b.price(slow)
	may = b.payers(now, price)
	if len(may) == 1 {
		was = may[0]
	}
	switch was {
	case budget.FromBank:
		b.stats.Withdrawals++
		b.hold(b.bank() - price)
	case budget.FromFloor:
		b.stats.FloorPaid++
		b.save(now, b.saved(now).Sub(b.saved(now), big.NewRat(price, token)))
	case budget.InShadow:
		b.stats.ShadowRefused++
		return may, 0
	case budget.Refused:
		b.stats.Refused++
		return may, 0
	}
	if slow {
		b.stats.Slow++
		b.stats.SlowTokens += float64(price) / token
	}
	return may, price
}

func (b *Budget) payers(now time.Time, price int64) []budget.Payer {
	none := budget.Refused
	if b.config.Shadow {
		none = budget.InShadow
	}
	if b.bank() >= price {
		return []budget.Payer{budget.FromBank}
	}
	if b.config.Floor < 0 {
		return []budget.Payer{none}
	}
	saved, needed := b.saved(now), big.NewRat(price, token)
	if saved.Cmp(needed) >= 0 {
		return []budget.Payer{budget.FromFloor}
	}
	soon := new(big.Rat).SetFloat64(b.config.Floor)
	soon.Mul(soon, big.NewRat(2, int64(time.Second)))
	if soon.Add(soon, saved).Cmp(needed) >= 0 {
		return []budget.Payer{budget.FromFloor, none}
	}
	return []budget.Payer{none}
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
