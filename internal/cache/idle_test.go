package cache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
)

func TestIdleKeysAreEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(1000, time.Minute)
		for key := range 1000 {
			get(t, c, key)
		}
		get(t, c, 0).cost.Store(uint32(Pinned))
		<-time.After(time.Minute)
		get(t, c, 1)
		require.Equal(t, 1000, c.Len(), "a minute is not longer than a minute")
		<-time.After(1)
		require.Equal(t, 2, c.Len(), "the one that was used, and the pinned one")
		require.EqualValues(t, 998, c.Stats().EvictedForIdle)
		<-time.After(time.Minute)
		require.Equal(t, 1, c.Len(), "the first look after the use was a minute and a nanosecond ago")
		get(t, c, 0).cost.Store(uint32(Cheap))
		require.Equal(t, 1, c.Len())
		<-time.After(time.Minute + 1)
		require.Zero(t, c.Len())
		require.Equal(t, Stats{Misses: 1000, EvictedForIdle: 1000}, c.Stats())
	})
}

// Idle keys are evicted also without a call of Len: each miss examines a few keys.
func TestMissesEvictIdleKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(1000, time.Minute)
		for key := range 100 {
			get(t, c, key)
		}
		<-time.After(time.Hour)
		get(t, c, 1000)
		require.EqualValues(t, maxSwept, c.evictedForIdle.Load())
		for key := range 20 {
			get(t, c, 1001+key)
		}
		require.EqualValues(t, 100, c.evictedForIdle.Load())
		require.Equal(t, 21, c.Len())
	})
}

// In a full cache an idle key makes room for the new one, and that counts as idle.
func TestAnIdleVictimCountsAsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(2, time.Minute)
		get(t, c, 0)
		get(t, c, 1)
		<-time.After(time.Minute)
		get(t, c, 2)
		require.Equal(t, Stats{Len: 2, Misses: 3, EvictedForCapacity: 1}, c.Stats())
		<-time.After(1)
		get(t, c, 3)
		require.Equal(t, Stats{Len: 2, Misses: 4, EvictedForCapacity: 1, EvictedForIdle: 1}, c.Stats())
	})
}

func TestWithoutALimitNoKeyIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(10, -1)
		get(t, c, 1)
		<-time.After(100_000 * time.Hour)
		get(t, c, 2)
		require.Equal(t, 2, c.Len())
	})
}

// Between the chunks of evictIdle, others may evict an entry of the next chunk and take its slot.
func TestAnEntryIsEvictedOnce(t *testing.T) {
	c := newCache(2, time.Hour)
	get(t, c, 1)
	get(t, c, 2)
	entries := c.entries()
	for key := 3; key <= 5; key++ {
		get(t, c, key)
	}
	later := mono.Now() + mono.Time(2*time.Hour)
	c.evictIdleOf(entries, later)
	require.Len(t, c.slots, 2)
	c.evictIdleOf(c.entries(), later)
	require.Empty(t, c.slots)
	require.Equal(t, Stats{Misses: 5, EvictedForCapacity: 3, EvictedForIdle: 2}, c.Stats())
}
