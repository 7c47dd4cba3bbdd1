package traps_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: calls that share one policy at the same time each get all of their attempts and their
// own pauses: nothing of a call is kept in the policy.
func TestSharedPolicyKeepsNothingOfACall(t *testing.T) {
	inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
		call := assemble(retry.Config{MaxRetries: 5, BaseDelay: 50 * time.Millisecond, Jitter: retry.NoJitter})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 7 * time.Millisecond) // so that they are at different attempts
				attempts := 0
				elapsed := took(func() {
					_ = call.Wrap(func(context.Context) error { attempts++; return errDown })(t.Context())
				})
				if attempts != 6 || elapsed != 1550*time.Millisecond {
					t.Errorf("%d attempts in %v; want 6 in 1.55s", attempts, elapsed)
				}
			})
		}
		wg.Wait()
	})
}
