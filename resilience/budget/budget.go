// Package budget keeps retries in proportion to the traffic that succeeds, so that a
// dependency which is down is not beaten to death by its clients.
//
// A Budget is a bank of tokens. Every call whose first attempt succeeds deposits a fraction
// of a token, every retry withdraws one, and an empty bank refuses. While all is well the
// bank is full and nobody notices it; in an outage nothing is deposited, the bank is spent in
// a moment, and what is left are the first attempts and a trickle (the floor).
//
// A retry after a slow failure can cost more than one token (Config.SlowCost), since such failures
// are those of a dependency that has too much to do.
//
// One Budget belongs to one dependency: share it between all pipelines that call it.
//
// The source of the idea is Finagle's RetryBudget (6.31, 2016) and Marc Brooker's "Fixing retries
// with token buckets and circuit breakers" (2022). Finagle's first budget, and the simulator behind
// Brooker's figures, deposit on arrival: such a budget keeps paying for retries in the outage. This
// one deposits on success, as Brooker's text says, and as Finagle's clients do since 20.8.1.
package budget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/chance"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/internal/usual"
	"github.com/media-gateway/holdfast/resilience"
)

// ErrExhausted is why a retry loop stopped when its budget refused to pay for a retry.
var ErrExhausted = errors.New("retry budget exhausted")

// unit is one token. Amounts are whole numbers of billionths of a token, so that a ratio is
// kept exactly at every setting and ten deposits of 0.1 are one token, not 0.9999.
const unit = 1_000_000_000

// Budget pays for retries. It is safe for concurrent use: however many callers withdraw at once, no
// token is spent twice. It never allocates after New, which makes it. A zero Budget pays for no
// retry, and what it, or a nil one, wraps returns an error that says so.
type Budget struct {
	level    atomic.Int64             // of the bank, in units
	settings atomic.Pointer[settings] // stored by swap, under the floor's lock
	floor    floor
	updating sync.Mutex    // held by Update and Modify, and so while a user's code runs
	times    usual.Times   // of successes; nothing without SlowTimes
	turns    atomic.Uint64 // how often they began to be late, and ceased: odd while they are

	deposits, withdrawals, floorPaid, refunds, refused, shadowed atomic.Uint64
	slow, earned                                                 atomic.Uint64
	slowTokens, refundedTokens                                   sum
}

// New returns a budget, or an error that names every field of c that is wrong.
func New(c Config) (*Budget, error) {
	s, err := c.resolve()
	if err != nil {
		return nil, err
	}
	return newBudget(s), nil
}

func newBudget(s *settings) *Budget {
	b := &Budget{}
	b.settings.Store(s)
	b.level.Store(s.initial)
	// What the floor has saved before the first call counts towards Burst as well: bank and floor
	// together never start above it.
	b.floor.saved = min(s.mostSaved(), float64(s.burst-s.initial)/unit)
	b.floor.at = mono.Now()
	return b
}

// Build returns b itself, so that a Budget can be a stage of several pipelines.
func (b *Budget) Build() (resilience.Policy, error) {
	if err := b.unmade(); err != nil {
		return nil, err
	}
	return b, nil
}

// unmade returns what to say of a Budget that New did not make, else nil.
func (b *Budget) unmade() error {
	if b == nil {
		return errors.New("budget: a nil *Budget; make one with budget.New")
	}
	if b.settings.Load() == nil {
		return errors.New("budget: a zero Budget; make one with budget.New")
	}
	return nil
}

// inForce returns the settings. Those of a zero Budget pay for nothing.
func (b *Budget) inForce() *settings {
	if s := b.settings.Load(); s != nil {
		return s
	}
	return &none
}

var none = settings{slowCost: unit}

// Payer says who paid for a retry.
type Payer uint8

const (
	Refused   Payer = iota // nobody: the retry must not be made
	FromBank               // the bank
	FromFloor              // the floor, the bank having too little
	InShadow               // nobody; the retry would have been refused, but the budget is in shadow
)

// Payment is what a retry was paid with. The zero Payment is a refusal.
type Payment struct {
	Payer Payer
	units int64 // the price that was paid
}

// Allowed reports whether the retry may be made.
func (p Payment) Allowed() bool { return p.Payer != Refused }

// Tokens returns the price that was paid: 0 if nobody paid.
func (p Payment) Tokens() float64 { return float64(p.units) / unit }

// Allow reports whether a retry is paid for, and pays for it. It never waits. It is Withdraw for
// who never gives anything back.
func (b *Budget) Allow() bool { return b.Withdraw().Allowed() }

// Withdraw pays one token for a retry. If the bank has less, the floor pays. It never waits. For a
// retry after a slow failure use WithdrawSlow.
func (b *Budget) Withdraw() Payment { return b.withdraw(unit) }

// WithdrawSlow is Withdraw for a retry after a slow failure. It pays SlowCost.
func (b *Budget) WithdrawSlow() Payment {
	p := b.withdraw(b.inForce().slowCost)
	if p.units > 0 {
		b.slow.Add(1)
		b.slowTokens.add(p.Tokens())
	}
	return p
}

func (b *Budget) withdraw(cost int64) Payment {
	s := b.inForce()
	for {
		level := b.level.Load()
		if level < cost {
			break
		}
		if b.level.CompareAndSwap(level, level-cost) {
			b.withdrawals.Add(1)
			return Payment{FromBank, cost}
		}
	}
	switch {
	case s.floor > 0 && b.floor.pay(mono.Now(), float64(cost)/unit, s):
		b.floorPaid.Add(1)
		return Payment{FromFloor, cost}
	case s.shadow:
		b.shadowed.Add(1)
		return Payment{Payer: InShadow}
	}
	b.refused.Add(1)
	return Payment{}
}

// PricesSlow reports whether it matters how long attempts take: SlowCost is above 1, or SlowTimes
// is set. Otherwise nobody needs to measure it.
func (b *Budget) PricesSlow() bool { // short enough to be inlined
	s := b.settings.Load()
	return s != nil && (s.slowCost > unit || s.slowTimes > 0)
}

// Succeeded is OnSuccess, and Took, for a call whose first attempt began then and has just
// succeeded. It is for this module's pipelines, which have looked at the clock: while the bank is
// full, it looks again at one success in 16.
func (b *Budget) Succeeded(began mono.Began) {
	s := b.inForce()
	full := b.level.Load() >= s.burst // as it nearly always is: two loads, nothing written
	if s.slowTimes > 0 && (!full || isLate(b.turns.Load()) || !b.times.Learned() || chance.OneIn16(began.Time())) {
		b.look(s, began.Time())
	}
	if !full && !s.byArrivals && !b.Slow() {
		b.Deposit()
	}
}

// RetrySucceeded is OnRetrySuccess, and Took, for a retry that began then, was paid for with p, and
// has just succeeded. It is for this module's pipelines.
func (b *Budget) RetrySucceeded(began mono.Began, p Payment) {
	s := b.inForce()
	full := b.level.Load() >= s.burst
	if s.slowTimes > 0 && (!full || isLate(b.turns.Load()) || !b.times.Learned() || chance.OneIn16(began.Time())) {
		b.look(s, began.Time())
	}
	b.OnRetrySuccess(p)
}

// look notes how long a success took that began then, if that is known.
func (b *Budget) look(s *settings, began mono.Time) {
	if began != 0 {
		now := mono.Now()
		b.took(time.Duration(now-began), now, s.slowTimes)
	}
}

// Took notes that a success took so long: see Config.SlowTimes.
func (b *Budget) Took(d time.Duration) {
	if s := b.inForce(); s.slowTimes > 0 {
		b.took(d, mono.Now(), s.slowTimes)
	}
}

func (b *Budget) took(d time.Duration, now mono.Time, slowTimes float64) {
	turns := b.turns.Load()
	if late, _ := b.times.Add(d, now, slowTimes); late != isLate(turns) {
		b.turns.CompareAndSwap(turns, turns+1) // if not, another saw it first
	}
}

// Slow reports whether most of the recent successes took much longer than usual: see
// Config.SlowTimes. Then WithdrawSlow is the price after any failure.
func (b *Budget) Slow() bool { return b.inForce().slowTimes > 0 && isLate(b.turns.Load()) }

// isLate reports whether successes are late after so many turns.
func isLate(turns uint64) bool { return turns%2 == 1 }

// Deposit adds Ratio of a token, up to Burst. A retry loop calls OnArrival and OnSuccess instead.
func (b *Budget) Deposit() {
	s := b.inForce()
	if s.ratio > 0 && b.add(s.ratio, s.burst) > 0 {
		b.deposits.Add(1)
	}
}

// OnArrival deposits if the budget is fed by arrivals. A retry loop calls it for every call.
func (b *Budget) OnArrival() { // short enough to be inlined
	if s := b.settings.Load(); s != nil && s.byArrivals {
		b.Deposit()
	}
}

// OnSuccess deposits if the budget is fed by successes. A retry loop calls it for every call
// whose first attempt succeeded.
func (b *Budget) OnSuccess() {
	s := b.inForce()
	if b.level.Load() >= s.burst { // full, as it nearly always is: two loads, nothing written
		return
	}
	if !s.byArrivals && !b.Slow() {
		b.Deposit()
	}
}

// OnRetrySuccess is OnSuccess for a call that succeeded at a retry, which p paid for. It gives p
// back if RefundOnSuccess is set, and deposits if DepositOn is AnySuccess.
func (b *Budget) OnRetrySuccess(p Payment) {
	s := b.inForce()
	if s.refunds && p.units > 0 {
		b.earned.Add(1)
		b.giveBack(p.units, s.burst)
	}
	if s.byRetries && !b.Slow() {
		b.Deposit()
	}
}

// Refund gives p back: the retry that it paid for was never made. Exactly what was taken goes to
// the bank, up to Burst, also if SlowCost has changed since, and also what the floor paid: the
// floor itself takes nothing back. A Payment that nobody paid gives nothing back. Give each one
// back once at the most, and not after OnRetrySuccess.
func (b *Budget) Refund(p Payment) {
	if p.units <= 0 {
		return
	}
	b.refunds.Add(1)
	b.giveBack(p.units, b.inForce().burst)
}

func (b *Budget) giveBack(amount, burst int64) {
	if added := b.add(amount, burst); added > 0 {
		b.refundedTokens.add(float64(added) / unit)
	}
}

// add raises the level by amount, to burst at the most, and returns by how much it rose.
func (b *Budget) add(amount, burst int64) (added int64) {
	for {
		level := b.level.Load()
		if level >= burst {
			return 0
		}
		if to := min(level+amount, burst); b.level.CompareAndSwap(level, to) {
			return to - level
		}
	}
}

// Tokens returns how many tokens the bank holds, the floor's not included.
func (b *Budget) Tokens() float64 { return float64(b.level.Load()) / unit }

// Config returns the settings in force, with every default filled in.
func (b *Budget) Config() Config { return b.inForce().config }

// Update changes the settings of a budget in use. What is in the bank stays there, cut to the
// new Burst; Initial is ignored. What the floor has saved stays as well, cut to what it may save
// now; a floor that is off keeps at most the price of one retry, for when it is turned on. A
// Payment from before is given back as it was made. If c is wrong, it
// returns an error that names every wrong field, and changes nothing.
func (b *Budget) Update(c Config) error {
	b.updating.Lock()
	defer b.updating.Unlock()
	_, _, err := b.update(c, nil)
	return err
}

// Modify is Update for some of the settings: change is given those in force, every default
// filled in, to change what it likes. As in any Config, 0 is the default and -1 is none.
// Nobody else changes the settings meanwhile, so change must not, and should return soon. (A fleet
// does not wait. A ratio that it has ordered, before or meanwhile, is the order's until that ends,
// unless change sets another.) It returns the settings from just before and just after the change.
func (b *Budget) Modify(change func(c *Config)) (from, to Config, err error) {
	b.updating.Lock()
	defer b.updating.Unlock()
	was := b.inForce().config
	c := was
	change(&c)
	c.Initial = 0 // was used up when the budget was made; must not forbid a lower Burst
	return b.update(c, &was)
}

// update makes c the settings in force. If c was made of the settings was, and leaves the ratio
// alone, that stays what an order for a fleet has made of it, for as long as the order holds. It
// returns the settings from just before and just after, in which such an order makes no difference;
// if c is wrong, both are those in force.
func (b *Budget) update(c Config, was *Config) (before, after Config, err error) {
	before = b.Config()
	if err := b.unmade(); err != nil {
		return before, before, err
	}
	s, err := c.resolve()
	if err != nil {
		return before, before, err
	}
	b.swap(func(now *settings) *settings {
		to := s
		if was != nil && c.Ratio == was.Ratio {
			to = to.ordered(now, now.order)
		}
		if c.Fleet {
			to = to.among(now.sharers)
		}
		before, after = now.config, to.config
		return to
	})
	for {
		level := b.level.Load()
		if level <= s.burst || b.level.CompareAndSwap(level, s.burst) {
			return before, after, nil
		}
	}
}

// tune is Modify for a change that was made outside, of the settings from to those of to, which are
// known to be right. What others have changed meanwhile stays, unless both together would be wrong.
// It returns the settings from just before and just after.
func (b *Budget) tune(from, to Config) (before, after Config) {
	b.updating.Lock()
	defer b.updating.Unlock()
	merged := stage.Changed(b.inForce().config, from, to)
	merged.Initial = 0
	if from.Ratio == to.Ratio {
		from.Ratio, to.Ratio = merged.Ratio, merged.Ratio // it was left alone, whatever it is by now
	}
	before, after, err := b.update(merged, &from)
	if err != nil {
		before, after, _ = b.update(to, &from)
	}
	return before, after
}

// swap stores what next makes of the settings in force, if that is not the same. It waits for no
// code of a user.
func (b *Budget) swap(next func(now *settings) (to *settings)) {
	b.floor.mu.Lock()
	defer b.floor.mu.Unlock()
	now := b.inForce()
	if to := next(now); to != now {
		b.floor.change(mono.Now(), now, to)
		b.settings.Store(to)
	}
}

// Stats is what a budget has done so far.
type Stats struct {
	Tokens        float64 `json:"tokens"`         // in the bank now
	Burst         int     `json:"burst"`          // the most it can hold
	Deposits      uint64  `json:"deposits"`       // those that found the bank less than full
	Withdrawals   uint64  `json:"withdrawals"`    // retries paid for by the bank
	FloorPaid     uint64  `json:"floor_paid"`     // retries paid for by the floor
	Refunds       uint64  `json:"refunds"`        // payments given back, since the retry was never made
	Refused       uint64  `json:"refused"`        // retries refused
	ShadowRefused uint64  `json:"shadow_refused"` // retries that would have been refused, were it not for Shadow

	Slow           uint64  `json:"slow"`            // retries paid for at SlowCost, by bank or floor
	SlowTokens     float64 `json:"slow_tokens"`     // what those cost together
	SuccessRefunds uint64  `json:"success_refunds"` // payments given back, since the retry succeeded
	RefundedTokens float64 `json:"refunded_tokens"` // what both kinds of refunds added to the bank

	Late       bool   `json:"late"`        // most recent successes come late, so every failure is slow: see Config.SlowTimes
	LateSpells uint64 `json:"late_spells"` // how often that began
}

// Stats returns the counts. They are read one after the other, while calls go on.
func (b *Budget) Stats() Stats {
	return Stats{
		Tokens: b.Tokens(), Burst: b.Config().Burst,
		Deposits: b.deposits.Load(), Withdrawals: b.withdrawals.Load(), FloorPaid: b.floorPaid.Load(),
		Refunds: b.refunds.Load(), Refused: b.refused.Load(), ShadowRefused: b.shadowed.Load(),
		Slow: b.slow.Load(), SlowTokens: b.slowTokens.load(),
		SuccessRefunds: b.earned.Load(), RefundedTokens: b.refundedTokens.load(),
		Late: b.Slow(), LateSpells: (b.turns.Load() + 1) / 2,
	}
}

// String returns the budget in words: "budget 10%+1/s", "budget 300% of any success, slow 5×",
// "budget 10%+1/s, pooled".
func (b *Budget) String() string {
	s := b.inForce()
	text := "budget " + strconv.FormatFloat(math.Round(float64(s.ratio)/unit*1e7)/1e5, 'f', -1, 64) + "%"
	if floor := orNone(s.config.Floor); floor > 0 {
		text += fmt.Sprintf("+%v/s", floor)
	}
	switch {
	case s.byArrivals:
		text += " of arrivals"
	case s.byRetries:
		text += " of any success"
	}
	if s.slowCost > unit {
		text += ", slow " + strconv.FormatFloat(float64(s.slowCost)/unit, 'f', -1, 64) + "×"
	}
	if s.refunds {
		text += ", refunds"
	}
	if s.config.Fleet {
		text += ", pooled"
	}
	if s.shadow {
		text += " (shadow)"
	}
	return text
}

// Wrap returns a Func that fails. A budget pays for the retries of a loop that stands inside it, in
// a pipeline or a resilience.Chain, where the loop is told of it. By itself it would bound nothing,
// and nobody would notice.
func (b *Budget) Wrap(resilience.Func) resilience.Func {
	err := b.unmade()
	if err == nil {
		err = errNoLoop
	}
	return func(context.Context) error { return err }
}

var errNoLoop = errors.New("budget: no retry loop stands inside it; want one after it, in a pipeline or a resilience.Chain")
