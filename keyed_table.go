package holdfast

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/media-gateway/holdfast/internal/mono"
)

// keyedEntry is a key and its pipeline.
type keyedEntry[K comparable] struct {
	key      K
	hash     uint64
	next     atomic.Pointer[keyedEntry[K]] // in its bucket
	pipeline atomic.Pointer[Pipeline]      // nil until it is built
	used     atomic.Uint32                 // usedOfLate, or what of that the clock and expire left
	slot     int32                         // where it is in Keyed.slots; under mu
	seen     mono.Time                     // when it was first looked at and found used; under mu
}

// What a use sets, and who clears it: each of them sees whether the key was used since it came by last.
const (
	usedForClock  = 1 << iota // cleared by the clock's hand
	usedForExpiry             // cleared by expire
	usedOfLate    = usedForClock | usedForExpiry
)

// keyTable is a hash table with chained entries. It is read without a lock, and changed by one at a time.
//
// A reader may be diverted while the table grows, since entries change chains under it. It may then miss an entry that is there
// (whoever misses looks again under the lock), but it comes to an end: an entry that was moved leads
// only to entries that were moved before.
type keyTable[K comparable] struct {
	buckets []atomic.Pointer[keyedEntry[K]] // a power of two
}

func newKeyTable[K comparable](entries int) *keyTable[K] {
	return &keyTable[K]{make([]atomic.Pointer[keyedEntry[K]], 1<<bits.Len(uint(entries-1)))}
}

func (t *keyTable[K]) bucket(hash uint64) *atomic.Pointer[keyedEntry[K]] {
	return &t.buckets[hash&uint64(len(t.buckets)-1)]
}

func (t *keyTable[K]) find(hash uint64, key K) *keyedEntry[K] {
	for e := t.bucket(hash).Load(); e != nil; e = e.next.Load() {
		if e.hash == hash && e.key == key {
			return e
		}
	}
	return nil
}

func (t *keyTable[K]) insert(e *keyedEntry[K]) {
	b := t.bucket(e.hash)
	e.next.Store(b.Load())
	b.Store(e)
}

// remove takes e out, which goes on leading a reader that is at it to the rest of its chain. It looks for e itself,
// since a key need not be equal to itself.
func (t *keyTable[K]) remove(e *keyedEntry[K]) {
	link := t.bucket(e.hash)
	for link.Load() != e {
		link = &link.Load().next
	}
	link.Store(e.next.Load())
}

// grown returns a table of twice the size with the same entries.
func (t *keyTable[K]) grown(entries []*keyedEntry[K]) *keyTable[K] {
	g := newKeyTable[K](2 * len(t.buckets))
	for _, e := range entries {
		g.insert(e)
	}
	return g
}

// maxLabel bounds what a key that somebody else chose takes in names and logs.
const maxLabel = 128

// labelOf returns what key is called.
func (k *Keyed[K]) labelOf(key K) string {
	var label string
	switch s, ok := any(key).(string); {
	case k.label != nil:
		label = k.label(key)
	case ok:
		label = s
	default:
		label = fmt.Sprint(key)
	}
	if len(label) > maxLabel {
		cut := maxLabel
		for cut > maxLabel-utf8.UTFMax && !utf8.RuneStart(label[cut]) {
			cut--
		}
		label = label[:cut] + "…"
	}
	if !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) {
		label = strconv.Quote(label)
	}
	return label
}
