package holdfast_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Those who wait for a token get it at once when there is no limit any more, sooner at a higher
// rate, and are refused when it comes too late. No change makes tokens: not that to no limit and
// back, nor a higher Burst.
func TestTuneARateLimitThatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, ratelimit.Config{Rate: 1, Burst: 2, MaxWait: time.Hour})
		rate := func(f func(c *ratelimit.Config)) { tune(t, p, holdfast.Tuning{Stages: setting(f)}) }
		var in atomic.Int64
		var calls sync.WaitGroup
		try := func(n int) {
			for range n {
				calls.Go(func() {
					if p.Do(t.Context(), succeed) == nil {
						in.Add(1)
					}
				})
			}
			synctest.Wait()
		}
		try(10)
		require.EqualValues(t, 2, in.Load())
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 3, in.Load())
		rate(func(c *ratelimit.Config) { c.Rate = -1 })
		synctest.Wait()
		require.EqualValues(t, 10, in.Load(), "all who waited")
		try(100)
		require.EqualValues(t, 110, in.Load())
		rate(func(c *ratelimit.Config) { c.Rate = 1 })
		try(10)
		require.LessOrEqual(t, in.Load(), int64(112))
		// faster: those who wait come sooner
		rate(func(c *ratelimit.Config) { c.Rate = 1000 })
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 120, in.Load())
		time.Sleep(time.Hour)
		rate(func(c *ratelimit.Config) { c.Burst = 100 })
		before := in.Load()
		rate(func(c *ratelimit.Config) { c.MaxWait = 0; c.Rate = 0.001 })
		try(100)
		require.EqualValues(t, 2, in.Load()-before)
		rate(func(c *ratelimit.Config) { c.Rate, c.Burst = 1, 100 })
		time.Sleep(time.Hour)
		rate(func(c *ratelimit.Config) { c.Burst = 3 })
		rate(func(c *ratelimit.Config) { c.Burst = 100 })
		before = in.Load()
		try(100)
		require.EqualValues(t, 3, in.Load()-before)
		// waiters refused when the rate falls
		rate(func(c *ratelimit.Config) { c.MaxWait = 3 * time.Second; c.Burst = 1 })
		var refused atomic.Int64
		for range 3 {
			calls.Go(func() {
				if err := p.Do(t.Context(), succeed); err != nil {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		rate(func(c *ratelimit.Config) { c.Rate = 1e-6; c.MaxWait = 0 })
		synctest.Wait()
		require.EqualValues(t, 3, refused.Load())
		require.Zero(t, p.Snapshot().RateLimits[0].Waiting)
		calls.Wait()
	})
}

// A lower limit waits for nobody, and drives nobody out; a higher one lets in at once who waits.
func TestTuneABulkheadThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, bulkhead.Config{MaxConcurrent: 5, MaxWait: time.Hour, QueueLimit: 100})
		set := func(f func(c *bulkhead.Config)) { tune(t, p, holdfast.Tuning{Stages: setting(f)}) }
		var in, failed atomic.Int64
		var calls sync.WaitGroup
		end := make(chan struct{})
		try := func(n int) {
			for range n {
				calls.Go(func() {
					if p.Do(t.Context(), func(context.Context) error { in.Add(1); <-end; in.Add(-1); return nil }) != nil {
						failed.Add(1)
					}
				})
			}
			synctest.Wait()
		}
		finish := func(n int) {
			for range n {
				end <- struct{}{}
			}
			synctest.Wait()
		}
		try(20)
		require.EqualValues(t, 5, in.Load())
		set(func(c *bulkhead.Config) { c.MaxConcurrent = 2 })
		finish(2)
		require.EqualValues(t, 3, in.Load())
		finish(2)
		require.EqualValues(t, 2, in.Load())
		set(func(c *bulkhead.Config) { c.MaxConcurrent = 4 })
		synctest.Wait()
		require.EqualValues(t, 4, in.Load(), "those who wait come at once")
		set(func(c *bulkhead.Config) { c.QueueLimit = 1 })
		try(1)
		require.EqualValues(t, 1, failed.Load())
		set(func(c *bulkhead.Config) { c.Adaptive = &bulkhead.Adaptive{} })
		set(func(c *bulkhead.Config) { c.MaxConcurrent = -1 })
		synctest.Wait()
		set(func(c *bulkhead.Config) { c.MaxConcurrent = 3 })
		set(func(c *bulkhead.Config) { c.Adaptive = nil })
		n := in.Load()
		try(1)
		require.Equal(t, n, in.Load())
		set(func(c *bulkhead.Config) { c.MaxWait = 0 })
		f := failed.Load()
		try(3)
		require.Equal(t, f+3, failed.Load())
		for in.Load() > 0 {
			finish(1)
		}
		calls.Wait()
		require.Zero(t, p.Snapshot().Bulkheads[0].InUse)
		require.Zero(t, p.Snapshot().Bulkheads[0].Waiting)
		// now exactly 3
		set(func(c *bulkhead.Config) { c.MaxWait = time.Minute; c.QueueLimit = 10 })
		try(6)
		require.EqualValues(t, 3, in.Load())
		for in.Load() > 0 {
			finish(1)
		}
		calls.Wait()
	})
}

// A call in flight has the deadlines and the retries with which it began; the next has the new
// ones.
func TestTuneUnderACallInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, deadline.In(10*time.Second), retry.Config{MaxRetries: 5, Backoff: retry.Constant, BaseDelay: time.Second, Jitter: retry.NoJitter}, deadline.In(5*time.Second))
		var n atomic.Int64
		var calls sync.WaitGroup
		calls.Go(func() {
			_ = p.Do(t.Context(), func(context.Context) error { n.Add(1); return errFlaky })
		})
		time.Sleep(1500 * time.Millisecond)
		tune(t, p, holdfast.Tuning{Stages: func(s []resilience.Stage) {
			s[0] = deadline.In(20 * time.Millisecond)
			s[2] = deadline.In(time.Millisecond)
			setting(func(c *retry.Config) { c.MaxRetries = retry.None })(s)
		}})
		calls.Wait()
		require.EqualValues(t, 6, n.Load(), "calls in flight finish with their numbers")
		start := time.Now()
		require.Error(t, p.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
		require.Equal(t, time.Millisecond, time.Since(start))
	})
}
