package holdfast_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestPresetsLintClean(t *testing.T) {
	for _, stages := range [][]resilience.Stage{holdfast.Critical(), holdfast.Standard(), holdfast.Background()} {
		require.Empty(t, holdfast.Must(holdfast.New("p", stages...)).Lint())
	}
}

// Lint sees the numbers in force: what an update brought, and what was tuned by hand.
func TestLintSeesTheNumbersInForce(t *testing.T) {
	p := holdfast.Must(holdfast.New("p", holdfast.Critical()...))
	require.NoError(t, p.Update(deadline.In(time.Second), budget.Config{}, retry.Default(), breaker.Config{}))
	require.Equal(t, []string{"HF004"}, codes(p.Lint()))

	p = holdfast.Must(holdfast.New("p", holdfast.Critical()...))
	tune(t, p, holdfast.Tuning{By: "me", Budget: func(c *budget.Config) { c.Shadow = true }})
	require.Equal(t, []string{"HF020"}, codes(p.Lint()))
}

func codes(findings []lint.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Code)
	}
	return all
}

func ExamplePipeline_Lint() {
	payments := holdfast.Must(holdfast.New("payments",
		deadline.In(2*time.Second),
		budget.Config{},
		retry.Config{MaxRetries: 5, BaseDelay: 50 * time.Millisecond, Jitter: retry.FullJitter},
		breaker.Config{},
		deadline.In(500*time.Millisecond),
	))
	for _, f := range payments.Lint() {
		fmt.Println(f)
		fmt.Println("  fix:", f.Fix)
	}
	// Output:
	// error HF001 payments: 5 retries need up to 4.55 s; the deadline is 2 s: the 4th and 5th can never run if attempts take their whole 500 ms
	//   fix: retry.max_retries: 3
}
