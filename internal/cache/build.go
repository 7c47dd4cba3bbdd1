package cache

import "errors"

// ErrNotBuilt says that the Build for which a Get waited did not return a value.
var ErrNotBuilt = errors.New("cache: Build panicked, ended its goroutine, or returned nil")

// pendingBuild is a Build that runs. Value and err are set before done is closed.
type pendingBuild[V any] struct {
	done  chan struct{}
	value *V
	err   error
}

// build returns e's value. The goroutine that stores its pendingBuild in the entry calls Build, and
// the others wait for it. Its failure is theirs too: otherwise a hundred goroutines would repeat a
// Build that fails slowly, one after the other.
func (c *Cache[K, V]) build(e *entry[K, V]) (*V, error) {
	mine := &pendingBuild[V]{done: make(chan struct{}), err: ErrNotBuilt}
	for !e.pending.CompareAndSwap(nil, mine) {
		if other := e.pending.Load(); other != nil {
			<-other.done
			return other.value, other.err
		}
	}
	defer func() { // also when Build panics
		e.pending.Store(nil)
		close(mine.done)
	}()
	if v := e.value.Load(); v != nil { // another Build ended just before
		mine.value, mine.err = v, nil
		return v, nil
	}
	switch v, err := c.config.Build(e.key); {
	case err != nil:
		mine.err = err
	case v != nil:
		e.value.Store(v)
		mine.value, mine.err = v, nil
	}
	return mine.value, mine.err
}
