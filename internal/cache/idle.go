package cache

import (
	"slices"

	"github.com/media-gateway/holdfast/internal/mono"
)

const (
	maxSwept = 8   // bounds how many entries a miss with room examines for being idle
	maxChunk = 256 // bounds how many entries evictIdle examines before it releases the lock
)

// sweepIdle examines the next few entries, and evicts those that are idle.
func (c *Cache[K, V]) sweepIdle(now mono.Time) {
	if c.config.Idle < 0 {
		return
	}
	for range min(maxSwept, len(c.slots)) {
		if c.idleSweep >= len(c.slots) {
			c.idleSweep = 0
		}
		c.evictIfIdle(c.slots[c.idleSweep], now)
		c.idleSweep++
	}
}

// evictIdle evicts all idle entries. It releases the lock between chunks, so that others can use
// the cache.
func (c *Cache[K, V]) evictIdle(now mono.Time) {
	if c.config.Idle < 0 {
		return
	}
	for chunk := range slices.Chunk(c.entries(), maxChunk) {
		c.evictIdleOf(chunk, now)
	}
}

// evictIdleOf evicts those of the entries that are idle, except those that were evicted meanwhile.
func (c *Cache[K, V]) evictIdleOf(entries []*entry[K, V], now mono.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		if e.slot != evicted {
			c.evictIfIdle(e, now)
		}
	}
}

// evictIfIdle evicts e if it was idle for too long, and is not pinned. The last entry moves into
// its slot. If e was used since it was last examined, its idle time begins now.
func (c *Cache[K, V]) evictIfIdle(e *entry[K, V], now mono.Time) {
	used := e.used.And(^uint32(usedForSweep))
	if used&usedForSweep != 0 {
		e.idleSince = now
		return
	}
	if !c.isIdle(e, used, now) || c.cost(e) >= Pinned {
		return
	}
	end := len(c.slots) - 1
	last := c.slots[end]
	c.slots[e.slot], last.slot = last, e.slot
	c.slots[end] = nil
	c.slots = c.slots[:end]
	c.evict(e, true)
}

// isIdle reports whether e was idle for too long. used is the value of e.used before it was
// cleared.
func (c *Cache[K, V]) isIdle(e *entry[K, V], used uint32, now mono.Time) bool {
	return c.config.Idle >= 0 && used&usedForSweep == 0 && now-e.idleSince > mono.Time(c.config.Idle)
}
