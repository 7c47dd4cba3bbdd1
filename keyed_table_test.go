package holdfast

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Two Gets that both found nothing come to admit one after the other.
func TestTheSecondWhoMissesFindsTheFirstsEntry(t *testing.T) {
	k, err := NewKeyed[int]("hosts", KeyedConfig{}, retry.Config{})
	require.NoError(t, err)
	hash := maphash.Comparable(k.seed, 7)
	e := k.admit(hash, 7, 0)
	require.Same(t, e, k.admit(hash, 7, 0))
	require.Equal(t, 1, k.Len())
	_, ok := k.Peek(7)
	require.False(t, ok, "it is not built yet")
	require.Same(t, k.ready(e), k.Get(7))
}

// However many keys may not be dropped, a miss looks at so many, and the next one goes on from there.
func TestAMissIsBoundedWork(t *testing.T) {
	const size = 1000
	k, err := NewKeyed[int]("hosts", KeyedConfig{Size: size}, breaker.Config{})
	require.NoError(t, err)
	for key := range size {
		isolate(t, k.Get(key))
	}
	for misses := 1; misses <= 3; misses++ {
		require.Same(t, k.front, k.Get(size))
		require.Equal(t, misses*maxLooks*k.step%size, k.hand)
	}
}

func isolate(t *testing.T, p *Pipeline) {
	t.Helper()
	require.NoError(t, p.Tune(t.Context(), Tuning{Isolate: []string{p.name}}))
}

// Between the chunks of an expire, others may drop what it is going to look at, and put another in its place.
func TestWhatWasDroppedMeanwhileIsNotDroppedAgain(t *testing.T) {
	k, err := NewKeyed[int]("hosts", KeyedConfig{Size: 2, Idle: time.Hour}, retry.Config{})
	require.NoError(t, err)
	k.Get(1)
	k.Get(2)
	entries := k.entries()
	k.Get(3)
	k.Get(4)
	k.Get(5) // both are gone, and so is one of those that came after
	later := mono.Now() + mono.Time(2*time.Hour)
	k.expireOf(entries, later)
	require.Len(t, k.slots, 2)
	k.expireOf(k.entries(), later)
	require.Empty(t, k.slots)
	require.EqualValues(t, 5, k.forSize.Load()+k.forIdle.Load())
}

func TestStrideVisitsEverySlot(t *testing.T) {
	for n := 1; n < 300; n++ {
		seen := make([]bool, n)
		for i, at := 0, 0; i < n; i, at = i+1, (at+stride(n))%n {
			require.False(t, seen[at], "%d of %d twice", at, n)
			seen[at] = true
		}
	}
}

func TestKeyTable(t *testing.T) {
	table := newKeyTable[int](1)
	var all []*keyedEntry[int]
	find := func(key int) *keyedEntry[int] { return table.find(uint64(key%3), key) } // many to a bucket
	for key := range 20 {
		e := &keyedEntry[int]{key: key, hash: uint64(key % 3)}
		all = append(all, e)
		table.insert(e)
		if key%5 == 0 {
			table = table.grown(all)
		}
	}
	require.Len(t, table.buckets, 16)
	for key, e := range all {
		require.Same(t, e, find(key))
	}
	for key := range 20 {
		if key%2 == 0 {
			table.remove(all[key])
		}
	}
	for key, e := range all {
		if key%2 == 0 {
			require.Nil(t, find(key))
		} else {
			require.Same(t, e, find(key))
		}
	}
	require.Nil(t, find(-1*3))
}
