package cache

import "github.com/media-gateway/holdfast/internal/mono"

// maxExamined bounds how many entries one miss may examine when it looks for a victim.
const maxExamined = 64

// admit returns the entry of a key that was not found, nil if there is no room for it.
func (c *Cache[K, V]) admit(hash uint64, key K, now mono.Time) *entry[K, V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.table.Load()
	if e := t.find(hash, key); e != nil { // another Get was faster
		return e
	}
	var slot int32
	if len(c.slots) < c.config.Capacity {
		c.sweepIdle(now)
		slot = int32(len(c.slots)) //nolint:gosec // the caller's capacity fits
		c.slots = append(c.slots, nil)
	} else {
		victim := c.victim()
		if victim == nil {
			return nil
		}
		slot = victim.slot // the hand has just visited it, and returns there last
		c.evict(victim, c.isIdle(victim, victim.used.Load(), now))
	}
	e := &entry[K, V]{key: key, hash: hash, slot: slot, idleSince: now}
	c.slots[slot] = e
	if len(c.slots) > len(t.buckets) {
		c.table.Store(t.grown(c.slots))
	} else {
		t.insert(e)
	}
	return e
}

// victim returns the entry to evict, or nil if all entries that it examined are pinned. All slots
// must be taken. It prefers Cheap entries to Costly ones, and these to entries that were used since
// the hand's last visit.
func (c *Cache[K, V]) victim() *entry[K, V] {
	var costly, used *entry[K, V]
	for range min(maxExamined, len(c.slots)) {
		e := c.slots[c.hand]
		c.hand = (c.hand + c.stride) % len(c.slots)
		wasUsed := e.used.And(^uint32(usedForHand))&usedForHand != 0
		if wasUsed && used != nil {
			continue
		}
		switch cost := c.cost(e); {
		case cost >= Pinned:
		case wasUsed:
			used = e
		case cost == Cheap:
			return e
		case costly == nil:
			costly = e
		}
	}
	if costly != nil {
		return costly
	}
	return used
}

// cost returns what would be lost with e. A key without a value is Cheap.
func (c *Cache[K, V]) cost(e *entry[K, V]) Cost {
	if v := e.value.Load(); v != nil {
		return c.config.Cost(v)
	}
	return Cheap
}

// evict takes e out of the table. The caller gives e's slot to another entry, or removes it.
func (c *Cache[K, V]) evict(e *entry[K, V], idle bool) {
	if idle {
		c.evictedForIdle.Add(1)
	} else {
		c.evictedForCapacity.Add(1)
	}
	c.table.Load().remove(e)
	e.slot = evicted
}

// stride returns the step of the hand, with which it visits each of n slots once per round. It is
// near n divided by the golden ratio, so that neighbors are visited far apart: keys that came
// together, such as the good ones before a flood, often cost the same.
func stride(n int) int {
	step := max(1, int(float64(n)*0.618))
	for gcd(step, n) > 1 { // then the hand would come back before it has visited all
		step++
	}
	return step
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
