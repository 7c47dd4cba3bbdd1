package holdfast

import (
	"iter"
	"slices"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

const (
	maxLooks  = 64  // of a miss for a key to drop, and so the most work that it does
	idleLooks = 8   // of a miss that finds room, for idle keys
	lockedFor = 256 // looks of expire before it lets others have the lock
)

// worth is how much would be lost with a pipeline. A greater one is dropped later.
type worth uint8

const (
	plain    worth = iota // it would be built as it is, or nearly so
	learned               // a breaker is half-open, or the budget is spent
	precious              // a breaker is open or isolated, or calls are in flight: it is not dropped
)

// worth looks at the stages that are the key's own.
func (p *Pipeline) worth() worth {
	if !p.counters.idle() {
		return precious
	}
	w := plain
	for _, e := range p.current.Load().row {
		switch p := e.policy.(type) {
		case *breaker.Breaker:
			switch e.ownState(p) {
			case breaker.StateOpen, breaker.StateIsolated:
				return precious
			case breaker.StateHalfOpen:
				w = learned
			}
		case *budget.Budget:
			if _, own := e.given.(budget.Config); own && p.Tokens() < 1 {
				w = learned
			}
		}
	}
	return w
}

// ownState returns the state of the entry's breaker, as far as it is the pipeline's own: one that was given
// already built is shared, and nothing of it would be lost.
func (e entry) ownState(b *breaker.Breaker) breaker.State {
	if _, own := e.given.(breaker.Config); own {
		return b.State()
	}
	return breaker.StateClosed
}

// open returns the pipeline's own breakers that are not closed, as entries of its row.
func (p *Pipeline) open() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for _, e := range p.current.Load().row {
			if b, ok := e.policy.(*breaker.Breaker); ok && e.ownState(b) != breaker.StateClosed && !yield(e) {
				return
			}
		}
	}
}

func (e *keyedEntry[K]) worth() worth {
	if p := e.pipeline.Load(); p != nil {
		return p.worth()
	}
	return plain
}

// admit returns the entry of a key that was not found, nil if there is no room for it.
func (k *Keyed[K]) admit(hash uint64, key K, now mono.Time) *keyedEntry[K] {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.table.Load()
	if e := t.find(hash, key); e != nil { // another Get was faster
		return e
	}
	var slot int32
	if len(k.slots) < k.size {
		k.dropIdle(now)
		slot = int32(len(k.slots))
		k.slots = append(k.slots, nil)
	} else {
		was := k.leastWorth()
		if was == nil {
			return nil
		}
		slot = was.slot // the hand has just been there, and comes by last
		k.forget(was, k.expired(was, was.used.Load(), now))
	}
	e := &keyedEntry[K]{key: key, hash: hash, slot: slot, seen: now}
	k.slots[slot] = e
	if len(k.slots) > len(t.buckets) {
		k.table.Store(t.grown(k.slots))
	} else {
		t.insert(e)
	}
	return e
}

// stride returns the step by which the hand visits each of n slots once, and neighbors far from each other: keys that
// came together, such as the good ones before a flood, are often worth the same.
func stride(n int) int {
	step := max(1, int(float64(n)*0.618)) // the golden section spreads best
	for a, b := step, n; ; a, b = step, n {
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 { // step and n have no divisor in common
			return step
		}
		step++
	}
}

// leastWorth returns the entry that is worth least of those that the clock's hand comes by, nil if none of them may be
// dropped. All slots are taken.
func (k *Keyed[K]) leastWorth() *keyedEntry[K] {
	var second *keyedEntry[K] // not used of late, but has learned something
	var third *keyedEntry[K]  // used of late
	for range min(maxLooks, len(k.slots)) {
		e := k.slots[k.hand]
		k.hand = (k.hand + k.step) % k.size
		switch used := e.used.And(^uint32(usedForClock)); {
		case used&usedForClock != 0:
			if third == nil && e.worth() < precious {
				third = e
			}
		case e.worth() == plain:
			return e
		case second == nil && e.worth() < precious:
			second = e
		}
	}
	if second != nil {
		return second
	}
	return third
}

// dropIdle drops those of the next few entries that were idle for too long.
func (k *Keyed[K]) dropIdle(now mono.Time) {
	if k.idle < 0 {
		return
	}
	for range min(idleLooks, len(k.slots)) {
		if k.sweep >= len(k.slots) {
			k.sweep = 0
		}
		k.dropIfIdle(k.slots[k.sweep], now)
		k.sweep++
	}
}

// expire does that for all entries. Whoever wants the lock meanwhile gets it in between.
func (k *Keyed[K]) expire(now mono.Time) {
	if k.idle < 0 {
		return
	}
	for chunk := range slices.Chunk(k.entries(), lockedFor) {
		k.expireOf(chunk, now)
	}
}

func (k *Keyed[K]) expireOf(entries []*keyedEntry[K], now mono.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range entries {
		if e.slot >= 0 {
			k.dropIfIdle(e, now)
		}
	}
}

func (k *Keyed[K]) dropIfIdle(e *keyedEntry[K], now mono.Time) {
	used := e.used.And(^uint32(usedForExpiry))
	if used&usedForExpiry != 0 {
		e.seen = now
	} else if k.expired(e, used, now) && e.worth() < precious {
		end := len(k.slots) - 1
		last := k.slots[end]
		k.slots[e.slot], last.slot = last, e.slot
		k.slots[end] = nil
		k.slots = k.slots[:end]
		k.forget(e, true)
	}
}

// expired reports whether e was idle for too long; used is what e.used was before the look.
func (k *Keyed[K]) expired(e *keyedEntry[K], used uint32, now mono.Time) bool {
	return k.idle >= 0 && used&usedForExpiry == 0 && now-e.seen > mono.Time(k.idle)
}

// forget takes out of the table e, whose slot is somebody else's.
func (k *Keyed[K]) forget(e *keyedEntry[K], idle bool) {
	if idle {
		k.forIdle.Add(1)
	} else {
		k.forSize.Add(1)
	}
	k.table.Load().remove(e)
	e.slot = -1
}

// entries returns all entries of one moment.
func (k *Keyed[K]) entries() []*keyedEntry[K] {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.slots)
}
