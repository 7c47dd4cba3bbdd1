package holdfast

import (
	"hash/maphash"
	"testing"

	"github.com/stretchr/testify/require"

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
