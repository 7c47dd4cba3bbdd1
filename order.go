package holdfast

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// checkOrder refuses rows of stages that cannot do what whoever wrote them hoped for.
func (b *assembler) checkOrder() {
	b.checkDeadlines()
	b.checkLoops()
	b.checkShared()
}

// checkDeadlines refuses a deadline that one further out always beats.
func (b *assembler) checkDeadlines() {
	shortest := time.Duration(0)
	for i, e := range b.row {
		d, ok := e.policy.(*deadline.Policy)
		if !ok {
			continue
		}
		if shortest > 0 && d.Limit() >= shortest {
			b.fail("stage %d: deadline: Limit is %v, which never fires inside the deadline of %v; want less than that, or leave it out",
				i+1, d.Limit(), shortest)
			continue
		}
		shortest = d.Limit()
	}
}

// checkLoops refuses a second retry loop, a second budget, and a budget with no loop to pay for.
func (b *assembler) checkLoops() {
	loop, bank := -1, -1
	for i, e := range b.row {
		switch p := e.policy.(type) {
		case *retry.Policy:
			if loop >= 0 {
				b.fail("stage %d: a second retry loop (the first is stage %d); two multiply their attempts, so want one", i+1, loop+1)
				continue
			}
			loop = i
			if bank >= 0 && p.Config().Budget != nil {
				b.fail("stage %d: retry: Budget is set, and stage %d is a budget too; want one of the two", i+1, bank+1)
			}
		case *budget.Budget:
			switch {
			case bank >= 0:
				b.fail("stage %d: a second budget (the first is stage %d); a retry loop draws on one, so want one", i+1, bank+1)
			case loop >= 0:
				b.fail("stage %d: budget stands inside the retry loop (stage %d); want it outside, before the loop", i+1, loop+1)
			}
			if bank < 0 {
				bank = i
			}
		}
	}
	if bank >= 0 && loop < 0 && !b.incomplete {
		b.fail("stage %d: budget has no retry loop inside it to pay for; add retry.Config{} after it, or leave it out", bank+1)
	}
}

// checkShared refuses the same stateful policy at two places of one row: it would count
// every call twice, and a bulkhead would wait for itself.
func (b *assembler) checkShared() {
	seen := map[resilience.Policy]int{}
	for i, e := range b.row {
		switch e.policy.(type) {
		case *breaker.Breaker, *bulkhead.Bulkhead:
			if first, ok := seen[e.policy]; ok {
				b.fail("stage %d: the same %s as stage %d; want one of its own at each place", i+1, stageName(e.policy), first+1)
			}
			seen[e.policy] = i
		}
	}
}
