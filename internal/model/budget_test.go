package model_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// budgetOp is one operation on a budget.
type budgetOp struct {
	Do     string
	Times  int           `json:",omitempty"` // of a crowd that withdraws at once
	Wait   time.Duration // of "wait"
	Config budget.Config // of "update" and "modify"
	Field  string        // which one "modify" changes
}

func (o budgetOp) String() string {
	switch o.Do {
	case "wait":
		return fmt.Sprintf("wait %v", o.Wait)
	case "crowd":
		return fmt.Sprintf("crowd of %d withdraws", o.Times)
	case "update":
		return fmt.Sprintf("update to %+v", o.Config)
	case "modify":
		return fmt.Sprintf("modify %s as in %+v", o.Field, o.Config)
	}
	return o.Do
}

var budgetFields = []string{"Ratio", "Floor", "Burst", "Initial", "DepositOn", "Shadow", "SlowCost", "RefundOnSuccess", "Fleet"}

func randomBudget(rng *rand.Rand) budget.Config {
	c := budget.Config{
		Ratio: one(rng, 0, -1, 0.05, 0.1, 0.3, 1.0/3, 0.5, 0.999999999, 1, 1.5, 7, 1000, rng.Float64()),
		Floor: one(rng, 0, 0, -1, -1, 0.1, 0.3, 0.5, 1, 1.5, 2.5, 3, 10, 1000, 3*rng.Float64()),
		Burst: one(rng, 0, 1, 2, 3, 5, 10, 50),
	}
	burst := model.BudgetDefaults(c).Burst
	c.Initial = one(rng, 0, -1, 1, burst, 1+rng.IntN(burst))
	c.DepositOn = one(rng, budget.Success, budget.AnySuccess, budget.Arrival)
	c.SlowCost = min(one(rng, 0, 1, 1.000000001, 1.5, 2, 4.999999999, 5, float64(burst), 1+4*rng.Float64()), float64(burst))
	c.RefundOnSuccess = rng.IntN(2) == 0
	c.Shadow = rng.IntN(8) == 0
	c.Fleet = rng.IntN(2) == 0
	return c
}

func generateBudget(rng *rand.Rand) episode[budget.Config, budgetOp] {
	e := episode[budget.Config, budgetOp]{setup: randomBudget(rng)}
	for range 50 + rng.IntN(400) {
		op := budgetOp{}
		switch n := rng.IntN(100); {
		case n < 20:
			op.Do = "success"
		case n < 25:
			op.Do = "arrival"
		case n < 28:
			op.Do = "deposit"
		case n < 48:
			op.Do = "withdraw"
		case n < 60:
			op.Do = "withdraw slow"
		case n < 66:
			op.Do = "allow"
		case n < 71:
			op.Do = "refund"
		case n < 76:
			op.Do = "retry success"
		case n < 78:
			op.Do, op.Times = "crowd", 2+rng.IntN(12)
		case n < 80:
			op.Do, op.Config = "update", randomBudget(rng)
		case n < 82:
			op.Do, op.Config, op.Field = "modify", randomBudget(rng), one(rng, budgetFields...)
		default:
			op.Do = "wait"
			op.Wait = one(rng, 0, 1, time.Millisecond, 100*time.Millisecond, 333333333, 500*time.Millisecond,
				time.Second-1, time.Second, time.Second+1, 2*time.Second, 10*time.Second, time.Minute,
				time.Duration(rng.Int64N(int64(3*time.Second))))
		}
		e.ops = append(e.ops, op)
	}
	return e
}

// change sets one field of c as it is in to.
func change(c *budget.Config, field string, to budget.Config) {
	switch field {
	case "Ratio":
		c.Ratio = to.Ratio
	case "Floor":
		c.Floor = to.Floor
	case "Burst":
		c.Burst = to.Burst
	case "Initial":
		c.Initial = to.Initial
	case "DepositOn":
		c.DepositOn = to.DepositOn
	case "Shadow":
		c.Shadow = to.Shadow
	case "SlowCost":
		c.SlowCost = to.SlowCost
	case "RefundOnSuccess":
		c.RefundOnSuccess = to.RefundOnSuccess
	case "Fleet":
		c.Fleet = to.Fleet
	}
	if b := model.BudgetDefaults(*c).Burst; c.SlowCost > float64(b) { // would be refused
		c.SlowCost = float64(b)
	}
}

// Initial is how a budget begins, and says nothing about one in use.
func inUse(c budget.Config) budget.Config {
	c.Initial = 0
	return c
}

func liveBudget(e episode[budget.Config, budgetOp], done *int) error {
	bank, err := budget.New(e.setup)
	if err != nil {
		return err
	}
	twin := model.NewBudget(e.setup, time.Now())
	p := &pair{bank: bank, twin: twin}
	for i, op := range e.ops {
		*done++
		if err := p.live(op); err != nil {
			return fmt.Errorf("operation %d, %v: %w", i, op, err)
		}
		if is, want := bank.Tokens(), twin.Tokens(); is != want {
			return fmt.Errorf("operation %d, %v: %w", i, op, differ("tokens", is, want))
		}
		if is, want := bank.Stats(), twin.Stats(); is != want {
			return fmt.Errorf("operation %d, %v: %w", i, op, differ("stats", is, want))
		}
		if is, want := inUse(bank.Config()), inUse(twin.Config()); is != want {
			return fmt.Errorf("operation %d, %v: %w", i, op, differ("settings", is, want))
		}
	}
	return nil
}

// pair is a budget and its model.
type pair struct {
	bank *budget.Budget
	twin *model.Budget
	open []payment // neither given back nor earned yet
}

// payment is the same payment of both.
type payment struct {
	is   budget.Payment
	want int64 // billionths of a token
}

func (p *pair) live(op budgetOp) error {
	bank, twin := p.bank, p.twin
	switch op.Do {
	case "wait":
		time.Sleep(op.Wait)
	case "success":
		bank.OnSuccess()
		twin.OnSuccess()
	case "arrival":
		bank.OnArrival()
		twin.OnArrival()
	case "deposit":
		bank.Deposit()
		twin.Deposit()
	case "refund":
		o := p.settle()
		bank.Refund(o.is)
		twin.Refund(o.want)
	case "retry success":
		o := p.settle()
		bank.OnRetrySuccess(o.is)
		twin.OnRetrySuccess(o.want)
	case "withdraw":
		return p.withdrawn(bank.Withdraw(), false)
	case "withdraw slow":
		return p.withdrawn(bank.WithdrawSlow(), true)
	case "allow":
		// Where the model leaves a choice, a budget that says yes was paid by the floor.
		is, none := bank.Allow(), budget.Refused
		if twin.Config().Shadow {
			none = budget.InShadow
		}
		was := budget.FromFloor
		if bank.Stats().FloorPaid == twin.Stats().FloorPaid {
			was = none
		}
		may, _ := twin.Withdraw(time.Now(), false, was)
		yes := func(p budget.Payer) bool { return (p != budget.Refused) == is }
		if !slices.ContainsFunc(may, yes) {
			return differ("allowed", is, may)
		}
	case "crowd":
		return p.crowd(op.Times)
	case "update":
		twin.Update(op.Config, time.Now())
		return bank.Update(op.Config)
	case "modify":
		was := twin.Config()
		to := was
		change(&to, op.Field, op.Config)
		twin.Update(to, time.Now())
		from, is, err := bank.Modify(func(c *budget.Config) { change(c, op.Field, op.Config) })
		if err != nil {
			return err
		}
		if inUse(from) != inUse(was) {
			return differ("settings before", from, was)
		}
		if inUse(is) != inUse(twin.Config()) {
			return differ("settings after", is, twin.Config())
		}
	}
	return nil
}

// settle takes the oldest open payment; one that nobody paid if there is none.
func (p *pair) settle() (o payment) {
	if len(p.open) > 0 {
		o, p.open = p.open[0], p.open[1:]
	}
	return o
}

// withdrawn compares a payment with the model's.
func (p *pair) withdrawn(is budget.Payment, slow bool) error {
	may, want := p.twin.Withdraw(time.Now(), slow, is.Payer)
	if !slices.Contains(may, is.Payer) {
		return differ("payer", is.Payer, may)
	}
	if is.Tokens() != float64(want)/1e9 {
		return differ("price", is.Tokens(), float64(want)/1e9)
	}
	p.open = append(p.open, payment{is, want})
	return nil
}

// crowd withdraws from many goroutines at one moment. Who is paid is chance; how many are is not.
// All pay the same price, so that the order makes no difference.
func (p *pair) crowd(n int) error {
	var wg sync.WaitGroup
	paid, slow := make([]budget.Payment, n), n%2 == 0
	for i := range n {
		wg.Go(func() {
			if slow {
				paid[i] = p.bank.WithdrawSlow()
			} else {
				paid[i] = p.bank.Withdraw()
			}
		})
	}
	wg.Wait()
	// The order in which a budget pays: the bank, the floor, then nobody.
	slices.SortFunc(paid, func(a, b budget.Payment) int { return payingOrder(a) - payingOrder(b) })
	for _, is := range paid {
		if err := p.withdrawn(is, slow); err != nil {
			return fmt.Errorf("a crowd of %v: %w", paid, err)
		}
	}
	return nil
}

func payingOrder(p budget.Payment) int {
	return slices.Index([]budget.Payer{budget.FromBank, budget.FromFloor, budget.InShadow, budget.Refused}, p.Payer)
}

func TestBudgetIsWhatItsDocumentationSays(t *testing.T) {
	experiment[budget.Config, budgetOp]{operations: 100_000, generate: generateBudget, live: liveBudget}.run(t)
}
