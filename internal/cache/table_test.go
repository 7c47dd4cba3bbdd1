package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	table := newTable[int, value](1)
	var all []*entry[int, value]
	find := func(key int) *entry[int, value] { return table.find(uint64(key%3), key) } // many in a bucket
	for key := range 20 {
		e := &entry[int, value]{key: key, hash: uint64(key % 3)}
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
	require.Nil(t, find(-3))
}

func TestATableHasRoomForItsEntries(t *testing.T) {
	for entries, buckets := range map[int]int{1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 64: 64, 65: 128} {
		require.Len(t, newTable[int, value](entries).buckets, buckets, "%d entries", entries)
	}
}

func TestTheTableGrowsWithItsKeys(t *testing.T) {
	c := newCache(1000, -1)
	for key := range 1000 {
		get(t, c, key)
		require.GreaterOrEqual(t, len(c.table.Load().buckets), len(c.slots), "else chains become long")
	}
	require.Len(t, c.table.Load().buckets, 1024)
}

// A reader that stands at an entry while it is removed still finds the rest of the chain.
func TestARemovedEntryLeadsToTheRestOfItsChain(t *testing.T) {
	table := newTable[int, value](1)
	last, middle, first := &entry[int, value]{key: 1}, &entry[int, value]{key: 2}, &entry[int, value]{key: 3}
	for _, e := range []*entry[int, value]{last, middle, first} {
		table.insert(e)
	}
	table.remove(middle)
	require.Same(t, last, middle.next.Load())
	require.Same(t, last, first.next.Load())
	require.Nil(t, table.find(0, 2))
}
