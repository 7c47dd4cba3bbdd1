package holdfast

// KeyedStats are the numbers of a Keyed. The counts are since it was made. They are read one after
// the other, while calls go on.
type KeyedStats struct {
	Len    int    `json:"len"`    // keys that have a pipeline
	Size   int    `json:"size"`   // the most there may be
	Misses uint64 `json:"misses"` // Gets that did not find their key; hits are not counted

	EvictedForSize uint64 `json:"evicted_for_size"` // keys evicted to make room for another
	EvictedForIdle uint64 `json:"evicted_for_idle"` // keys evicted because nobody used them
	Overflowed     uint64 `json:"overflowed"`       // Gets that found no room, and returned Overflow

	// Unbuilt is how many Gets found that a stage's Build failed or panicked, which it did not
	// when the stages were checked. They returned Overflow, or, after an Update, the key's
	// pipeline with its former stages.
	Unbuilt uint64 `json:"unbuilt"`

	// Open is how many keys have a breaker of their own that is not closed: open, isolated or
	// half-open. OpenKeys are the labels of up to 16 of them.
	Open     int      `json:"open"`
	OpenKeys []string `json:"open_keys,omitempty"`
}

// maxOpenKeys bounds how many open breakers Stats and Snapshot name.
const maxOpenKeys = 16

// Stats evicts the keys that were idle for too long, and returns the numbers. It looks at every
// key, which takes 0.3 ms for 10,000 of them and 12 ms for 100,000 (BenchmarkKeyedLook). It blocks
// no Get that finds its key.
func (k *Keyed[K]) Stats() KeyedStats { return k.stats(func(entry) {}) }

// stats also calls visit with each breaker that is not closed, of the first keys that have any.
func (k *Keyed[K]) stats(visit func(open entry)) KeyedStats {
	cached := k.cache.Stats()
	s := KeyedStats{
		Len: cached.Len, Size: k.size, Misses: cached.Misses, Overflowed: cached.Full, Unbuilt: k.unbuilt.Load(),
		EvictedForSize: cached.EvictedForCapacity, EvictedForIdle: cached.EvictedForIdle,
	}
	for _, p := range k.cache.All() {
		found := false
		for e := range p.open() {
			found = true
			if s.Open >= maxOpenKeys {
				break
			}
			visit(e)
		}
		if !found {
			continue
		}
		if s.Open++; s.Open <= maxOpenKeys {
			s.OpenKeys = append(s.OpenKeys, p.key())
		}
	}
	return s
}

// Snapshot returns the Snapshot of Total, and in Breakers also up to 16 breakers that are not
// closed. The states of the other stages are in the Snapshot of each key's pipeline.
func (k *Keyed[K]) Snapshot() Snapshot {
	s := k.group.total.own()
	open := 0
	keys := k.stats(func(e entry) {
		if open++; open <= maxOpenKeys {
			s.add(e.report().Stats)
		}
	})
	s.Keys = &keys
	return s
}
