package holdfastpgx_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// BenchmarkDB measures a DB over a server that answers at once through a pipe.
func BenchmarkDB(b *testing.B) {
	_, pool := newPool(b, nil)
	db := newDB(b, pool, unhurried(b))
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	for name, call := range calls(ctx, pool, db) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// unhurried is a pipeline without deadlines, since those would add the cost of a ctx.
func unhurried(tb testing.TB) *holdfast.Pipeline {
	tb.Helper()
	p, err := holdfast.New("payments", budget.Config{}, retry.Aggressive(), breaker.Config{})
	require.NoError(tb, err)
	return p
}

// calls are the same calls with and without a DB.
func calls(ctx context.Context, pool *pgxpool.Pool, db *holdfastpgx.DB) map[string]func() error {
	nothing := func(context.Context, pgx.Tx) error { return nil }
	return map[string]func() error{
		"exec/plain": func() error { _, err := pool.Exec(ctx, "insert"); return err },
		"exec/DB":    func() error { _, err := db.Exec(ctx, "insert"); return err },
		"tx/plain": func() error {
			return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{}, func(tx pgx.Tx) error { return nothing(ctx, tx) })
		},
		"tx/DB": func() error { return db.Tx(ctx, pgx.TxOptions{}, nothing) },
	}
}
