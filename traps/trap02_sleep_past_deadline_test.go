package traps_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: a pause that would end after the deadline is not begun; the answer comes now, with the last
// error and the reason.
func TestNoSleepPastTheDeadline(t *testing.T) {
	slow := retry.Config{BaseDelay: 10 * time.Second, MaxDelay: 10 * time.Second}
	hinted := func(context.Context) error { return resilience.MarkOverload(errRefused, 10*time.Second) }

	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		for name, c := range map[string]struct {
			stages []resilience.Stage
			op     resilience.Func
			ctx    time.Duration
		}{
			"the caller's deadline": {[]resilience.Stage{slow}, failing, 300 * time.Millisecond},
			"a deadline stage":      {[]resilience.Stage{deadline.In(300 * time.Millisecond), slow}, failing, time.Hour},
			"a retry-after":         {[]resilience.Stage{deadline.In(300 * time.Millisecond), retry.Default()}, hinted, time.Hour},
			"no room for an attempt": {[]resilience.Stage{retry.Config{
				BaseDelay: 100 * time.Millisecond, Jitter: retry.NoJitter, MinAttempt: 250 * time.Millisecond,
			}}, failing, 300 * time.Millisecond},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), c.ctx)
			defer cancel()
			var err error
			require.Zero(t, took(func() { err = assemble(c.stages...).Wrap(c.op)(ctx) }), name)
			require.ErrorIs(t, err, deadline.ErrTooLate, name)
			require.ErrorIs(t, err, errRefused, name)
			var stop *retry.Error
			require.ErrorAs(t, err, &stop, name)
			require.Equal(t, resilience.ReasonTooLate, stop.Reason, name)
			require.Equal(t, 1, stop.Attempts, name)
		}
	})
}
