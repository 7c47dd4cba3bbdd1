package bulkhead_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

var (
	errSlow  = resilience.MarkOverload(errors.New("503"), 0) // slow, however quick it is
	errQuick = resilience.MarkTransient(errors.New("connection refused"))
)

func adaptive(a bulkhead.Adaptive) bulkhead.Config { return bulkhead.Config{Adaptive: &a} }

// fill takes so many places.
func fill(t *testing.T, b *bulkhead.Bulkhead, n int) {
	t.Helper()
	for range n {
		require.NoError(t, b.Acquire(t.Context()))
	}
}

func end(t *testing.T, b *bulkhead.Bulkhead, err error, n int) {
	t.Helper()
	for range n {
		b.Release(t.Context(), err)
	}
}

func TestNoLimitAtFirst(t *testing.T) {
	b := newBulkhead(t, adaptive(bulkhead.Adaptive{}))
	require.Equal(t, &bulkhead.Adaptive{SlowFailures: 5, CutTo: 0.7, CutEvery: 500 * time.Millisecond, CalmFor: 10 * time.Second, Times: -1}, b.Config().Adaptive)
	fill(t, b, 10_000)
	require.Equal(t, bulkhead.Stats{InUse: 10_000, Adaptive: true}, b.Stats())
	end(t, b, nil, 10_000)
	require.Equal(t, bulkhead.Stats{Adaptive: true}, b.Stats())
}

func TestConfigOfAnAdaptiveOne(t *testing.T) {
	for want, c := range map[string]bulkhead.Config{
		"bulkhead adaptive":                       adaptive(bulkhead.Adaptive{}),
		"bulkhead adaptive up to 9 (8 wait 50ms)": {MaxConcurrent: 9, MaxWait: 50 * time.Millisecond, QueueLimit: 8, Adaptive: &bulkhead.Adaptive{}},
	} {
		require.Equal(t, want, newBulkhead(t, c).String())
	}
	_, err := bulkhead.New(bulkhead.Config{MaxConcurrent: -2, Adaptive: &bulkhead.Adaptive{SlowFailures: -1, CutTo: 1, CutEvery: -1, CalmFor: -2, Times: 0.5}})
	require.EqualError(t, err, "bulkhead: MaxConcurrent is -2; want 1 to 2147483647, 0 for the default (-1), or -1 for no limit but the adaptive one\n"+
		"bulkhead: Adaptive.SlowFailures is -1; want 1 to 2147483647, or 0 for the default (5)\n"+
		"bulkhead: Adaptive.CutTo is 1; want a number above 0 and up to 0.99, or 0 for the default (0.7)\n"+
		"bulkhead: Adaptive.CutEvery is -1ns; want a positive duration, or 0 for the default (500ms)\n"+
		"bulkhead: Adaptive.CalmFor is -2ns; want a positive duration, 0 for the default (10s), or -1 so that it stays\n"+
		"bulkhead: Adaptive.Times is 0.5; want 1 or more, or 0 or -1 to turn it off")
	given := bulkhead.Adaptive{SlowFailures: 3}
	b := newBulkhead(t, bulkhead.Config{Adaptive: &given})
	given.SlowFailures = 4
	b.Config().Adaptive.SlowFailures = 5
	require.Equal(t, 3, b.Config().Adaptive.SlowFailures, "nobody else has its settings")
}

func TestSlowFailuresInARowCutTheLimit(t *testing.T) {
	for name, test := range map[string]struct {
		ends  []error
		limit int
	}{
		"four":                            {[]error{errSlow, errSlow, errSlow, errSlow}, 0},
		"five":                            {[]error{errSlow, errSlow, errSlow, errSlow, errSlow}, 12},
		"five, but for a success between": {[]error{errSlow, errSlow, nil, errSlow, errSlow, errSlow}, 0},
		"five after a success":            {[]error{errSlow, nil, errSlow, errSlow, errSlow, errSlow, errSlow}, 10},
		"a definite answer is a success": {[]error{
			errSlow, errSlow, errSlow, errSlow, resilience.MarkPermanent(errQuick), errSlow,
		}, 0},
		"quick failures do not end a row": {[]error{errSlow, errSlow, errQuick, errSlow, errSlow, errQuick, errSlow}, 10},
		"nor do those that say nothing": {[]error{
			errSlow, errSlow, errSlow, errSlow, resilience.MarkRejected(errQuick), resilience.ErrAborted, errSlow,
		}, 10},
		"quick failures alone": {[]error{errQuick, errQuick, errQuick, errQuick, errQuick, errQuick, errQuick}, 0},
		"timeouts": {[]error{
			context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded, context.DeadlineExceeded,
		}, 12},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBulkhead(t, adaptive(bulkhead.Adaptive{}))
			fill(t, b, 20)
			for _, err := range test.ends {
				b.Release(t.Context(), err)
			}
			s := b.Stats()
			require.Equal(t, test.limit, s.Limit)
			require.Equal(t, 20-len(test.ends), s.InUse)
			if test.limit > 0 {
				require.EqualValues(t, 1, s.Cuts)
				require.Equal(t, "5 slow failures in a row", s.Why)
			}
		})
	}
}

func TestCallersWhoGaveUpSayNothing(t *testing.T) {
	b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 1}))
	ctx, cancel := context.WithCancel(t.Context())
	fill(t, b, 3)
	cancel()
	b.Release(ctx, context.Canceled)
	b.Release(ctx, errSlow)
	require.Equal(t, bulkhead.Stats{InUse: 1, Adaptive: true}, b.Stats())
}

func TestWhatARefusalSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, adaptive(bulkhead.Adaptive{}))
		fill(t, b, 20)
		end(t, b, errSlow, 5) // 16 are in flight at the fifth
		require.Equal(t, 12, b.Stats().Limit)
		end(t, b, errQuick, 3)
		time.Sleep(800 * time.Millisecond)
		err := b.Acquire(t.Context())
		require.EqualError(t, err, "bulkhead is full: limit 12, cut 800ms ago after 5 slow failures in a row")
		require.ErrorIs(t, err, bulkhead.ErrFull)
		require.Equal(t, resilience.ReasonBulkheadFull, resilience.ReasonOf(err))
		var full *bulkhead.FullError
		require.ErrorAs(t, err, &full)
		require.Equal(t, 12, full.Limit)
		require.EqualError(t, full.Why, "5 slow failures in a row")
		require.Same(t, err, b.Acquire(t.Context()), "built once for each limit")
		require.EqualValues(t, 2, b.Stats().Rejected)
	})
}

// Where the two are equal, it is MaxConcurrent that keeps calls out.
func TestBelowMaxConcurrent(t *testing.T) {
	b := newBulkhead(t, bulkhead.Config{MaxConcurrent: 10, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
	fill(t, b, 10)
	require.EqualError(t, b.Acquire(t.Context()), "bulkhead is full: 10 calls in flight")
	end(t, b, errSlow, 1)
	require.Equal(t, 7, b.Stats().Limit)
	require.ErrorContains(t, b.Acquire(t.Context()), "bulkhead is full: limit 7, cut ")
	for b.Stats().Limit < 10 {
		end(t, b, nil, 1)
		for b.Acquire(t.Context()) == nil {
			require.LessOrEqual(t, b.Stats().InUse, 10)
		}
	}
	require.EqualError(t, b.Acquire(t.Context()), "bulkhead is full: 10 calls in flight")
}

func TestOneIsAlwaysLetThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 1}))
		for range 20 {
			fill(t, b, 1)
			require.NoError(t, resilience.Chain().Wrap(func(context.Context) error { return nil })(t.Context()))
			end(t, b, errSlow, 1)
			require.Equal(t, 1, b.Stats().Limit)
			time.Sleep(time.Second)
		}
		require.EqualValues(t, 20, b.Stats().Cuts)
		fill(t, b, 1)
		require.ErrorIs(t, b.Acquire(t.Context()), bulkhead.ErrFull)
	})
}

func TestTheLimitGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 1}))
		call := func(err error) error { return b.Wrap(func(context.Context) error { return err })(t.Context()) }
		_ = call(errSlow)
		require.Equal(t, 1, b.Stats().Limit)
		report := func() stage.Report { return stage.Of(b).Report(b) }
		require.Equal(t, stage.Strain, report().Condition)
		require.Equal(t, "bulkhead limited to 1, cut after 1 slow failure", report().Why)
		time.Sleep(10 * time.Second)
		require.NoError(t, call(nil))
		require.NotZero(t, b.Stats().Limit, "not yet")
		time.Sleep(1)
		require.Equal(t, stage.Well, report().Condition)
		require.NoError(t, call(nil))
		require.Zero(t, b.Stats().Limit)
		require.Equal(t, bulkhead.Stats{Adaptive: true, Cuts: 1}, b.Stats())

		// Whoever it keeps out keeps it.
		_ = call(errSlow)
		fill(t, b, 1)
		for range 30 {
			time.Sleep(time.Second)
			require.ErrorIs(t, call(nil), bulkhead.ErrFull)
		}
		end(t, b, nil, 1)
		require.NotZero(t, b.Stats().Limit)
	})
}

// A Chain has no pipeline that counts, so the bulkhead does. It knows the deadline inside.
func TestInAChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempt, err := deadline.New(deadline.In(time.Second))
		require.NoError(t, err)
		b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 2}))
		call := resilience.Chain(b, attempt).Wrap(func(ctx context.Context) error {
			return sleepy(ctx)
		})
		for after, want := range map[time.Duration]uint64{500 * time.Millisecond: 0, 500*time.Millisecond + 1: 1} {
			before := b.Stats().Cuts
			for range 2 {
				require.ErrorIs(t, call(context.WithValue(t.Context(), pauseKey{}, after)), errQuick)
			}
			require.Equal(t, want, b.Stats().Cuts-before, "%v", after)
			time.Sleep(time.Minute)
			require.ErrorIs(t, call(context.WithValue(t.Context(), pauseKey{}, time.Duration(0))), errQuick)
			b.Release(t.Context(), success(t, b))
		}
	})
}

func success(t *testing.T, b *bulkhead.Bulkhead) error {
	t.Helper()
	require.NoError(t, b.Acquire(t.Context()))
	return nil
}

type pauseKey struct{}

// sleepy fails after the pause that its ctx asks for.
func sleepy(ctx context.Context) error {
	time.Sleep(ctx.Value(pauseKey{}).(time.Duration))
	return errQuick
}

func TestAPanicGivesThePlaceBack(t *testing.T) {
	b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 1}))
	require.PanicsWithValue(t, "odd", func() {
		_ = b.Wrap(func(context.Context) error { panic("odd") })(t.Context())
	})
	var wg sync.WaitGroup
	wg.Go(func() { _ = b.Wrap(func(context.Context) error { runtime.Goexit(); return nil })(t.Context()) })
	wg.Wait()
	require.Equal(t, bulkhead.Stats{Adaptive: true}, b.Stats())
	bad := stage.PlaceIn([]resilience.Policy{b}, 0)
	bad.Classify = func(error) resilience.Verdict { panic("classify") }
	linked := bad.Link().(*bulkhead.Bulkhead)
	require.PanicsWithValue(t, "classify", func() {
		_ = linked.Wrap(func(context.Context) error { return errors.New("?") })(t.Context())
	})
	require.Equal(t, bulkhead.Stats{Adaptive: true}, b.Stats())
}

func TestWaitingForAnAdaptiveLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxWait: time.Second, QueueLimit: 2, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
		fill(t, b, 3)
		end(t, b, errSlow, 1) // the limit is 2.1: three
		fill(t, b, 1)
		var order []int
		for i := range 2 {
			go func() {
				if b.Acquire(t.Context()) == nil {
					order = append(order, i)
				}
			}()
			synctest.Wait()
		}
		require.Equal(t, 2, b.Stats().Waiting)
		require.EqualError(t, b.Acquire(t.Context()), "bulkhead is full: limit 3, cut 0s ago after 1 slow failure, and 2 more wait (QueueLimit)")
		end(t, b, nil, 1)
		synctest.Wait()
		require.Equal(t, []int{0}, order)
		err := b.Acquire(t.Context())
		require.EqualError(t, err, "bulkhead is full: limit 3, cut 1s ago after 1 slow failure, and none ended within 1s")
		synctest.Wait() // the other one that waited has left as well
		end(t, b, nil, 3)
		require.Equal(t, 0, b.Stats().InUse)
	})
}

// A limit that grows lets several in at once.
func TestAGrowingLimitServesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulkhead(t, bulkhead.Config{MaxWait: -1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}})
		fill(t, b, 1)
		end(t, b, errSlow, 1)
		fill(t, b, 1)
		for range 5 {
			go func() { _ = b.Acquire(t.Context()) }()
		}
		synctest.Wait()
		require.Equal(t, bulkhead.Stats{InUse: 1, Waiting: 5, Adaptive: true, Limit: 1, Cuts: 1, Why: "1 slow failure"}, plain(b.Stats()))
		end(t, b, nil, 1) // now it is 2
		synctest.Wait()
		require.Equal(t, 2, b.Stats().InUse)
		require.Equal(t, 3, b.Stats().Waiting)
	})
}

// plain returns what others see of s.
func plain(s bulkhead.Stats) bulkhead.Stats {
	return bulkhead.Stats{
		MaxConcurrent: s.MaxConcurrent, InUse: s.InUse, Waiting: s.Waiting, QueueLimit: s.QueueLimit, Rejected: s.Rejected,
		Adaptive: s.Adaptive, Limit: s.Limit, Cuts: s.Cuts, Why: s.Why,
	}
}

// Successes that take too long cut the limit, if anybody looks.
func TestLateSuccesses(t *testing.T) {
	for times, cuts := range map[float64]uint64{2: 1, 0: 0} {
		synctest.Test(t, func(t *testing.T) {
			b := newBulkhead(t, adaptive(bulkhead.Adaptive{Times: times, CutEvery: time.Hour}))
			call := func(took time.Duration) {
				require.NoError(t, b.Wrap(func(context.Context) error { time.Sleep(took); return nil })(t.Context()))
			}
			for range 50 {
				call(100 * time.Millisecond)
			}
			require.Zero(t, b.Stats().LateCuts)
			for range 20 {
				call(300 * time.Millisecond)
			}
			require.Equal(t, cuts, b.Stats().LateCuts)
			if cuts > 0 {
				require.Regexp(t, `^most successes took more than 2 times as long as usual \(1\d\d\.?\d*ms\)$`, b.Stats().Why)
			}
		})
	}
}

// Whatever calls do, no place is lost, none is given back twice, and no more are in flight than the
// limit was at the most.
func TestNoPlaceIsLost(t *testing.T) {
	for _, c := range []bulkhead.Config{
		adaptive(bulkhead.Adaptive{SlowFailures: 2, CutEvery: 1, Times: 1}),
		{MaxConcurrent: 5, Adaptive: &bulkhead.Adaptive{SlowFailures: 2, CutEvery: 1}},
		{MaxWait: time.Millisecond, QueueLimit: 3, Adaptive: &bulkhead.Adaptive{SlowFailures: 2, CutEvery: 1, CalmFor: 1}},
		{MaxWait: -1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1, CutEvery: 1}},
	} {
		t.Run(fmt.Sprint(newBulkhead(t, c)), func(t *testing.T) {
			b := newBulkhead(t, c)
			var inside, wrong atomic.Int64
			var wg sync.WaitGroup
			for worker := range 16 {
				wg.Go(func() {
					dice := rand.New(rand.NewPCG(1, uint64(worker)))
					for range 500 {
						ctx, cancel := context.WithCancel(t.Context())
						if dice.IntN(10) == 0 {
							cancel()
						}
						op := b.Wrap(func(context.Context) error {
							n := inside.Add(1)
							defer inside.Add(-1)
							if c.MaxConcurrent > 0 && n > int64(c.MaxConcurrent) {
								wrong.Add(1)
							}
							runtime.Gosched()
							switch dice.IntN(6) {
							case 0, 1, 2:
								return errSlow
							case 3:
								cancel()
								return ctx.Err()
							case 4:
								panic("odd")
							}
							return nil
						})
						func() {
							defer func() { _ = recover() }()
							_ = op(ctx)
						}()
						cancel()
						if s := b.Stats(); s.InUse < 0 || s.Limit < 0 || s.Waiting < 0 {
							wrong.Add(1)
						}
					}
				})
			}
			wg.Wait()
			require.Zero(t, wrong.Load())
			s := b.Stats()
			require.Zero(t, s.InUse)
			require.Zero(t, s.Waiting)
			require.Positive(t, s.Cuts+s.LateCuts)
			require.NoError(t, b.Acquire(t.Context()))
		})
	}
}

func TestStatsOfAdaptiveOnesAddUp(t *testing.T) {
	var sum bulkhead.Stats
	sum.Add(bulkhead.Stats{InUse: 1, Adaptive: true, Limit: 3, Cuts: 2, Why: "x"})
	require.Equal(t, bulkhead.Stats{InUse: 1, Adaptive: true, Limit: 3, Cuts: 2, Why: "x"}, sum)
	sum.Add(bulkhead.Stats{MaxConcurrent: 9, Adaptive: true, Limit: 4, Cuts: 1, Why: "y"})
	require.Equal(t, bulkhead.Stats{InUse: 1, Adaptive: true, Limit: 7, Cuts: 3, Why: "x"}, sum, "one of them has no MaxConcurrent")
	sum.Add(bulkhead.Stats{Adaptive: true})
	require.Zero(t, sum.Limit, "one of them has no limit")
}
