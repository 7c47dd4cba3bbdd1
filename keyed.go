package holdfast

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast/internal/cache"
	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// Keyed gives every key (a host, a shard, a tenant) a pipeline of its own: its own breaker, budget,
// bulkhead and counts. A key's pipeline is built on its first use. The number of pipelines is
// bounded, even if strangers choose the keys. A Keyed is safe for concurrent use, starts no
// goroutine, and is made by NewKeyed.
//
// # Eviction
//
// There are at most KeyedConfig.Size pipelines. If there is no room for a new key, another key is
// evicted: one that was not used recently (the CLOCK approximation of least recently used:
// Corbató, "A paging experiment with the Multics system", 1968). Two kinds are spared:
//
//   - A pipeline with calls in flight, or with a breaker that is open or isolated, is never
//     evicted.
//   - One with a half-open breaker or a spent budget is evicted after those that were not used
//     recently, and before those that were.
//
// A miss examines at most 64 pipelines, and the next miss continues from there. If none of them
// may be evicted, the new key gets no pipeline of its own: Get returns [Keyed.Overflow]. So nobody
// can make the Keyed forget an open breaker by calling many other keys. The failures that a closed
// breaker has counted so far are lost with its pipeline.
//
// Keys without room share the overflow's budget and bulkhead, as they would without a Keyed. The
// overflow's breakers count outcomes, but never open by themselves. So an attacker who fills the
// Keyed with keys that fail gets no good new key refused; on the other hand, calls of a new key
// that fails still reach its dependency. Make Size much larger than the number of keys that are in
// trouble or in flight at once. It is large enough while KeyedStats.Overflowed is 0.
//
// A key that was not used for KeyedConfig.Idle is evicted by a later call: a miss examines a few
// keys; Len, Stats and a Snapshot of the Total (a scrape, Health) examine all. Idle time counts
// from the first such look after the key's last use.
//
// An evicted pipeline still works for a caller that holds its *Pipeline, and its calls still count
// in the Total. But Update, and Watch of the Total, reach a pipeline at its next Get, so they no
// longer reach it; and if its key returns, the key has two pipelines with separate breakers and
// budgets. So call Get for each call. Get also undoes a Pipeline.Update of one key's pipeline.
// What Tune changed stays until the next Update.
//
// # Names
//
// A pipeline's name is the Keyed's with the key: "hosts[api.example.com]". Errors and the breaker
// have that name. Events have the Keyed's name in Event.Pipeline and the key in Event.Key: so
// metrics do not grow with the keys, and a log can tell which key's breaker opened. Observers are
// bound once, to the [Keyed.Total].
//
// # Keys
//
// Two spellings of the same thing are two keys, with two breakers. For hosts, [HostKey] makes them
// one.
//
// As in a map, a key that is an interface must hold a comparable value, or Get panics. A float
// that is not a number does not equal itself: each Get builds a pipeline for it, which is never
// found again, and which takes room as any new key does. Keys are kept as they are given: clone a
// string that was cut from a large one.
type Keyed[K comparable] struct {
	group   keyedGroup
	cache   cache.Cache[K, Pipeline]
	label   func(key any) string // nil: the default
	size    int
	unbuilt atomic.Uint64
}

// KeyedConfig says how many keys a Keyed keeps, and for how long. The zero value is sound.
type KeyedConfig struct {
	// Size is the most pipelines that are kept. Default 10,000; at most 16,777,216. A key of
	// Critical or Standard takes about 1.6 KB, and up to 2 KB after an Update.
	Size int

	// Idle is how long a key may go unused before it is evicted. Default 10m; -1: for ever.
	Idle time.Duration

	// Label returns the name of a key in pipelines' names, errors, events and Stats. Default nil:
	// what fmt.Sprint makes of it. A label longer than 128 bytes is cut, and one that does not
	// print is quoted. Label is called when a pipeline is built, under no lock. If it panics, Get
	// panics.
	Label func(key any) string
}

const (
	defaultKeys = 10_000
	maxKeys     = 1 << 24
	defaultIdle = 10 * time.Minute
)

// NewKeyed returns a Keyed of the given stages, the first being the outermost. It builds only
// Total and Overflow. It checks everything as New does, and its error names every problem, those
// of c included. After that a key's pipeline can fail to build only if the Build of a stage fails
// that is not this module's (see KeyedStats.Unbuilt).
//
// Stages given as a Config are built for each key. Stages given already built (a *breaker.Breaker,
// a *budget.Budget, a Guard) are shared by all keys, as they would be by several pipelines.
//
//	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 1000}, holdfast.Standard()...)
//	…
//	page, err := holdfast.Value(ctx, hosts.Get(host), func(ctx context.Context) (*Page, error) { … })
func NewKeyed[K comparable](name string, c KeyedConfig, stages ...resilience.Stage) (*Keyed[K], error) {
	wrong := check.Stage("keyed")
	k := &Keyed[K]{label: c.Label, size: check.Number(wrong, "Size", c.Size, check.Range[int]{Max: maxKeys, Default: defaultKeys})}
	idle := check.Number(wrong, "Idle", c.Idle, check.Range[time.Duration]{Default: defaultIdle, Off: "for no limit"})
	k.cache.Init(cache.Config[K, Pipeline]{Capacity: k.size, Idle: idle, Build: k.build, Cost: (*Pipeline).cost})
	total := blank(name)
	total.group = &k.group
	overflow := &Pipeline{name: name + overflowSuffix, group: &k.group}
	overflow.counters.split()
	k.group = keyedGroup{total: total, overflow: overflow, stats: k.Stats} // observers may ask when they are bound
	b, err := total.assemble(stages, nil)
	if err := errors.Join(wrong.Err(), err); err != nil { // and no observer was bound
		return nil, err
	}
	derived, err := overflow.derive(b.assembly, nil)
	if err != nil {
		return nil, err
	}
	total.place(b)
	total.commit(b)
	overflow.adopt(derived)
	return k, nil
}

// Name returns the Keyed's name, which stands before the key in the name of each pipeline.
func (k *Keyed[K]) Name() string { return k.group.total.name }

// Get returns the key's pipeline, and builds it if there is none. If several callers want
// the same new key at once, the first builds and the others wait for it, so all get the same
// pipeline, unless it is evicted in between. If there is no room, Get returns Overflow.
//
// Call it for each call, as Do does: that marks the key as used, and moves its pipeline to the
// stages of an Update. It allocates nothing and takes no lock when it finds the key. A stage's
// Build and a Label must not call Get for the key that they are called for.
func (k *Keyed[K]) Get(key K) *Pipeline {
	p, err := k.cache.Get(key)
	if err != nil {
		if err != cache.ErrFull { //nolint:errorlint // identity: the cache does not wrap it
			k.unbuilt.Add(1)
		}
		p = k.group.overflow
	}
	return k.upToDate(p)
}

// upToDate moves p to the total's current stages and observers.
func (k *Keyed[K]) upToDate(p *Pipeline) *Pipeline {
	if p.current.Load().follows != k.group.total.current.Load() && p.follow() != nil {
		k.unbuilt.Add(1) // and p keeps the stages that it has
	}
	return p
}

// Do is Get(key).Do(ctx, op).
func (k *Keyed[K]) Do(ctx context.Context, key K, op resilience.Func) error {
	return k.Get(key).Do(ctx, op)
}

// Peek returns the key's pipeline if there is one. It builds none, and does not count as use.
func (k *Keyed[K]) Peek(key K) (*Pipeline, bool) { return k.cache.Peek(key) }

// All returns the keys of this moment and their pipelines, in no order. It does not count as use.
func (k *Keyed[K]) All() iter.Seq2[K, *Pipeline] { return k.cache.All() }

// Len evicts the keys that were idle for too long, and returns how many are left.
func (k *Keyed[K]) Len() int { return k.cache.Len() }

// Update replaces the stages of all keys, as Pipeline.Update does for one. It checks them all
// first, and an error changes nothing. A key's pipeline moves to them at its next Get, with the
// state that Pipeline.Update keeps. Calls in flight finish on the old stages. Observers hear of it
// once.
func (k *Keyed[K]) Update(stages ...resilience.Stage) error { return k.group.total.Update(stages...) }

// Total returns the pipeline that stands for all keys together: give it to Health, to the metrics
// and to the live page. It has the Keyed's name and stages. Its Snapshot counts the calls of all
// keys, evicted ones included, and says in Keys how many keys have a breaker that is not closed.
// Observers are bound to it. [Pipeline.Watch] of it hears of all keys: a key joins at its next
// Get. It runs nothing: its Do returns an error.
func (k *Keyed[K]) Total() *Pipeline { return k.group.total }

// Overflow returns the pipeline of the keys for which there is no room. These keys share its
// budget and bulkhead. Its breakers open by hand only (Tune), since one key's failures say nothing
// about another. Its name is the Keyed's and " (overflow)". Its events have the Keyed's name and
// no Key, and its calls count in Total.
func (k *Keyed[K]) Overflow() *Pipeline { return k.upToDate(k.group.overflow) }
