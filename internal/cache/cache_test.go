package cache

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// value is the value type of the tests. Its cost can change at any time, as a pipeline's does.
type value struct {
	key  int
	cost atomic.Uint32
}

func costOf(v *value) Cost { return Cost(v.cost.Load()) } //nolint:gosec // a test stores a Cost

func newCache(capacity int, idle time.Duration) *Cache[int, value] {
	return newCacheOf(capacity, idle, func(key int) (*value, error) { return &value{key: key}, nil })
}

func newCacheOf[K comparable](capacity int, idle time.Duration, build func(K) (*value, error)) *Cache[K, value] {
	return new(Cache[K, value]).Init(Config[K, value]{Capacity: capacity, Idle: idle, Build: build, Cost: costOf})
}

func get(t testing.TB, c *Cache[int, value], key int) *value {
	t.Helper()
	v, err := c.Get(key)
	if err != nil { // require would take most of a test's time
		t.Fatal(err)
	}
	return v
}

func TestACacheWithoutRoom(t *testing.T) {
	for _, capacity := range []int{0, -1, math.MinInt} {
		c := newCache(capacity, time.Minute)
		for range 2 {
			_, err := c.Get(7)
			require.ErrorIs(t, err, ErrFull)
		}
		_, found := c.Peek(7)
		require.False(t, found)
		require.Equal(t, Stats{Misses: 2, Full: 2}, c.Stats())
	}
}

func TestACacheOfOneKey(t *testing.T) {
	c := newCache(1, -1)
	first := get(t, c, 1)
	require.Same(t, first, get(t, c, 1))
	require.Equal(t, 2, get(t, c, 2).key, "used or not, there is nobody else to evict")
	_, found := c.Peek(1)
	require.False(t, found)
	again := get(t, c, 1)
	require.NotSame(t, first, again)
	again.cost.Store(uint32(Pinned))
	_, err := c.Get(2)
	require.ErrorIs(t, err, ErrFull)
	require.Same(t, again, get(t, c, 1))
	require.Equal(t, Stats{Len: 1, Misses: 4, Full: 1, EvictedForCapacity: 2}, c.Stats())
}

func TestAllAndPeekAreNoUse(t *testing.T) {
	c := newCache(3, -1)
	all := map[int]*value{}
	for key := range 3 {
		all[key] = get(t, c, key)
	}
	got := map[int]*value{}
	for key, v := range c.All() {
		got[key] = v
		c.Peek(key)
	}
	require.Equal(t, all, got)
	for range c.All() {
		break
	}
	for _, e := range c.entries() {
		require.Zero(t, e.used.Load())
	}
}

func TestKeysThatAreNotEqualToThemselves(t *testing.T) {
	c := newCacheOf(10, time.Hour, func(float64) (*value, error) { return new(value), nil })
	for range 1000 {
		_, err := c.Get(math.NaN())
		require.NoError(t, err)
		require.LessOrEqual(t, c.Len(), 10, "what is never found again is evicted all the same")
	}
	require.Equal(t, Stats{Len: 10, Misses: 1000, EvictedForCapacity: 990}, c.Stats())
}

func TestAKeyThatIsNotComparablePanicsAndLeavesNoLockHeld(t *testing.T) {
	c := newCacheOf(10, -1, func(any) (*value, error) { return new(value), nil })
	require.Panics(t, func() { _, _ = c.Get([]int{1}) }, "as in a map")
	_, err := c.Get(2)
	require.NoError(t, err)
}

// Floods, Gets of good keys and readers at the same time: the bound always holds, no pinned value
// is evicted, and a key in the cache is found while the table grows.
func TestFloodsFromAllSides(t *testing.T) {
	const (
		size   = 512
		floods = 4
		misses = 2000
	)
	c := newCache(size, time.Hour)
	pinned := make([]*value, 10)
	for i := range pinned {
		pinned[i] = get(t, c, -1-i)
		pinned[i].cost.Store(uint32(Pinned))
	}
	var writers, readers sync.WaitGroup
	var over atomic.Bool
	for flood := range floods {
		writers.Go(func() {
			for i := range misses {
				key := flood*misses + i
				if v, err := c.Get(key); err != nil || v.key != key {
					t.Errorf("key %d: %v, %v", key, v, err)
				}
			}
		})
	}
	readers.Go(func() {
		for !over.Load() {
			for i, v := range pinned {
				if got, err := c.Get(-1 - i); got != v {
					t.Errorf("pinned key %d has another value, %v", -1-i, err)
				}
			}
		}
	})
	readers.Go(func() {
		for !over.Load() {
			n := 0
			for key, v := range c.All() {
				if n++; v.key != key {
					t.Errorf("key %d has the value of %d", key, v.key)
				}
			}
			if n > size || c.Len() > size {
				t.Errorf("%d keys, want at most %d", n, size)
			}
		}
	})
	writers.Wait()
	over.Store(true)
	readers.Wait()
	s := c.Stats()
	require.Equal(t, size, s.Len)
	require.EqualValues(t, len(pinned)+floods*misses-size, s.EvictedForCapacity+s.EvictedForIdle)
	require.GreaterOrEqual(t, s.Misses, uint64(len(pinned)+floods*misses)) // more if the table grew under a Get
	require.Zero(t, s.Full)
}
