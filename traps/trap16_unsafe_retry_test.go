package traps_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: what must not be done twice is done once, though a predicate retries everything, and at the
// first attempt as at a later one; and the breaker hears that the dependency failed, wherever it
// stands and whatever classifies its errors.
func TestNoRetry(t *testing.T) {
	everything := retry.Config{MaxRetries: 5, RetryIf: func(error) bool { return true }}
	blind := func(error) resilience.Verdict { return resilience.Permanent }
	died := resilience.MarkNoRetry(io.ErrUnexpectedEOF, resilience.Transient)
	for name, stages := range map[string][]resilience.Stage{
		"breaker inside":                  {everything, breaker.Config{ConsecutiveFailures: 3}},
		"breaker outside":                 {breaker.Config{ConsecutiveFailures: 3}, everything},
		"breaker inside, own classifier":  {everything, breaker.Config{ConsecutiveFailures: 3, Classify: blind}},
		"breaker outside, own classifier": {breaker.Config{ConsecutiveFailures: 3, Classify: blind}, everything},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := holdfast.New("payments", stages...)
				require.NoError(t, err)
				for range 3 {
					attempts := 0
					err := p.Do(t.Context(), func(context.Context) error { attempts++; return died })
					require.Equal(t, 1, attempts)
					require.Equal(t, died, err, "as it is")
				}
				require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)
			})
		})
	}
	t.Run("whatever the loop's classifier says", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			eager := func(error) resilience.Verdict { return resilience.Transient }
			p, err := holdfast.New("payments", retry.Config{Classify: eager})
			require.NoError(t, err)
			attempts := 0
			require.Equal(t, died, p.Do(t.Context(), func(context.Context) error { attempts++; return died }))
			require.Equal(t, 1, attempts)
		})
	})
	t.Run("ended by the attempt's deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, err := holdfast.New("payments", everything, breaker.Config{ConsecutiveFailures: 1}, deadline.In(time.Second))
			require.NoError(t, err)
			attempts := 0
			err = p.Do(t.Context(), func(ctx context.Context) error {
				attempts++
				<-ctx.Done()
				return resilience.MarkNoRetry(ctx.Err(), resilience.Transient)
			})
			require.Equal(t, 1, attempts)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)
		})
	})
	t.Run("at a later attempt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, err := holdfast.New("payments", breaker.Config{ConsecutiveFailures: 1}, everything)
			require.NoError(t, err)
			attempts := 0
			err = p.Do(t.Context(), func(context.Context) error {
				if attempts++; attempts == 1 {
					return errRefused
				}
				return died
			})
			require.Equal(t, 2, attempts)
			stopped, ok := errors.AsType[*retry.Error](err)
			require.True(t, ok)
			require.Equal(t, resilience.ReasonPermanent, stopped.Reason)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)
		})
	})
}
