package holdfast

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// Keyed is a row of stages of which every key (a host, a shard, a tenant) has a pipeline of its own:
// its own breaker, budget, bulkhead and counts. A key's pipeline is built on its first use, and what is kept is
// bounded, whoever chooses the keys. A Keyed is safe for concurrent use, starts no goroutine, and is made by NewKeyed.
//
// # What is kept
//
// There are never more than KeyedConfig.Size pipelines, and one more, the [Keyed.Front]. A new key that
// finds no room takes the place of another: of one that was not used of late (the CLOCK approximation of least
// recently used: Corbató, "A paging experiment with the Multics system", 1968). These are spared:
//
//   - a pipeline with calls in flight, or with a breaker that is open or isolated: it is never dropped;
//   - one with a half-open breaker, or a spent budget: it goes after those that were not used of late, and before
//     those that were.
//
// So that a miss is bounded work, it looks at 64 pipelines at the most, and goes on from there at the next. If it
// may drop none of these, the key is not kept: its call goes through the Front. Nobody can make the Keyed forget that
// a key's breaker is open by calling many others. The failures that a closed one has counted so far go with its
// pipeline.
//
// All keys without room share the Front's breaker, budget and bulkhead, as they would without a Keyed: whoever fills it
// with open breakers or calls in flight can have new keys refused for the failures of other new keys, though no key that is
// there. So let Size be well above the keys that are in trouble or in flight at once, and watch KeyedStats.Overflowed, which is
// 0 where it is.
//
// A key that was not used for KeyedConfig.Idle is dropped when somebody comes by: a miss looks at a few keys, and Len,
// Stats, and a Snapshot of the Front (a scrape, Health) at all. Its idle time counts from the first look after its last use.
//
// What is dropped may still be used by whoever has its *Pipeline; it is only no longer found, and counts in the Front's
// Snapshot as before. But if its key comes back it has two pipelines, and neither's breaker and budget know of the other's: so ask
// Get for each call. Update, and Watch of the Front, reach a pipeline at its next Get, hence one that was dropped no more; and
// Get undoes a Pipeline.Update of one key's pipeline, whereas what Tune changed stays until the next Update.
//
// # Names
//
// A pipeline's name is the Keyed's with the key: "hosts[api.example.com]". That is what the errors and the breaker say. Events
// have the Keyed's name in Event.Pipeline, and the key in Event.Key: so metrics do not grow with the keys,
// and a log can tell which key's breaker opened. Observers are bound once, to the Front.
//
// # Keys
//
// As in a map, a key that is an interface must hold a comparable value, else Get panics. A float that is not a number is not
// equal to itself: each Get makes a pipeline for it, which is never found again, and takes the place of another
// as any new key does. Keys are kept as they are given: clone a string cut from a large one.
type Keyed[K comparable] struct {
	front *Pipeline
	label func(key any) string // nil: the default
	size  int
	idle  time.Duration // below 0: no limit
	seed  maphash.Seed
	table atomic.Pointer[keyTable[K]] // read without a lock, changed under mu

	mu    sync.Mutex       // nobody else's code runs under it
	slots []*keyedEntry[K] // all that is in the table
	hand  int              // of the clock: the slot that it looks at next, when there is no room
	step  int              // how far the hand moves then
	sweep int              // the slot that is looked at next for being idle, when there is room

	misses, forSize, forIdle, overflowed, unbuilt atomic.Uint64
}

// KeyedConfig is how many keys a Keyed keeps, and for how long. The zero value is sound.
type KeyedConfig struct {
	// Size is how many pipelines are kept at the most. Default 10,000; at most 16,777,216. A key of Critical or Standard
	// takes about 1.7 KB, and up to 1.9 KB after an Update.
	Size int

	// Idle is how long a key may go unused before it is dropped. Default 10m; -1: for ever.
	Idle time.Duration

	// Label returns what a key is called in names, errors, events and Stats. Default nil: what fmt.Sprint makes
	// of it. A label longer than 128 bytes is cut, and one that does not print is quoted. Label is called
	// when a pipeline is built, under no lock; what it panics with comes out of Get.
	Label func(key any) string
}

const (
	defaultKeys = 10_000
	maxKeys     = 1 << 24
	defaultIdle = 10 * time.Minute
)

// NewKeyed returns a Keyed of the given stages, the first being the outermost, and builds no pipeline yet but its Front.
// It checks everything as New does, and its error names every problem, those of c included; after that nothing about a
// key's pipeline can fail but a Build that is not this module's (see KeyedStats.Unbuilt).
//
// Stages given as a Config are built for each key. Stages given already built (a *breaker.Breaker, a *budget.Budget, a
// Guard) are shared by all keys, as they would be by several pipelines.
//
//	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 1000}, holdfast.Standard()...)
//	…
//	page, err := holdfast.Value(ctx, hosts.Get(host), func(ctx context.Context) (*Page, error) { … })
func NewKeyed[K comparable](name string, c KeyedConfig, stages ...resilience.Stage) (*Keyed[K], error) {
	wrong := check.Stage("keyed")
	k := &Keyed[K]{
		label: c.Label, seed: maphash.MakeSeed(),
		size: wrong.Int("Size", c.Size, defaultKeys, maxKeys),
		idle: wrong.DurationOrOff("Idle", c.Idle, defaultIdle, check.Off),
	}
	k.front = blank(name)
	b, err := k.front.assemble(stages, nil)
	if err := errors.Join(wrong.Err(), err); err != nil { // and no observer was bound
		return nil, err
	}
	k.step = stride(k.size)
	k.table.Store(newKeyTable[K](min(k.size, 64)))
	k.front.keys = k.Stats // observers, which are bound next, may ask
	k.front.place(b)
	k.front.commit(b)
	return k, nil
}

// Name returns the name that all its pipelines share before the key.
func (k *Keyed[K]) Name() string { return k.front.name }

// Get returns the key's pipeline, and builds it if there is none: all that ask for one key at once get the same, unless it
// is dropped in between. If
// there is no room, it is the Front. It is to be called for each call (as Do does), since that is how a
// pipeline is known to be in use, and moved to the stages of an Update. It allocates nothing and takes no lock when it finds
// the key.
func (k *Keyed[K]) Get(key K) *Pipeline {
	hash := maphash.Comparable(k.seed, key)
	if e := k.table.Load().find(hash, key); e != nil {
		if e.used.Load() != usedOfLate {
			e.used.Store(usedOfLate)
		}
		if p := e.pipeline.Load(); p != nil && p.current.Load().follows == k.front.current.Load() {
			return p
		}
		return k.ready(e)
	}
	k.misses.Add(1)
	if e := k.admit(hash, key, mono.Now()); e != nil {
		return k.ready(e)
	}
	k.overflowed.Add(1)
	return k.front
}

// Do is Get(key).Do(ctx, op).
func (k *Keyed[K]) Do(ctx context.Context, key K, op resilience.Func) error {
	return k.Get(key).Do(ctx, op)
}

// Peek returns the key's pipeline if there is one. It builds none, and does not count as use.
func (k *Keyed[K]) Peek(key K) (*Pipeline, bool) {
	e := k.table.Load().find(maphash.Comparable(k.seed, key), key)
	if e == nil {
		return nil, false
	}
	p := e.pipeline.Load()
	return p, p != nil
}

// All returns the keys of this moment and their pipelines, in no order. It does not count as use.
func (k *Keyed[K]) All() iter.Seq2[K, *Pipeline] {
	return func(yield func(K, *Pipeline) bool) {
		for _, e := range k.entries() {
			if p := e.pipeline.Load(); p != nil && !yield(e.key, p) {
				return
			}
		}
	}
}

// Len returns how many keys have a pipeline, having dropped those that were idle for too long.
func (k *Keyed[K]) Len() int {
	k.expire(mono.Now())
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.slots)
}

// Update replaces the stages of all keys, as Pipeline.Update does for one: they are checked whole first, and an error
// changes nothing. A key's pipeline moves to them at its next Get, with the state that Pipeline.Update keeps; calls in
// flight finish on the old ones. Observers hear of it once.
func (k *Keyed[K]) Update(stages ...resilience.Stage) error { return k.front.Update(stages...) }

// Front returns the pipeline by which the rest of the world knows the Keyed. It has the Keyed's name, and its Snapshot
// counts the calls of all keys, of those that were dropped as well, and says in Keys how many have a breaker that is not
// closed; so do Health and the metrics, which read that. Observers are bound to it, and who comes
// later may watch it ([Pipeline.Watch]) to hear of all: a key joins at its next Get. Its own breaker, budget and bulkhead
// are those of the keys for which there is no room, which share them, and which alone Tune changes.
func (k *Keyed[K]) Front() *Pipeline { return k.front }

// ready returns e's pipeline, built or moved to the stages of now.
func (k *Keyed[K]) ready(e *keyedEntry[K]) *Pipeline {
	p := e.pipeline.Load()
	if p == nil {
		fresh, err := k.front.forKey(k.labelOf(e.key))
		if err != nil {
			k.unbuilt.Add(1)
			return k.front
		}
		e.pipeline.CompareAndSwap(nil, fresh) // else another Get was faster
		p = e.pipeline.Load()
	}
	if err := p.follow(); err != nil {
		k.unbuilt.Add(1) // and p stays on the stages that it has
	}
	return p
}
