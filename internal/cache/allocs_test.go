//go:build !race

package cache

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHitAllocatesNothing(t *testing.T) {
	type shard struct {
		zone string
		n    int
	}
	build := func() (*value, error) { return new(value), nil }
	texts := newCacheOf(10, -1, func(string) (*value, error) { return build() })
	shards := newCacheOf(10, -1, func(shard) (*value, error) { return build() })
	anything := newCacheOf(10, -1, func(any) (*value, error) { return build() })
	for name, hit := range map[string]func(){
		"a string":     func() { _, _ = texts.Get("api.example.com") },
		"Peek":         func() { texts.Peek("api.example.com") },
		"a struct":     func() { _, _ = shards.Get(shard{"eu", 7}) },
		"an interface": func() { _, _ = anything.Get(7) },
	} {
		require.Zero(t, testing.AllocsPerRun(1000, hit), name)
	}
}

// A miss without room does not allocate either.
func TestAFloodWithoutRoomAllocatesNothing(t *testing.T) {
	c := newCache(100, time.Hour)
	for key := range 100 {
		get(t, c, key).cost.Store(uint32(Pinned))
	}
	key := 100
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_, _ = c.Get(key)
		key++
	}))
}

// 100,000 keys take at most 100 bytes each beside their values: an entry of 64, two pointers and
// the room in which the slots grow.
func TestMemoryOfAKey(t *testing.T) {
	const keys = 100_000
	shared := new(value)
	c := newCacheOf(keys, -1, func(int) (*value, error) { return shared, nil })
	before := heap()
	for key := range keys {
		get(t, c, key)
	}
	taken := (heap() - before) / keys
	t.Logf("%d bytes for a key", taken)
	require.LessOrEqual(t, taken, int64(100))
	require.Equal(t, keys, c.Len())
}

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first leaves what pools hold
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // no heap is that large
}
