package holdfast

import (
	"time"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
)

// checkOrder refuses rows in which a stage cannot do its work.
func (b *assembler) checkOrder() {
	row := b.reading()
	b.checkDeadlines(row)
	b.checkLoop(row)
	b.checkShared()
}

// checkDeadlines refuses a deadline that never fires, since one further out ends no later.
func (b *assembler) checkDeadlines(row stage.Row) {
	shortest := time.Duration(0)
	for i, m := range row {
		limit := m.Traits.Limit
		if limit == 0 {
			continue
		}
		if shortest > 0 && limit >= shortest {
			b.fail("stage %d: %s: Limit is %v, which never fires inside the deadline of %v; want less than that, or leave it out",
				i+1, m.Kind.Name(), limit, shortest)
			continue
		}
		shortest = limit
	}
}

// checkLoop refuses a second retry loop, a second budget, and a budget with no loop to pay for.
func (b *assembler) checkLoop(row stage.Row) {
	for _, err := range row.CheckOnce() {
		b.fail("%w", err)
	}
	loop, budget := row.Loop(), row.Budget()
	switch {
	case budget < 0:
	case loop < 0:
		if !b.incomplete {
			b.fail("stage %d: budget has no retry loop inside it to pay for; add retry.Config{} after it, or leave it out", budget+1)
		}
	case budget > loop:
		b.fail("stage %d: budget stands inside the retry loop (stage %d); want it outside, before the loop", budget+1, loop+1)
	}
}

// checkShared refuses the same stateful policy at two places of one row: it would count
// every call twice, and a bulkhead would wait for itself.
func (b *assembler) checkShared() {
	seen := map[resilience.Policy]int{}
	for i, e := range b.row {
		if e.policy == nil || e.Kind.Name() == "" || e.Traits.Stateless || e.Traits.DrawnOn || e.Traits.Repeats {
			continue
		}
		if first, ok := seen[e.policy]; ok {
			b.fail("stage %d: the same %s as stage %d; want one of its own at each place", i+1, e.Kind.Name(), first+1)
		}
		seen[e.policy] = i
	}
}
