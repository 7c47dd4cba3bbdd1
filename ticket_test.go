package holdfast_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// clerk is a TicketGuard that numbers its Tickets, and records the error with which each came back.
type clerk struct {
	admit func(ctx context.Context) error

	mu     sync.Mutex
	issued int64
	done   map[resilience.Ticket]error
}

func (c *clerk) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(c, next) }
func (c *clerk) Build() (resilience.Policy, error)         { return c, nil }
func (c *clerk) String() string                            { return "clerk" }
func (c *clerk) Acquire(context.Context) error             { panic("a pipeline takes Tickets") }
func (c *clerk) Release(context.Context, error)            { panic("a pipeline takes Tickets") }

func (c *clerk) Admit(ctx context.Context) (resilience.Ticket, error) {
	if c.admit != nil {
		if err := c.admit(ctx); err != nil {
			return resilience.Ticket{Number: -1}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.issued++
	return resilience.Ticket{Number: c.issued, Ref: c}, nil
}

func (c *clerk) Done(_ context.Context, t resilience.Ticket, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = map[resilience.Ticket]error{}
	}
	if _, twice := c.done[t]; twice {
		panic("the same Ticket twice")
	}
	c.done[t] = err
}

func (c *clerk) ticket(n int64) resilience.Ticket { return resilience.Ticket{Number: n, Ref: c} }

func TestAPipelineCarriesTheTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outside, inside := &clerk{}, &clerk{}
		p := newPipeline(t, outside, plain(2), breaker.Config{}, inside)
		require.Equal(t, "payments: clerk → retry 2× 100ms…5s → breaker 50%/20 → clerk", p.String())

		op, _ := failing(1, errFlaky)
		require.NoError(t, p.Do(t.Context(), op))
		require.Equal(t, map[resilience.Ticket]error{outside.ticket(1): nil}, outside.done)
		require.Equal(t, map[resilience.Ticket]error{inside.ticket(1): errFlaky, inside.ticket(2): nil}, inside.done, "one for each attempt")

		require.Panics(t, func() { _ = p.Do(t.Context(), func(context.Context) error { panic("op") }) })
		require.Equal(t, resilience.ErrAborted, outside.done[outside.ticket(2)])
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = p.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
		}()
		<-over
		require.Equal(t, resilience.ErrAborted, outside.done[outside.ticket(3)])
		require.Equal(t, resilience.ErrAborted, inside.done[inside.ticket(4)])
	})
}

func TestTicketsOfCallsSideBySideAreNotMixedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clerk{}
		p := newPipeline(t, c)
		errs := map[int64]error{}
		var wg sync.WaitGroup
		for i := range 20 { // they begin in order, and end in another
			err := errors.New("own")
			errs[int64(i)+1] = err
			wg.Go(func() {
				_ = p.Do(t.Context(), func(context.Context) error { time.Sleep(time.Duration(i*7%20) * time.Second); return err })
			})
			synctest.Wait()
		}
		wg.Wait()
		for n, err := range errs {
			require.Same(t, err, c.done[c.ticket(n)])
		}
	})
}

func TestARefusedCallHasNoTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		no := errors.New("no")
		c := &clerk{admit: func(context.Context) error { return no }}
		var stage string
		seen := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
			if e.Kind == resilience.EventReject {
				stage = e.Stage
			}
		})
		p := newPipeline(t, holdfast.Observe(&d, seen), c, retry.Config{})
		err := p.Do(t.Context(), func(context.Context) error { t.Error("it ran"); return nil })
		require.ErrorIs(t, err, no)
		require.Equal(t, resilience.Rejected, resilience.Classify(err))
		require.Empty(t, c.done)
		require.Equal(t, "holdfast_test.clerk", stage)
		require.Equal(t, []string{"reject attempt=0 rejected rejected", "call attempts=0 rejected rejected"}, d.take())
	})
}
