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

// Fleet in a Config of a Keyed has no effect, unless the stage was built and all keys share it.
func TestLintOfAKeyed(t *testing.T) {
	shares, pooled := breaker.Config{Fleet: true}, budget.Config{Fleet: true}
	with := func(stages ...resilience.Stage) *holdfast.Keyed[string] {
		t.Helper()
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{},
			append([]resilience.Stage{deadline.In(time.Minute)}, append(stages, deadline.In(time.Second))...)...)
		require.NoError(t, err)
		return hosts
	}
	built, err := breaker.New(shares)
	require.NoError(t, err)
	bank, err := budget.New(pooled)
	require.NoError(t, err)
	loop := retry.Config{MaxRetries: 1}
	for name, test := range map[string]struct {
		hosts *holdfast.Keyed[string]
		want  []string
		fix   string
	}{
		"its own":            {with(pooled, loop, shares), []string{"HF062"}, "breaker.fleet: off, budget.fleet: off"},
		"shared":             {with(bank, loop, built), nil, ""},
		"one of each":        {with(bank, loop, built, shares), []string{"HF062"}, "breaker.fleet: off"},
		"a Guard and nobody": {with(resilience.Prebuilt(bank), loop, breaker.Config{}), nil, ""},
	} {
		for _, p := range []*holdfast.Pipeline{test.hosts.Total(), test.hosts.Get("a"), test.hosts.Overflow()} {
			found := p.Lint()
			require.Equal(t, test.want, codes(found), "%s: %s: %v", name, p.Name(), found)
			if test.want != nil {
				require.Equal(t, test.fix, found[0].Fix.String(), name)
			}
		}
	}
	require.Empty(t, holdfast.Must(holdfast.New("p", deadline.In(time.Minute), pooled, loop, shares, deadline.In(time.Second))).Lint())

	// An update is seen as everywhere else.
	hosts := with(budget.Config{}, loop, breaker.Config{})
	require.NoError(t, hosts.Update(deadline.In(time.Minute), budget.Config{}, loop, shares, deadline.In(time.Second)))
	require.Equal(t, []string{"HF062"}, codes(hosts.Total().Lint()))
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
