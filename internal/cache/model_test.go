package cache

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// model is the cache without hashing, locks and atomics: slots in a slice, searched one by one.
type model struct {
	capacity          int
	idle              time.Duration
	hand, step, sweep int
	slots             []*modelEntry
	stats             Stats
}

type modelEntry struct {
	key              int
	value            *value // nil if Build failed
	handBit, idleBit bool
	since            time.Time
}

func (e *modelEntry) cost() Cost {
	if e.value == nil {
		return Cheap
	}
	return costOf(e.value)
}

func (m *model) find(key int) *modelEntry {
	for _, e := range m.slots {
		if e.key == key {
			return e
		}
	}
	return nil
}

// get returns the entry of key, nil if there is no room.
func (m *model) get(key int) *modelEntry {
	if e := m.find(key); e != nil {
		e.handBit, e.idleBit = true, true
		return e
	}
	m.stats.Misses++
	fresh := &modelEntry{key: key, since: time.Now()}
	if len(m.slots) < m.capacity {
		for range min(maxSwept, len(m.slots)) {
			if m.sweep >= len(m.slots) {
				m.sweep = 0
			}
			m.examine(m.sweep)
			m.sweep++
		}
		m.slots = append(m.slots, fresh)
		return fresh
	}
	at := m.victim()
	if at < 0 {
		m.stats.Full++
		return nil
	}
	if m.tooIdle(m.slots[at]) {
		m.stats.EvictedForIdle++
	} else {
		m.stats.EvictedForCapacity++
	}
	m.slots[at] = fresh
	return fresh
}

// victim ranks the entries that the hand visits. It returns the slot of the first one with the
// lowest rank, or -1.
func (m *model) victim() (at int) {
	at, lowest := -1, 4
	for range min(maxExamined, len(m.slots)) {
		e, slot := m.slots[m.hand], m.hand
		m.hand = (m.hand + m.step) % m.capacity
		rank := 1 + int(e.cost()) // 1 cheap, 2 costly
		switch {
		case e.cost() == Pinned:
			rank = 4
		case e.handBit:
			rank = 3
		}
		e.handBit = false
		if rank < lowest {
			at, lowest = slot, rank
		}
		if rank == 1 {
			break
		}
	}
	return at
}

func (m *model) tooIdle(e *modelEntry) bool {
	return m.idle >= 0 && !e.idleBit && time.Since(e.since) > m.idle
}

// examine evicts the entry of a slot if it was idle for too long, and reports whether it did.
func (m *model) examine(slot int) bool {
	e := m.slots[slot]
	switch {
	case m.idle < 0:
	case e.idleBit:
		e.idleBit, e.since = false, time.Now()
	case m.tooIdle(e) && e.cost() < Pinned:
		m.stats.EvictedForIdle++
		m.slots[slot] = m.slots[len(m.slots)-1]
		m.slots = m.slots[:len(m.slots)-1]
		return true
	}
	return false
}

func (m *model) len() int {
	for _, e := range slices.Clone(m.slots) {
		m.examine(slices.Index(m.slots, e))
	}
	return len(m.slots)
}

// replay applies the same moves to a cache and its model, and compares them after each move. Two
// bytes are a move.
func replay(t *testing.T, capacity int, idle time.Duration, moves []byte) {
	t.Helper()
	failure := errors.New("no")
	fails := false
	c := newCacheOf(capacity, idle, func(key int) (*value, error) {
		if fails {
			return nil, failure
		}
		return &value{key: key}, nil
	})
	m := &model{capacity: capacity, idle: idle, step: stride(capacity)}
	for ; len(moves) > 1; moves = moves[2:] {
		key := int(moves[1])
		switch what := moves[0] % 16; what {
		case 0: // a key's value becomes cheap, costly or pinned
			if v, ok := c.Peek(key / 3); ok {
				v.cost.Store(uint32(key % 3)) //nolint:gosec // below 3
			}
		case 1:
			<-time.After(time.Duration(key) * max(idle.Abs(), time.Second) / 64)
		case 2:
			require.Equal(t, m.len(), c.Len())
		case 3:
			fails = key < 64
		default:
			v, err := c.Get(key)
			e := m.get(key)
			if e != nil && e.value == nil && !fails {
				e.value = v
			}
			switch {
			case e == nil:
				require.ErrorIs(t, err, ErrFull)
			case e.value == nil:
				require.ErrorIs(t, err, failure)
			default:
				require.NoError(t, err)
				require.Same(t, e.value, v)
				require.Equal(t, key, v.key)
			}
		}
		compare(t, m, c)
	}
}

// compare fails if the cache holds other keys, values or counts than the model.
func compare(t *testing.T, m *model, c *Cache[int, value]) {
	t.Helper()
	require.LessOrEqual(t, len(c.slots), max(0, c.config.Capacity))
	require.Len(t, c.slots, len(m.slots))
	for slot, want := range m.slots {
		e := c.slots[slot]
		if e.key != want.key || e.value.Load() != want.value || int(e.slot) != slot {
			t.Fatalf("slot %d has key %d, want %d", slot, e.key, want.key)
		}
		if v, found := c.Peek(want.key); v != want.value || found != (v != nil) {
			t.Fatalf("key %d has the value %p, want %p", want.key, v, want.value)
		}
	}
	got := Stats{
		Misses: c.misses.Load(), Full: c.full.Load(),
		EvictedForCapacity: c.evictedForCapacity.Load(), EvictedForIdle: c.evictedForIdle.Load(),
	}
	require.Equal(t, m.stats, got)
}

func TestTheCacheDoesAsItsModel(t *testing.T) {
	for capacity, moves := range map[int]int{0: 100, 1: 1000, 2: 1000, 5: 3000, 100: 2000, 256: 2000} {
		for _, idle := range []time.Duration{-1, 0, time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(uint64(capacity), uint64(idle))) //nolint:gosec // a seed
				game := make([]byte, 2*moves)
				for i := range game {
					game[i] = byte(rnd.Uint32())
				}
				replay(t, capacity, idle, game)
			})
		}
	}
}

func FuzzCache(f *testing.F) {
	f.Add(uint8(0), int64(0), []byte{4, 1})
	f.Add(uint8(1), int64(-1), []byte{4, 1, 0, 5, 4, 2, 0, 3, 4, 2, 4, 1})
	f.Add(uint8(2), int64(time.Minute), []byte{4, 1, 4, 2, 1, 65, 2, 0, 4, 1, 4, 3, 4, 4, 4, 1, 3, 0, 4, 5, 4, 5})
	f.Add(uint8(70), int64(time.Second), []byte{4, 1, 4, 2, 0, 5, 1, 64, 1, 1, 2, 0, 1, 1, 2, 0})
	f.Fuzz(func(t *testing.T, capacity uint8, idle int64, moves []byte) {
		synctest.Test(t, func(t *testing.T) {
			replay(t, int(capacity), time.Duration(idle%int64(time.Hour)), moves)
		})
	})
}
