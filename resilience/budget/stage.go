package budget

import (
	"fmt"
	"math"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

func init() {
	stage.Register(stage.Spec[Config, *Budget]{
		Name:    "budget",
		Traits:  func(Config) stage.Traits { return stage.Traits{DrawnOn: true} },
		InForce: (*Budget).Config,
		Shares:  true,
		Link:    link,
		Renew:   renew,
		Tune:    tune,
		Another: another,
		Worth:   worth,
		Report:  report,
	})
}

// link returns a Policy that does nothing if a loop stands inside, which is told of b where it
// stands; else b itself, whose Wrap says that there is none.
func link(b *Budget, at stage.Place) resilience.Policy {
	if at.Row[at.At+1:].Loop() < 0 {
		return b
	}
	return resilience.PolicyFunc(func(next resilience.Func) resilience.Func { return next })
}

// renew keeps the bank, whatever the numbers.
func renew(b *Budget, c Config) (stage.Renewal[*Budget], error) {
	r := stage.Renewal[*Budget]{Policy: b, Kept: true}
	resolved, err := c.Resolve()
	if err == nil && (resolved != b.Config() || b.inForce().order != nil) {
		r.Commit = func() { _ = b.Update(c) } // cannot fail: it was resolved just now
	}
	return r, err
}

// tune is for a change by hand, which leaves alone what an order for a fleet has set and the hand
// has not.
func tune(b *Budget, from, to Config) (stage.Tuning[*Budget, Config], error) {
	from.Initial, to.Initial = 0, 0 // as for Modify
	to, err := to.Resolve()
	to.Initial = 0
	return stage.Tuning[*Budget, Config]{Policy: b, Commit: func() (was, is Config) { return b.tune(from, to) }}, err
}

// another returns a budget made of c. Where c has b's settings, it shares their memory with b, and
// no state.
func another(b *Budget, c Config) (*Budget, error) {
	s, err := c.resolve()
	if err != nil {
		return nil, err
	}
	if mine := b.inForce(); *mine == *s {
		s = mine
	}
	return newBudget(s), nil
}

// worth says that a spent budget knows of an outage.
func worth(b *Budget) stage.Worth {
	if b.Tokens() < 1 {
		return stage.Learned
	}
	return stage.Plain
}

// report says that an empty budget is a strain. A bank that began empty is no news before it was
// drawn on.
func report(b *Budget) stage.Report {
	c, s := b.Config(), b.Stats()
	r := stage.Report{Stats: s}
	if s.Tokens >= 1 || s.Withdrawals+s.Refused == 0 || c.Shadow || c.Ratio < 0 {
		return r
	}
	retries := "no retries"
	if c.Floor > 0 {
		retries = fmt.Sprintf("retries limited to %v/s", c.Floor)
		if b.inForce().sharers != 1 {
			retries += " of all pods"
		}
	}
	tenths := math.Floor(s.Tokens * 10) // down: 0.96 is not yet a token
	r.Condition = stage.Strain
	r.Why = fmt.Sprintf("retry budget empty (%v of %d tokens), %s", tenths/10, s.Burst, retries)
	return r
}
