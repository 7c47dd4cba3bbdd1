package cache

import (
	"math/bits"
	"sync/atomic"

	"github.com/media-gateway/holdfast/internal/mono"
)

// entry is a key and its value.
type entry[K comparable, V any] struct {
	key       K
	hash      uint64
	next      atomic.Pointer[entry[K, V]]     // in its bucket
	value     atomic.Pointer[V]               // nil until it is built
	pending   atomic.Pointer[pendingBuild[V]] // nil unless Build runs
	used      atomic.Uint32                   // reference bits: usedForAll, less those that were cleared
	slot      int32                           // its index in Cache.slots, or evicted; guarded by mu
	idleSince mono.Time                       // when it was first examined after its last use; guarded by mu
}

// The reference bits. A use sets both. Each bit has its own examiner, which clears it at each
// visit, and so learns whether the key was used since its last visit.
const (
	usedForHand  = 1 << iota // cleared by the CLOCK hand
	usedForSweep             // cleared by evictIfIdle
	usedForAll   = usedForHand | usedForSweep
)

// evicted is the slot of an entry that is not in the table any more.
const evicted = -1

// table is a hash table with chained entries. It is read without a lock, and changed under the
// lock.
//
// While the table grows, entries change their chains under a reader. The reader may then miss an
// entry that is there, so a miss looks again under the lock. But it always ends: an entry that was
// moved leads only to entries that were moved before.
type table[K comparable, V any] struct {
	buckets []atomic.Pointer[entry[K, V]] // a power of two
}

func newTable[K comparable, V any](entries int) *table[K, V] {
	return &table[K, V]{make([]atomic.Pointer[entry[K, V]], 1<<bits.Len(uint(entries-1)))}
}

func (t *table[K, V]) bucket(hash uint64) *atomic.Pointer[entry[K, V]] {
	return &t.buckets[hash&uint64(len(t.buckets)-1)]
}

func (t *table[K, V]) find(hash uint64, key K) *entry[K, V] {
	for e := t.bucket(hash).Load(); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == key {
			return e
		}
	}
	return nil
}

func (t *table[K, V]) insert(e *entry[K, V]) {
	b := t.bucket(e.hash)
	e.next.Store(b.Load())
	b.Store(e)
}

// remove takes e out. A reader that is at e still finds the rest of the chain from there. remove
// compares entries, not keys, since a key need not be equal to itself.
func (t *table[K, V]) remove(e *entry[K, V]) {
	link := t.bucket(e.hash)
	for link.Load() != e {
		link = &link.Load().next
	}
	link.Store(e.next.Load())
}

// grown returns a table of twice the size with the same entries.
func (t *table[K, V]) grown(entries []*entry[K, V]) *table[K, V] {
	g := newTable[K, V](2 * len(t.buckets))
	for _, e := range entries {
		g.insert(e)
	}
	return g
}
