// Package cache is a bounded map. The value of a key is built by the first Get for it, and the
// number of keys never exceeds the capacity, whoever chooses the keys.
//
// # Eviction
//
// A new key in a full cache takes the place of a victim, which the CLOCK algorithm chooses
// (Corbató, "A paging experiment with the Multics system", 1968). It approximates least recently
// used: a hand visits one slot after the other, and a key that was used since the hand's last visit
// gets a second chance. The owner says by Config.Cost how much would be lost with a value. Cheap
// values go first, Costly ones go before those that were just used, and Pinned ones stay.
//
// A miss examines a bounded number of keys. If all of these are pinned, the new key is not kept,
// and Get returns ErrFull. So a flood of new keys cannot evict a pinned one.
//
// A key that was idle for longer than Config.Idle is evicted by a later miss, Len or Stats. The
// cache starts no goroutine.
//
// # Cost of a call
//
// A Get that finds its key takes no lock, does not read the clock and does not allocate. A miss
// holds one lock while it looks for room; Build runs outside of it.
package cache

import (
	"errors"
	"hash/maphash"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
)

// Cost is what would be lost if a value was evicted.
type Cost uint8

const (
	Cheap  Cost = iota // little: the value would be built again as it is
	Costly             // the value has learned something
	Pinned             // too much: the value must not be evicted
)

// Config is how a Cache is built.
type Config[K comparable, V any] struct {
	// Capacity is how many keys are kept at most. If it is below 1, no key is kept.
	Capacity int

	// Idle is how long a key may be unused before it is evicted. Below 0: for ever. 0 is no
	// default: any time without a use is too long.
	Idle time.Duration

	// Build makes the value of a key that has none. It is called without a lock, so it may call
	// Get, but not for the key that it builds: that would wait for itself.
	Build func(key K) (*V, error)

	// Cost says what would be lost with a value. It is called under the cache's lock, so it must
	// not call the cache.
	Cost func(value *V) Cost
}

// ErrFull says that there is no room for a new key: every key that was examined is pinned.
var ErrFull = errors.New("cache: full, and every key that was examined is pinned")

// Cache is a bounded map. It is safe for concurrent use once Init was called, and must not be
// copied.
//
// A key that is not equal to itself, such as a NaN, is never found again: each Get for it is a
// miss.
type Cache[K comparable, V any] struct {
	config Config[K, V]
	seed   maphash.Seed
	table  atomic.Pointer[table[K, V]] // read without a lock, changed under mu

	mu        sync.Mutex
	slots     []*entry[K, V] // all entries of the table
	hand      int            // the slot that the CLOCK hand visits next
	stride    int            // how many slots the hand moves at a time
	idleSweep int            // the slot that a miss with room examines next for being idle

	misses, full, evictedForCapacity, evictedForIdle atomic.Uint64
}

// Init makes a zero Cache usable, and returns it. It is not a New, so that a Cache can be a field
// of another struct: that saves each Get a pointer.
func (c *Cache[K, V]) Init(config Config[K, V]) *Cache[K, V] {
	c.config, c.seed, c.stride = config, maphash.MakeSeed(), stride(config.Capacity)
	c.table.Store(newTable[K, V](max(1, min(config.Capacity, 64))))
	return c
}

// Get returns the key's value, and counts as a use of the key. If there is no value, it builds one.
// If several Gets want the same new key at once, one builds; the others wait for it and return its
// result, also if that is an error. An error is not kept: the next Get builds again.
//
// The error is ErrFull if there is no room for the key, ErrNotBuilt if Build panicked or ended its
// goroutine while this Get waited for it, or the error of Build. A panic of Build passes through.
func (c *Cache[K, V]) Get(key K) (*V, error) {
	hash := maphash.Comparable(c.seed, key)
	e := c.table.Load().find(hash, key)
	if e == nil {
		return c.miss(hash, key)
	}
	if e.used.Load() != usedForAll { // a store on each hit would slow other processors down
		e.used.Store(usedForAll)
	}
	if v := e.value.Load(); v != nil {
		return v, nil
	}
	return c.build(e)
}

// miss is Get for a key that was not found.
func (c *Cache[K, V]) miss(hash uint64, key K) (*V, error) {
	c.misses.Add(1)
	e := c.admit(hash, key, mono.Now())
	if e == nil {
		c.full.Add(1)
		return nil, ErrFull
	}
	return c.build(e)
}

// Peek returns the key's value if there is one. It builds none, and does not count as a use.
func (c *Cache[K, V]) Peek(key K) (*V, bool) {
	e := c.table.Load().find(maphash.Comparable(c.seed, key), key)
	if e == nil {
		return nil, false
	}
	v := e.value.Load()
	return v, v != nil
}

// All returns the keys and values in no particular order. It takes a snapshot when the iteration
// begins, and does not count as a use.
func (c *Cache[K, V]) All() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for _, e := range c.entries() {
			if v := e.value.Load(); v != nil && !yield(e.key, v) {
				return
			}
		}
	}
}

// Len evicts the keys that were idle for too long, and returns how many are left.
func (c *Cache[K, V]) Len() int {
	c.evictIdle(mono.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.slots)
}

// Stats are the counts of a Cache since Init. They are read one after the other while the cache is
// in use, so they may not fit together exactly.
type Stats struct {
	Len                int    // the result of Cache.Len
	Misses             uint64 // Gets that did not find their key
	Full               uint64 // Gets that returned ErrFull
	EvictedForCapacity uint64 // keys evicted to make room for another
	EvictedForIdle     uint64 // keys evicted because nobody used them
}

// Stats evicts the keys that were idle for too long, and returns the counts.
func (c *Cache[K, V]) Stats() Stats {
	return Stats{
		Len: c.Len(), Misses: c.misses.Load(), Full: c.full.Load(),
		EvictedForCapacity: c.evictedForCapacity.Load(), EvictedForIdle: c.evictedForIdle.Load(),
	}
}

// entries returns all entries of one moment.
func (c *Cache[K, V]) entries() []*entry[K, V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.slots)
}
