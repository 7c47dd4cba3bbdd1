package bulkhead_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

func TestQueueLimit(t *testing.T) {
	for _, wait := range []time.Duration{time.Minute, -1} {
		synctest.Test(t, func(t *testing.T) {
			b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: wait, QueueLimit: 2})
			require.NoError(t, b.Acquire(t.Context()))
			var order []int
			queue := func(i int) {
				go func() {
					if b.Acquire(t.Context()) == nil {
						order = append(order, i)
					}
				}()
				synctest.Wait()
			}
			queue(1)
			queue(2)
			require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: 1, Waiting: 2, QueueLimit: 2}, b.Stats())

			start := time.Now()
			err := b.Acquire(t.Context())
			require.Zero(t, time.Since(start), "the third does not wait")
			require.ErrorIs(t, err, bulkhead.ErrFull)
			require.EqualError(t, err, "bulkhead is full: 1 call in flight, and 2 more wait (QueueLimit)")
			require.Equal(t, resilience.Rejected, resilience.Classify(err))
			require.Equal(t, resilience.ReasonBulkheadFull, resilience.ReasonOf(err))
			require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: 1, Waiting: 2, QueueLimit: 2, Rejected: 1}, b.Stats())

			b.Release(t.Context(), nil)
			synctest.Wait()
			queue(4) // the first has its place, so there is room again
			require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: 1, Waiting: 2, QueueLimit: 2, Rejected: 1}, b.Stats())
			for range 3 {
				b.Release(t.Context(), nil)
				synctest.Wait()
			}
			require.Equal(t, []int{1, 2, 4}, order)
			require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, QueueLimit: 2, Rejected: 1}, b.Stats())
		})
	}
}

// Whoever leaves the queue, for want of time or by its ctx, makes room in it.
func TestLeavingMakesRoomInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second, QueueLimit: 1})
		require.NoError(t, b.Acquire(t.Context()))
		// By MaxWait, and by its ctx.
		for _, leaves := range []time.Duration{time.Second, 100 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), leaves)
			go func() { _ = b.Acquire(ctx) }()
			synctest.Wait()
			require.ErrorIs(t, b.Acquire(t.Context()), bulkhead.ErrFull)
			time.Sleep(leaves)
			synctest.Wait()
			require.Zero(t, b.Stats().Waiting)
			cancel()
		}
	})
}

// Nobody waits without a MaxWait, whatever the queue might hold.
func TestQueueLimitWithoutAWait(t *testing.T) {
	b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, QueueLimit: 5})
	require.NoError(t, b.Acquire(t.Context()))
	require.EqualError(t, b.Acquire(t.Context()), "bulkhead is full: 1 call in flight")
}

func TestQueueLimitOutOfBounds(t *testing.T) {
	_, err := bulkhead.New(bulkhead.Config{QueueLimit: -1})
	require.EqualError(t, err, "bulkhead: QueueLimit is -1; want 1 to 2147483647, or 0 for any number")
	_, err = bulkhead.New(bulkhead.Config{QueueLimit: math.MaxInt32})
	require.NoError(t, err)
	if limit := math.MaxInt; limit > math.MaxInt32 {
		_, err = bulkhead.New(bulkhead.Config{QueueLimit: limit})
		require.ErrorContains(t, err, "QueueLimit is 9223372036854775807; want 1 to 2147483647")
	}
}

// Pins: no more than QueueLimit wait, and none is refused while a place or a seat is free.
func TestQueueLimitUnderStress(t *testing.T) {
	const workers, places, seats = 32, 3, 4
	b := newBulkhead(t, bulkhead.Config{MaxConcurrent: places, MaxWait: -1, QueueLimit: seats})
	var present, wrong, refused atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range 500 {
				err := b.Wrap(func(context.Context) error { runtime.Gosched(); return nil })(t.Context())
				if err != nil {
					refused.Add(1)
				}
				if b.Stats().Waiting > seats {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
	require.Equal(t, bulkhead.Stats{MaxConcurrent: places, QueueLimit: seats, Rejected: uint64(refused.Load())}, b.Stats())

	// As many as fit are all admitted, however they come.
	b = newBulkhead(t, bulkhead.Config{MaxConcurrent: places, MaxWait: -1, QueueLimit: seats})
	for range places + seats {
		wg.Go(func() {
			for range 500 {
				if b.Wrap(func(context.Context) error { runtime.Gosched(); return nil })(t.Context()) != nil {
					present.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, present.Load(), "refused though there was a place or a seat")
}

// A call whose ctx has ended is not admitted, free places or not, and is not counted as anything.
func TestEndedCtxIsNotAdmitted(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, wait := range []time.Duration{0, time.Minute, -1} {
		for _, taken := range []int{0, 1} {
			b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: wait})
			for range taken {
				require.NoError(t, b.Acquire(t.Context()))
			}
			for _, ctx := range []context.Context{canceled, expired} {
				require.Equal(t, ctx.Err(), b.Acquire(ctx))
				for name, policy := range map[string]resilience.Policy{"bare": b, "in a Chain": resilience.Chain(b)} {
					err := policy.Wrap(func(context.Context) error { t.Error("it ran"); return nil })(ctx)
					require.ErrorIs(t, err, ctx.Err(), name)
					require.True(t, resilience.Unasked(err), name)
				}
			}
			require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: taken}, b.Stats())
		}
	}
}

// Pins: where ctx ends right after a place is handed over, the op does not run, and the place is
// for the next in the queue. (On another processor the one who waits could wake between the two,
// and be in time, so there is none.)
func TestNoOpUnderACtxThatEndedInTheQueue(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds = 200
	for _, wait := range []time.Duration{time.Minute, -1} {
		for name, enter := range map[string]func(*bulkhead.Bulkhead) resilience.Func{
			"by hand": func(b *bulkhead.Bulkhead) resilience.Func {
				return func(ctx context.Context) error {
					err := b.Acquire(ctx)
					if err == nil {
						b.Release(ctx, nil)
					}
					return err
				}
			},
			"around an op": func(b *bulkhead.Bulkhead) resilience.Func {
				return b.Wrap(func(context.Context) error { return nil })
			},
		} {
			inTime := 0
			for range rounds {
				synctest.Test(t, func(t *testing.T) {
					b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: wait})
					require.NoError(t, b.Acquire(t.Context()))
					ctx, cancel := context.WithCancel(t.Context())
					first, second := make(chan error), make(chan error)
					go func() { first <- enter(b)(ctx) }()
					synctest.Wait()
					go func() { second <- b.Acquire(t.Context()) }()
					synctest.Wait()
					b.Release(t.Context(), nil)
					cancel()
					if err := <-first; err == nil {
						inTime++
					} else {
						require.ErrorIs(t, err, context.Canceled)
					}
					require.NoError(t, <-second)
					b.Release(t.Context(), nil)
					require.Equal(t, bulkhead.Stats{MaxConcurrent: 1}, b.Stats())
				})
			}
			require.Less(t, inTime, rounds/2, name)
		}
	}
}

// A ctx that ends just with MaxWait is the caller's end, and no refusal. (Which of two timers of
// the same moment runs first is chance; so this ctx has none, and has ended all the same.)
func TestCtxEndsWithMaxWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second})
		require.NoError(t, b.Acquire(t.Context()))
		start := time.Now()
		ctx := ownCtx{
			t.Context(),
			func() <-chan struct{} { return nil },
			func() error {
				if time.Since(start) >= time.Second {
					return context.DeadlineExceeded
				}
				return nil
			},
		}
		require.ErrorIs(t, b.Acquire(ctx), context.DeadlineExceeded)
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 1, InUse: 1}, b.Stats())
	})
}

func TestStatsAddUp(t *testing.T) {
	var sum bulkhead.Stats
	sum.Add(bulkhead.Stats{MaxConcurrent: 5, InUse: 4, Waiting: 3, QueueLimit: 2, Rejected: 1})
	require.Equal(t, bulkhead.Stats{MaxConcurrent: 5, InUse: 4, Waiting: 3, QueueLimit: 2, Rejected: 1}, sum)
	sum.Add(bulkhead.Stats{MaxConcurrent: 10, InUse: 10, Waiting: 10, QueueLimit: 10, Rejected: 10})
	require.Equal(t, bulkhead.Stats{MaxConcurrent: 15, InUse: 14, Waiting: 13, QueueLimit: 12, Rejected: 11}, sum)
	sum.Add(bulkhead.Stats{MaxConcurrent: 1})
	require.Zero(t, sum.QueueLimit, "any number may wait in one of them")
	sum.Add(bulkhead.Stats{MaxConcurrent: 1, QueueLimit: 7})
	require.Zero(t, sum.QueueLimit)
}

func TestQueueLimitInWords(t *testing.T) {
	for want, c := range map[string]bulkhead.Config{
		"bulkhead 5 (9 wait 50ms)": {MaxConcurrent: 5, MaxWait: 50 * time.Millisecond, QueueLimit: 9},
		"bulkhead 64 (1 wait)":     {MaxWait: -1, QueueLimit: 1},
		"bulkhead 64":              {QueueLimit: 7},
	} {
		require.Equal(t, want, newBulkhead(t, c).String())
	}
}

// BenchmarkLeaving is what it costs one to leave the end of a queue, in which so many wait ahead:
// the same for all.
func BenchmarkLeaving(b *testing.B) {
	for _, waiting := range []int{1, 1000, 32_000} {
		b.Run(strings.ReplaceAll(fmt.Sprint("behind ", waiting), " ", "-"), func(b *testing.B) {
			full, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
			require.NoError(b, err)
			require.NoError(b, full.Acquire(b.Context()))
			ctx, cancel := context.WithCancel(b.Context())
			var ahead sync.WaitGroup
			for range waiting {
				ahead.Go(func() { _ = full.Acquire(ctx) })
			}
			for full.Stats().Waiting < waiting {
				runtime.Gosched()
			}
			b.ResetTimer()
			for range b.N {
				leaving, leave := context.WithCancel(b.Context())
				left := make(chan struct{})
				go func() { defer close(left); _ = full.Acquire(leaving) }()
				for full.Stats().Waiting == waiting {
					runtime.Gosched()
				}
				leave()
				<-left
			}
			b.StopTimer()
			cancel()
			ahead.Wait()
		})
	}
}

// ownCtx is a ctx of somebody's own.
type ownCtx struct {
	context.Context
	done func() <-chan struct{}
	err  func() error
}

func (c ownCtx) Done() <-chan struct{} { return c.done() }
func (c ownCtx) Err() error            { return c.err() }

// Pins: a ctx that panics, whenever it is asked, keeps no place and stays in no queue.
func TestACtxThatPanicsKeepsNoPlace(t *testing.T) {
	for _, at := range []string{"Done", "Err", "Err after the wait"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: -1})
				require.NoError(t, err)
				require.NoError(t, b.Acquire(t.Context()))
				asked := 0
				ctx := ownCtx{
					t.Context(),
					func() <-chan struct{} {
						if at == "Done" {
							panic(at)
						}
						return nil
					},
					func() error {
						asked++
						if at == "Err" || at == "Err after the wait" && asked > 1 {
							panic(at)
						}
						return nil
					},
				}
				left := make(chan any)
				go func() {
					defer func() { left <- recover() }()
					_ = b.Acquire(ctx)
				}()
				synctest.Wait()
				b.Release(t.Context(), nil)
				require.Equal(t, at, <-left)
				require.Zero(t, b.Stats().InUse)
				require.Zero(t, b.Stats().Waiting)
				require.NoError(t, b.Acquire(t.Context()))
			})
		})
	}
}
