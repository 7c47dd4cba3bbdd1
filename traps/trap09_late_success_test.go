package traps_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// Pins: what a call says that began before the breaker opened, success or failure, is of no
// consequence to the half-open breaker it comes back to.
func TestLateResultDoesNotDecideHalfOpen(t *testing.T) {
	for name, late := range map[string]error{"success": nil, "failure": errDown} {
		t.Run(name, func(t *testing.T) {
			inEach(t, func(t *testing.T, assemble func(...resilience.Stage) resilience.Policy) {
				b, err := breaker.New(breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 1, OpenFor: time.Second})
				require.NoError(t, err)
				call := assemble(b)
				answer, probe := make(chan struct{}), make(chan struct{})
				go func() {
					_ = call.Wrap(func(context.Context) error { <-answer; return late })(t.Context())
				}()
				synctest.Wait()
				_, _ = call.Wrap(failing)(t.Context()), call.Wrap(failing)(t.Context())
				require.Equal(t, breaker.StateOpen, b.State())

				time.Sleep(b.RetryAfter())
				go func() {
					_ = call.Wrap(func(context.Context) error { <-probe; return nil })(t.Context())
				}()
				synctest.Wait()
				close(answer)
				synctest.Wait()
				require.Equal(t, breaker.StateHalfOpen, b.State())
				close(probe)
				synctest.Wait()
				require.Equal(t, breaker.StateClosed, b.State())
			})
		})
	}
}
