package results_test

import (
	"errors"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// errDown is what a dependency that fails says.
var errDown = resilience.MarkTransient(errors.New("down"))

// estimate is a mean over independent trials, and how far it may be off.
type estimate struct {
	n          int
	sum, sumSq float64
}

func (e *estimate) add(x float64) {
	e.n++
	e.sum += x
	e.sumSq += x * x
}

func (e *estimate) mean() float64 { return e.sum / float64(e.n) }

// stdErr is the standard error of the mean.
func (e *estimate) stdErr() float64 {
	n := float64(e.n)
	return math.Sqrt(max(0, e.sumSq-e.sum*e.sum/n) / (n - 1) / n)
}

// trials is how many of them a test makes: a quarter with -short or -race.
func trials(n int) int {
	if testing.Short() || underRace {
		return n / 4
	}
	return n
}

// seedsOf is trials of which each has a seed of its own. HOLDFAST_STORM_SEEDS makes so many times
// as many, as every night does.
func seedsOf(t *testing.T, n int) int {
	t.Helper()
	times := 1
	if text := os.Getenv("HOLDFAST_STORM_SEEDS"); text != "" {
		var err error
		times, err = strconv.Atoi(text)
		require.NoError(t, err, "HOLDFAST_STORM_SEEDS")
		require.Positive(t, times, "HOLDFAST_STORM_SEEDS")
	}
	return times * trials(n)
}

// atOnce is a Config that retries so many times without a pause.
func atOnce(retries int) retry.Config {
	return retry.Config{
		MaxRetries: retries, Jitter: retry.NoJitter, Backoff: retry.BackoffFunc(func(int) time.Duration { return 0 }),
	}
}

func newPolicy(t *testing.T, c retry.Config) *retry.Policy {
	t.Helper()
	p, err := retry.New(c)
	require.NoError(t, err)
	return p
}
