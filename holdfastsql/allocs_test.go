//go:build !race

package holdfastsql_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Do does not allocate if the op succeeds, even if the op captures variables. Nor does it for an
// answer such as sql.ErrNoRows.
func TestDoDoesNotAllocate(t *testing.T) {
	p := holdfast.Must(holdfast.New("payments", budget.Config{}, retry.Aggressive(), breaker.Config{}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	calls := 0
	for _, answer := range []error{nil, sql.ErrNoRows} {
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			_ = holdfastsql.Do(ctx, p, nil, func(context.Context) error { calls++; return answer })
		}), "%v", answer)
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	for _, err := range []error{nil, sql.ErrNoRows, stateError("40001"), errBoom, context.Canceled} {
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = holdfastsql.Classify(err) }), "%v", err)
	}
}
