package lazyctx_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
)

// These run outside of a synctest bubble if they can, since the clock and the timers differ inside.

func in(parent context.Context, d time.Duration) *lazyctx.Ctx {
	return lazyctx.New(parent, mono.Now().Add(d), errLimit)
}

// A standard ctx under a parent is closed by the time at which the parent's cancel returns, and so
// are its children.
func TestDoneIsClosedWhenTheParentsCancelReturns(t *testing.T) {
	for range 1000 {
		parent, cancel := context.WithCancelCause(t.Context())
		c := in(parent, time.Hour)
		child, stop := context.WithCancel(c)
		done := c.Done()
		require.False(t, ended(done))
		cancel(errCaller)
		require.True(t, ended(done))
		require.True(t, ended(child.Done()))
		require.Equal(t, errCaller, context.Cause(child))
		stop()
		c.End()
	}
}

func TestEndEndsTheChildren(t *testing.T) {
	for name, parent := range map[string]context.Context{"bare": context.Background(), "that can end": t.Context()} {
		c := in(parent, time.Hour)
		called := make(chan struct{})
		child, stop := context.WithTimeout(c, time.Minute)
		defer stop()
		context.AfterFunc(child, func() { close(called) })
		c.End()
		require.True(t, ended(c.Done()), name)
		require.Equal(t, context.Canceled, child.Err(), name)
		<-called
	}
}

// A ctx that is kept after its end stays ended, no matter what the parent does.
func TestKeptAfterItsEnd(t *testing.T) {
	for name, asks := range map[string]bool{"quiet": false, "watched": true} {
		parent, cancel := context.WithCancelCause(context.Background())
		c := in(parent, time.Hour)
		deadline, _ := c.Deadline()
		if asks {
			c.Done()
		}
		c.End()
		c.End()
		cancel(errCaller)
		require.Equal(t, context.Canceled, c.Err(), name)
		require.Equal(t, context.Canceled, context.Cause(c), name)
		require.True(t, ended(c.Done()), name)
		again, _ := c.Deadline()
		require.Equal(t, deadline, again, name)
		child, stop := context.WithCancel(c)
		require.Equal(t, context.Canceled, child.Err(), name)
		stop()
		called := make(chan struct{})
		require.False(t, c.AfterFunc(func() { close(called) })(), name)
		<-called
		require.NoError(t, context.WithoutCancel(c).Err(), name)
	}
}

func TestAParentThatTakesBackItsEnd(t *testing.T) {
	parent := &fickle{Context: context.Background()}
	parent.gone.Store(true)
	c := in(parent, time.Hour)
	require.Equal(t, errCaller, c.Err())
	parent.gone.Store(false)
	require.Error(t, c.Err(), "an end is for ever")
	require.True(t, ended(c.Done()))
}

type fickle struct {
	context.Context

	gone atomic.Bool
}

func (f *fickle) Err() error {
	if f.gone.Load() {
		return errCaller
	}
	return nil
}

// Timers of a bubble stay in it, and timers from outside stay outside.
func TestBubblesBesideTheRealClock(t *testing.T) {
	for range 20 {
		for range 3 {
			c := in(context.Background(), time.Hour)
			c.Done()
			c.End()
		}
		synctest.Test(t, func(t *testing.T) {
			c := in(context.Background(), time.Hour)
			start := time.Now()
			<-c.Done()
			require.Equal(t, time.Hour, time.Since(start))
			time.Sleep(40 * 365 * 24 * time.Hour) // a bubble of a later date than the process
			c = in(context.Background(), time.Hour)
			start = time.Now()
			<-c.Done()
			require.Equal(t, time.Hour, time.Since(start))
			c = in(context.Background(), time.Hour)
			c.Done()
			c.End()
		})
	}
}

// Neither a child nor an AfterFunc takes a goroutine, and no wait takes one either.
func TestStartsNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		for name, parent := range map[string]context.Context{"bare": context.Background(), "that can end": t.Context()} {
			c := in(parent, time.Hour)
			for range 50 {
				child, stop := context.WithCancel(c)
				defer stop()
				defer context.AfterFunc(child, func() {})()
				defer context.AfterFunc(c, func() {})()
				nested := in(child, time.Minute)
				nested.Done()
				defer nested.End()
			}
			// Of other tests some may begin or end meanwhile; one for each of these would be 50.
			require.Less(t, runtime.NumGoroutine(), before+25, name)
			defer c.End()
		}
	})
}

func TestALimitInThePast(t *testing.T) {
	for name, parent := range map[string]context.Context{"bare": context.Background(), "that can end": t.Context()} {
		c := in(parent, -1)
		require.True(t, ended(c.Done()), name)
		require.Equal(t, context.DeadlineExceeded, c.Err(), name)
		require.True(t, c.Expired(), name)
		c.End()
		require.Equal(t, errLimit, context.Cause(c), name)
	}
}

// A caller's deadline that was made from a date, such as a header's, has no monotonic reading.
func TestUnderADeadlineWithoutAMonotonicReading(t *testing.T) {
	parent, cancel := context.WithDeadline(t.Context(), time.Now().Round(0).Add(time.Hour))
	defer cancel()
	c := in(parent, time.Microsecond)
	<-c.Done()
	require.Equal(t, errLimit, context.Cause(c))
	c.End()
}

func TestExpiredIsNotTheParentsDeadline(t *testing.T) {
	nothing := func(*lazyctx.Ctx) {}
	for name, c := range map[string]struct{ before, after func(*lazyctx.Ctx) }{
		"asked for nothing":              {before: nothing, after: nothing},
		"asked for Done":                 {before: func(c *lazyctx.Ctx) { c.Done() }, after: nothing},
		"nobody asked before it is over": {before: nothing, after: (*lazyctx.Ctx).End},
	} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			later := in(parent, time.Hour) // than the parent's, against what New asks for
			c.before(later)
			time.Sleep(time.Second)
			synctest.Wait()
			c.after(later)
			require.Equal(t, context.DeadlineExceeded, later.Err(), name)
			require.False(t, later.Expired(), name)
			require.Equal(t, context.DeadlineExceeded, context.Cause(later), name)
			later.End()
		})
	}
}

func TestString(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := in(context.Background(), time.Second)
		defer c.End()
		standard, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.Equal(t, standard.(interface{ String() string }).String(), c.String()) //nolint:forcetypeassert // it has one
	})
}

// net/http waits for Done, derives children, and tells by Err and Cause why it stopped.
func TestAnHTTPClient(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hangs" {
			<-release
		}
	}))
	defer server.Close()
	defer close(release)
	defer server.Client().CloseIdleConnections()
	get := func(ctx context.Context, path string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, http.NoBody)
		require.NoError(t, err)
		resp, err := server.Client().Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	c := in(context.Background(), time.Hour)
	require.NoError(t, get(c, "/"))
	c.End()
	require.ErrorIs(t, get(c, "/"), context.Canceled)
	c = in(context.Background(), 20*time.Millisecond)
	require.ErrorIs(t, get(c, "/hangs"), errLimit, "the cause, as under a standard ctx")
	require.True(t, c.Expired())
	c.End()
}
