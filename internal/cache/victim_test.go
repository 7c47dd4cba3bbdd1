package cache

import (
	"hash/maphash"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which of the keys a, b and c is the victim. Each is given by its cost and whether it was used
// since the hand's last visit. The hand visits them in this order: a stride of 1 in 3 slots.
func TestWhoIsTheVictim(t *testing.T) {
	const full = -1
	type key struct {
		cost Cost
		used bool
	}
	for name, test := range map[string]struct {
		keys [3]key
		want int
	}{
		"the first of equals":                    {[3]key{{Cheap, false}, {Cheap, false}, {Cheap, false}}, 0},
		"a used key has a second chance":         {[3]key{{Cheap, true}, {Cheap, false}, {Cheap, false}}, 1},
		"cheap goes before costly":               {[3]key{{Costly, false}, {Costly, false}, {Cheap, false}}, 2},
		"costly goes before used":                {[3]key{{Cheap, true}, {Costly, false}, {Cheap, true}}, 1},
		"the first costly one":                   {[3]key{{Pinned, false}, {Costly, false}, {Costly, false}}, 1},
		"used, if nothing else is left":          {[3]key{{Pinned, false}, {Cheap, true}, {Cheap, true}}, 1},
		"used and costly is only used":           {[3]key{{Costly, true}, {Cheap, true}, {Pinned, false}}, 0},
		"pinned never":                           {[3]key{{Pinned, false}, {Pinned, true}, {Cheap, true}}, 2},
		"no victim where all are pinned":         {[3]key{{Pinned, false}, {Pinned, true}, {Pinned, false}}, full},
		"a cost that is not known counts pinned": {[3]key{{Pinned + 1, false}, {Cheap, true}, {Pinned, false}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(3, -1)
			require.Equal(t, 1, c.stride)
			for i, k := range test.keys {
				get(t, c, i).cost.Store(uint32(k.cost))
			}
			for i, k := range test.keys {
				if k.used {
					get(t, c, i)
				}
			}
			_, err := c.Get(3)
			if test.want == full {
				require.ErrorIs(t, err, ErrFull)
				require.Equal(t, Stats{Len: 3, Misses: 4, Full: 1}, c.Stats())
				return
			}
			require.NoError(t, err)
			for i := range test.keys {
				_, found := c.Peek(i)
				require.Equal(t, i != test.want, found, "key %d", i)
			}
			require.Equal(t, Stats{Len: 3, Misses: 4, EvictedForCapacity: 1}, c.Stats())
		})
	}
}

// However many keys are pinned, one miss examines a bounded number, and the next continues there.
func TestAMissExaminesABoundedNumberOfKeys(t *testing.T) {
	const size = 1000
	c := newCache(size, -1)
	for key := range size {
		get(t, c, key).cost.Store(uint32(Pinned))
	}
	for misses := 1; misses <= 3; misses++ {
		_, err := c.Get(size)
		require.ErrorIs(t, err, ErrFull)
		require.Equal(t, misses*maxExamined*c.stride%size, c.hand)
	}
}

// Two Gets that both missed a key call admit one after the other.
func TestTheSecondMissOfAKeyFindsTheFirstsEntry(t *testing.T) {
	c := newCache(10, -1)
	hash := maphash.Comparable(c.seed, 7)
	e := c.admit(hash, 7, 0)
	require.Same(t, e, c.admit(hash, 7, 0))
	require.Equal(t, 1, c.Len())
	_, found := c.Peek(7)
	require.False(t, found, "it is not built yet")
	v, err := c.build(e)
	require.NoError(t, err)
	again, err := c.build(e)
	require.NoError(t, err)
	require.Same(t, v, again, "the second of two that found no value")
	require.Same(t, v, get(t, c, 7))
}

func TestTheStrideVisitsEverySlotOnce(t *testing.T) {
	for n := 1; n < 300; n++ {
		seen := make([]bool, n)
		for i, at := 0, 0; i < n; i, at = i+1, (at+stride(n))%n {
			require.False(t, seen[at], "%d of %d twice", at, n)
			seen[at] = true
		}
	}
}

// A flood after good keys that came together evicts few of them while they are used.
func TestAFloodEvictsNoKeyThatIsUsed(t *testing.T) {
	const size, good = 400, 200
	c := newCache(size, -1)
	for i := range 10 * size {
		if i%good == 0 {
			for key := range good {
				get(t, c, key)
			}
		}
		get(t, c, 1_000_000+i)
	}
	require.EqualValues(t, good+10*size, c.Stats().Misses, "each good key missed once, when it was new")
}
