package lazyctx_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/lazyctx"
)

// Many goroutines use a ctx while it ends, in each of the ways: its error stays the same, Done is
// closed when Err is not nil, and every child ends.
func TestUsedByMany(t *testing.T) {
	for round := range 400 {
		parent, cancel := context.Background(), context.CancelFunc(func() {})
		if round%2 == 0 {
			parent, cancel = context.WithCancel(parent)
		}
		limit := time.Hour
		if round%3 == 0 {
			limit = time.Duration(round) * 100 * time.Nanosecond
		}
		c := in(parent, limit)
		var wg sync.WaitGroup
		start := make(chan struct{})
		called, arranged := new(atomic.Int32), new(atomic.Int32)
		for worker := range 8 {
			wg.Go(func() {
				<-start
				use(t, c, worker, called, arranged)
			})
		}
		wg.Go(func() {
			<-start
			if round%5 == 0 {
				cancel()
			}
			c.End()
		})
		close(start)
		wg.Wait()
		cancel()
		require.Error(t, c.Err())
		require.True(t, ended(c.Done()))
		require.Eventually(t, func() bool { return called.Load() == arranged.Load() }, 10*time.Second, time.Microsecond)
	}
}

func use(t *testing.T, c *lazyctx.Ctx, worker int, called, arranged *atomic.Int32) {
	t.Helper()
	var done <-chan struct{}
	var deadline time.Time
	for i := range 50 {
		switch (i + worker) % 5 {
		case 0:
			d := c.Done()
			if done != nil && done != d {
				t.Error("another channel")
			}
			done = d
		case 1:
			if err := c.Err(); err != nil {
				if !ended(c.Done()) || c.Err() != err || context.Cause(c) == nil { //nolint:errorlint // identity: it stays the same
					t.Error("Err, Done and Cause differ")
				}
			} else if ended(c.Done()) && c.Err() == nil {
				t.Error("Done is closed, and Err is nil")
			}
		case 2:
			child, stop := context.WithCancel(c)
			if c.Err() != nil && child.Err() == nil {
				<-child.Done() // somebody is about to end it
			}
			stop()
		case 3:
			d, _ := c.Deadline()
			if !deadline.IsZero() && d != deadline { //nolint:revive // to the last bit
				t.Error("another deadline")
			}
			deadline = d
		case 4:
			if stop := context.AfterFunc(c, func() { called.Add(1) }); i%2 == 0 || !stop() {
				arranged.Add(1)
			}
		}
	}
}

// A timer from the pool does not end its former ctx.
func TestAlarmsAreNotMixedUp(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 300 {
				long, short := in(context.Background(), time.Hour), in(context.Background(), time.Duration(i)*time.Microsecond)
				done := long.Done()
				if i%2 == 0 {
					<-short.Done()
					if !short.Expired() || !errors.Is(context.Cause(short), errLimit) {
						t.Error("not by its limit")
					}
				} else {
					short.Done()
					short.End()
				}
				if ended(done) || long.Err() != nil || long.Expired() {
					t.Error("somebody else's alarm")
				}
				long.End()
			}
		})
	}
	wg.Wait()
}
