package ratelimit_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// A ctx that has ended takes no token, and is no refusal.
func TestACtxThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := newLimiter(t, ratelimit.Config{Rate: 1e-6, Burst: 1})
	require.ErrorIs(t, l.Acquire(ctx), context.Canceled)
	require.NoError(t, l.Acquire(t.Context()))
	require.ErrorIs(t, l.Acquire(ctx), context.Canceled)
	require.Zero(t, l.Stats().Rejected)
}

// Who leaves the line, from wherever, has taken nothing with it.
func TestCanceledWhileWaiting(t *testing.T) {
	for name, leaves := range map[string][]int{
		"the first": {1}, "in the middle": {3}, "the last": {5}, "first and last": {1, 5}, "all but the last": {1, 2, 3, 4}, "all": {1, 2, 3, 4, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newLine(t, ratelimit.Config{Rate: 10, Burst: 1, MaxWait: -1})
				q.join(t.Context(), 0)
				var stay []int
				cancels := map[int]context.CancelFunc{}
				for i := 1; i <= 5; i++ {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					cancels[i] = cancel
					q.join(ctx, i)
					if !slices.Contains(leaves, i) {
						stay = append(stay, i)
					}
				}
				time.Sleep(50 * ms)
				for _, i := range leaves {
					cancels[i]()
				}
				synctest.Wait()
				require.Equal(t, len(stay), q.l.Stats().Waiting)
				for _, i := range leaves {
					require.ErrorIs(t, q.err(i), context.Canceled)
					require.Equal(t, 50*ms, q.when(i))
				}
				time.Sleep(sec)
				require.Equal(t, append([]int{0}, stay...), q.served())
				for n, i := range stay {
					require.Equal(t, time.Duration(n+1)*100*ms, q.when(i), "those who leave cost the others nothing")
				}
				require.InDelta(t, 1, q.l.Stats().Tokens, 0)
				require.Zero(t, q.l.Stats().Rejected)
			})
		})
	}
}

// A ctx that ends at the very moment at which its token comes: whoever of the two is first, the
// token goes to the next, and is not lost.
func TestTheEndOfTheCtxAndATokenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			q := newLine(t, ratelimit.Config{Rate: 10, Burst: 1, MaxWait: -1})
			q.join(t.Context(), 0)
			ctx, cancel := context.WithCancel(t.Context())
			q.join(ctx, 1)
			q.join(t.Context(), 2)
			time.AfterFunc(100*ms, cancel)
			time.Sleep(100 * ms)
			synctest.Wait()
			if q.err(1) != nil {
				require.Equal(t, []int{0, 2}, q.served())
				require.Equal(t, 100*ms, q.when(2))
			}
			time.Sleep(sec)
			require.Contains(t, q.served(), 2)
			require.Zero(t, q.l.Stats().Waiting)
			cancel()
		}
	})
}

// What is given back goes to who has waited longest. The bank held a tenth of a token by then,
// which is cut: between two calls that reach the dependency are ten seconds.
func TestATokenGivenBackServesTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 0.1, Burst: 1, MaxWait: -1})
		for i := range 3 {
			q.join(t.Context(), i)
		}
		time.Sleep(sec)
		q.l.Release(t.Context(), resilience.MarkRejected(errFull))
		synctest.Wait()
		require.Equal(t, []int{0, 1}, q.served())
		time.Sleep(time.Minute)
		require.Equal(t, []int{0, 1, 2}, q.served())
		require.Equal(t, []time.Duration{0, sec, 11 * sec}, []time.Duration{q.when(0), q.when(1), q.when(2)})
	})
}

// ctxOf is somebody's own ctx, whose methods panic.
type ctxOf struct {
	context.Context //nolint:containedctx // it is one
	panics          string
}

func (c ctxOf) Done() <-chan struct{} {
	if c.panics == "Done" {
		panic(errFull)
	}
	return c.Context.Done()
}

func (c ctxOf) Deadline() (time.Time, bool) {
	if c.panics == "Deadline" {
		panic(errFull)
	}
	return c.Context.Deadline()
}

// A ctx that panics costs the limiter no token, no lock and no place in the line.
func TestACtxThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{"Done", "Deadline"} {
			l := newLimiter(t, ratelimit.Config{Rate: 1, MaxWait: -1})
			require.NoError(t, l.Acquire(t.Context()))
			require.PanicsWithValue(t, errFull, func() { _ = l.Acquire(ctxOf{t.Context(), method}) })
			require.Zero(t, l.Stats().Waiting)
			start := time.Now()
			require.NoError(t, l.Acquire(t.Context()))
			require.Equal(t, sec, time.Since(start))
		}
	})
}

// errCtx panics when it is asked for its error a second time: after the wait.
type errCtx struct {
	context.Context //nolint:containedctx // it is one
	asked           *int
}

func (c errCtx) Err() error {
	if *c.asked++; *c.asked > 1 {
		panic(errFull)
	}
	return nil
}

func TestACtxThatPanicsAfterTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, MaxWait: -1})
		require.NoError(t, l.Acquire(t.Context()))
		require.PanicsWithValue(t, errFull, func() { _ = l.Acquire(errCtx{t.Context(), new(int)}) })
		require.InDelta(t, 1, l.Stats().Tokens, 0, "its token is back")
	})
}

func TestAPanicOfTheOpWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLine(t, ratelimit.Config{Rate: 1, MaxWait: -1})
		call := q.l.Wrap(func(context.Context) error {
			q.join(t.Context(), 1)
			panic(errFull)
		})
		require.PanicsWithValue(t, errFull, func() { _ = call(t.Context()) })
		time.Sleep(sec)
		synctest.Wait()
		require.Equal(t, []int{1}, q.served())
		require.Equal(t, sec, q.when(1))
	})
}

// strange is a ctx of somebody's own, which says one thing and another.
type strange struct {
	context.Context

	done chan struct{}
	at   time.Time
	ends bool
}

func (c *strange) Done() <-chan struct{}       { return c.done }
func (c *strange) Deadline() (time.Time, bool) { return c.at, c.ends }

// Of a ctx that is not as it should be, a limiter takes what is safe: nobody passes without a
// token, and nobody stands in line for ever.
func TestStrangeCtxs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{Rate: 1, Burst: 1, MaxWait: -1})
		require.NoError(t, l.Acquire(t.Context()))
		closed := make(chan struct{})
		close(closed)
		require.ErrorIs(t, l.Acquire(&strange{t.Context(), closed, time.Time{}, false}), context.Canceled, "Done is closed, and Err is nil")
		require.Zero(t, l.Stats().Waiting)
		began := time.Now()
		require.NoError(t, l.Acquire(t.Context()))
		require.Equal(t, time.Second, time.Since(began), "it is next")

		began = time.Now()
		require.ErrorIs(t, l.Acquire(&strange{t.Context(), nil, time.Time{}, true}), ratelimit.ErrLimited, "a deadline that was long ago")
		require.Zero(t, time.Since(began))
	})
}
