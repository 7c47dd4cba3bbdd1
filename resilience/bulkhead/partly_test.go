package bulkhead_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

var errTimeout = resilience.MarkTransient(context.DeadlineExceeded)

// Where a part of the dependency hangs and the rest is as quick as ever, a limit would only keep
// calls from the rest.
func TestTimeoutsBesideQuickSuccesses(t *testing.T) {
	type step struct {
		err  error
		took time.Duration
	}
	timeouts := func(n int, took time.Duration) (steps []step) {
		for range n {
			steps = append(steps, step{errTimeout, took})
		}
		return steps
	}
	const attempt = time.Second
	quick := step{nil, attempt / 2}
	late := step{nil, attempt/2 + 1}
	for name, test := range map[string]struct {
		steps []step
		cuts  uint64
	}{
		"no success":                       {timeouts(2, 1), 1},
		"a quick success, but none before": {append([]step{quick}, timeouts(2, 1)...), 1},
		"a quick one between":              {append([]step{{errTimeout, 1}, quick}, timeouts(9, 1)...), 0},
		"a late one between":               {append([]step{{errTimeout, 1}, late}, timeouts(2, 1)...), 1},
		"a quick one, nearly too long ago": {append([]step{{errTimeout, 1}, quick}, timeouts(3, attempt/3)...), 0},
		"a quick one, too long ago":        {append([]step{{errTimeout, 1}, quick}, timeouts(2, attempt/2)...), 1},
		"a quick definite answer":          {append([]step{{errTimeout, 1}, {resilience.MarkPermanent(errors.New("404")), 1}}, timeouts(2, 1)...), 0},
		"the dependency says so itself":    {append([]step{{errTimeout, 1}, quick}, step{errSlow, 1}, step{errSlow, 1}), 1},
		"forgotten": {append([]step{
			{errTimeout, 1}, {nil, 10*attempt + attempt/2}, {nil, attempt / 2}, quick,
		}, timeouts(2, 1)...), 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 2, CutEvery: time.Hour}))
				within, err := deadline.New(deadline.In(attempt))
				require.NoError(t, err)
				for _, s := range test.steps {
					_ = resilience.Chain(b, within).Wrap(func(context.Context) error {
						time.Sleep(s.took)
						return s.err
					})(t.Context())
				}
				require.Equal(t, test.cuts, b.Stats().Cuts)
			})
		})
	}
}

// A limit that nobody has met for a while is of the past, also if nothing has succeeded since.
func TestALimitIsForgottenWhereNobodyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for idle, want := range map[time.Duration]int{10 * time.Second: 1, 10*time.Second + 1: 0} {
			b := newBulkhead(t, adaptive(bulkhead.Adaptive{SlowFailures: 1}))
			require.ErrorIs(t, b.Wrap(func(context.Context) error { return errSlow })(t.Context()), errSlow)
			require.Equal(t, 1, b.Stats().Limit)
			time.Sleep(idle)
			require.NoError(t, b.Acquire(t.Context()))
			if err := b.Acquire(t.Context()); want > 0 {
				require.ErrorIs(t, err, bulkhead.ErrFull)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, want, b.Stats().Limit, "%v", idle)
		}
	})
}

// population is so many calls in flight.
type population int

func (n population) InFlight() (calls, firsts int) { return int(n), int(n) }

// Calls that began before anybody counted are forgotten in time, also while others wait.
func TestThoseFromBeforeAreForgottenWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, errs := stage.Read([]resilience.Stage{bulkhead.Config{MaxWait: -1, Adaptive: &bulkhead.Adaptive{SlowFailures: 1}}})
		require.Empty(t, errs)
		b := newBulkhead(t, own[0].Config.(bulkhead.Config))
		place := stage.Place{Row: own, Policies: []resilience.Policy{b}, Calls: population(100)}
		linked := place.Link().(*bulkhead.Bulkhead)
		call := linked.Wrap(func(context.Context) error { time.Sleep(time.Second); return nil })
		require.ErrorIs(t, linked.Wrap(func(context.Context) error { return errSlow })(t.Context()), errSlow)
		require.Equal(t, 70, linked.Stats().Limit)
		var wg sync.WaitGroup
		begin := time.Now()
		for range 80 {
			wg.Go(func() { require.NoError(t, call(t.Context())) })
		}
		wg.Wait()
		require.Less(t, time.Since(begin), 20*time.Second, "after 10 s they are 70 at a time")
	})
}
