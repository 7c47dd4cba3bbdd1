package results_test

import (
	"errors"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/suite"
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

// trials is how many of them a test makes whose band follows from their number: a quarter with
// -short or -race.
func trials(n int) int {
	if testing.Short() || suite.Partly() {
		return n / 4
	}
	return n
}

// sample is how many trials a test makes whose band does not hang on their number: a quarter, and
// all of them at night.
func sample(t *testing.T, n int) int {
	t.Helper()
	if times(t) == 0 {
		return n / 4
	}
	return n
}

// seedsOf is how many seeds a test plays whose band holds in each of them: one, and at night n for
// each of HOLDFAST_STORM_SEEDS.
func seedsOf(t *testing.T, n int) int {
	t.Helper()
	return max(1, n*times(t))
}

// times is HOLDFAST_STORM_SEEDS, which every night sets; 0 without it.
func times(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HOLDFAST_STORM_SEEDS")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "HOLDFAST_STORM_SEEDS")
	require.Positive(t, n, "HOLDFAST_STORM_SEEDS")
	return n
}

// raced is those of the rows, by their indices, that the race detector is to see: the others differ
// from them in numbers only. Without it, all of them.
func raced[T any](rows []T, seen ...int) []T {
	if !suite.Partly() {
		return rows
	}
	var kinds []T
	for _, i := range seen {
		kinds = append(kinds, rows[i])
	}
	return kinds
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
