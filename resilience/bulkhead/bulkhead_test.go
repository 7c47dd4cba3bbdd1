package bulkhead_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

func newBulkhead(t *testing.T, c bulkhead.Config) *bulkhead.Bulkhead {
	t.Helper()
	b, err := bulkhead.New(c)
	require.NoError(t, err)
	return b
}

func TestLimit(t *testing.T) {
	b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 3})
	for range 3 {
		require.NoError(t, b.Acquire(t.Context()))
	}
	err := b.Acquire(t.Context())
	require.ErrorIs(t, err, bulkhead.ErrFull)
	require.EqualError(t, err, "bulkhead is full: 3 calls in flight")
	require.Equal(t, resilience.Rejected, resilience.Classify(err))
	require.Equal(t, resilience.ReasonBulkheadFull, resilience.ReasonOf(err))
	require.Equal(t, bulkhead.Stats{MaxConcurrent: 3, InUse: 3, Rejected: 1}, b.Stats())
	b.Release(t.Context(), nil)
	require.NoError(t, b.Acquire(t.Context()))
}

func TestDefaults(t *testing.T) {
	require.Equal(t, bulkhead.Config{MaxConcurrent: 64}, newBulkhead(t, bulkhead.Config{}).Config())
	for want, c := range map[string]bulkhead.Config{
		"bulkhead 64": {}, "bulkhead 5 (wait 50ms)": {MaxConcurrent: 5, MaxWait: 50 * time.Millisecond}, "bulkhead 64 (wait)": {MaxWait: -1},
	} {
		require.Equal(t, want, newBulkhead(t, c).String())
	}
	_, err := bulkhead.New(bulkhead.Config{MaxConcurrent: -1, MaxWait: -2})
	require.EqualError(t, err, "bulkhead: MaxConcurrent is -1; want Adaptive as well; else there is no limit at all\n"+
		"bulkhead: MaxWait is -2ns; want a positive duration, such as 500ms, 0 for no wait, or -1 to wait as long as the ctx lives")
	var none *bulkhead.Bulkhead
	_, err = none.Build()
	require.Error(t, err)
}

func TestWaitsInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, b.Acquire(t.Context()))
		var order []int
		for i := range 10 {
			go func() {
				if b.Acquire(t.Context()) == nil {
					order = append(order, i)
					b.Release(t.Context(), nil)
				}
			}()
			synctest.Wait()
		}
		require.Equal(t, 10, b.Stats().Waiting)
		b.Release(t.Context(), nil)
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, order)
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 1}, b.Stats())
	})
}

func TestMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second})
		require.NoError(t, b.Acquire(t.Context()))
		start := time.Now()
		err := b.Acquire(t.Context())
		require.ErrorIs(t, err, bulkhead.ErrFull)
		require.EqualError(t, err, "bulkhead is full: 1 call in flight, and none ended within 1s")
		require.Equal(t, time.Second, time.Since(start))
		require.EqualValues(t, 1, b.Stats().Rejected)

		time.AfterFunc(time.Second/2, func() { b.Release(t.Context(), nil) })
		require.NoError(t, b.Acquire(t.Context()))
		require.Equal(t, 1500*time.Millisecond, time.Since(start))
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: 1, Rejected: 1}, b.Stats())
	})
}

func TestCtxEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, b.Acquire(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, b.Acquire(ctx), context.DeadlineExceeded)

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := b.Wrap(func(context.Context) error { t.Error("it ran"); return nil })(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, resilience.Canceled, resilience.Classify(err))
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: 1}, b.Stats(), "who gave up is no refusal, and leaves the queue")
		b.Release(t.Context(), nil)
		require.NoError(t, b.Acquire(t.Context()))
	})
}

// Pins: one who leaves the middle of the queue does not take the place of those behind.
func TestLeavingTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
		require.NoError(t, b.Acquire(t.Context()))
		var order []int
		leave := map[int]context.CancelFunc{}
		for i := range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			leave[i] = cancel
			go func() {
				if b.Acquire(ctx) == nil {
					order = append(order, i)
					b.Release(ctx, nil)
				}
			}()
			synctest.Wait()
		}
		leave[0]()
		leave[2]()
		synctest.Wait()
		b.Release(t.Context(), nil)
		synctest.Wait()
		require.Equal(t, []int{1, 3, 4}, order)
	})
}

// Pins: under any interleaving no wake-up is lost, no place given twice, and none left behind.
func TestStress(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Microsecond, -1} {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 3, MaxWait: wait})
		var inside, most, done atomic.Int64
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 300 {
					ctx, cancel := context.WithCancel(t.Context())
					if rand.IntN(4) == 0 {
						go cancel()
					}
					_ = b.Wrap(func(context.Context) error {
						if n := inside.Add(1); n > most.Load() {
							most.Store(n)
						}
						runtime.Gosched()
						inside.Add(-1)
						done.Add(1)
						return nil
					})(ctx)
					cancel()
				}
			})
		}
		wg.Wait()
		require.LessOrEqual(t, most.Load(), int64(3))
		require.Positive(t, done.Load())
		stats := b.Stats()
		require.Zero(t, stats.InUse)
		require.Zero(t, stats.Waiting)
	}
}

func TestPanicAndGoexitRelease(t *testing.T) {
	b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1})
	for range 3 {
		require.PanicsWithValue(t, "boom", func() {
			_ = b.Wrap(func(context.Context) error { panic("boom") })(t.Context())
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = b.Wrap(func(context.Context) error { runtime.Goexit(); return nil })(t.Context())
		}()
		<-done
	}
	boom := errors.New("boom")
	require.Equal(t, boom, b.Wrap(func(context.Context) error { return boom })(t.Context()))
	require.Zero(t, b.Stats().InUse)
}

// Pins: a place that comes free in the moment in which ctx ends goes to the next in the queue, if
// it does not go to the one who is leaving, and never nowhere.
func TestPlaceHandedToOneWhoLeaves(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
			require.NoError(t, b.Acquire(t.Context()))
			ctx, cancel := context.WithCancel(t.Context())
			first, second := make(chan error, 1), make(chan error, 1)
			go func() { first <- b.Acquire(ctx) }()
			synctest.Wait()
			go func() { second <- b.Acquire(t.Context()) }()
			synctest.Wait()
			go cancel()
			go b.Release(t.Context(), nil)
			if err := <-first; err == nil {
				b.Release(t.Context(), nil)
			}
			require.NoError(t, <-second)
			b.Release(t.Context(), nil)
			require.Equal(t, bulkhead.Stats{MaxConcurrent: 1}, b.Stats())
		})
	}
}
