package peers

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stripes"
)

// BenchmarkFloor measures what the machine takes for the least that a protected call has to do:
// read the clock, count, and, where a ctx is derived, allocate. Ratios to gobreaker flatter us
// where the clock is slow, as gobreaker reads it twice; multiples of this floor do not.
func BenchmarkFloor(b *testing.B) {
	b.Run("nanotime", func(b *testing.B) { // time.Since reads the monotonic clock only
		start := time.Now()
		b.ReportAllocs()
		for b.Loop() {
			elapsed = time.Since(start)
		}
	})
	b.Run("time.Now", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			now = time.Now()
		}
	})
	b.Run("striped add", func(b *testing.B) {
		counters := new([stripes.Count]counted)
		b.ReportAllocs()
		for b.Loop() {
			add(counters)
		}
	})
	b.Run("allocation", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			kept = new(derived)
		}
	})
}

// counted is a counter that has two cache lines for itself.
type counted struct {
	n atomic.Int64
	_ [120]byte
}

//go:noinline
func add(counters *[stripes.Count]counted) {
	var here byte
	counters[stripes.Of(&here)].n.Add(1)
}

// derived is as large as a derived ctx, and has pointers, which the collector follows.
type derived [7]any

var (
	elapsed time.Duration
	now     time.Time
	kept    *derived
)

// The table says so.
func TestFloorAllocates112Bytes(t *testing.T) {
	require.EqualValues(t, 112, unsafe.Sizeof(derived{}))
	require.EqualValues(t, 1, testing.AllocsPerRun(100, func() { kept = new(derived) }))
}
