package holdfastsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// BenchmarkDB measures a DB over a driver that does nothing. "plain" is database/sql alone, "Do"
// the rules of the package without a database, "pipeline" the pipeline alone.
func BenchmarkDB(b *testing.B) {
	pool := sql.OpenDB(idle{})
	b.Cleanup(func() { _ = pool.Close() })
	p := holdfast.Must(holdfast.New("payments", budget.Config{}, retry.Aggressive(), breaker.Config{}))
	db := newDB(b, pool, p)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	nothing := func(context.Context) error { return nil }
	for name, call := range map[string]func() error{
		"plain":    func() error { _, err := pool.ExecContext(ctx, "insert"); return err },
		"DB":       func() error { _, err := db.Exec(ctx, "insert"); return err },
		"Do":       func() error { return holdfastsql.Do(ctx, p, nil, nothing) },
		"pipeline": func() error { return p.Do(ctx, nothing) },
	} {
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

// idle is a driver that does nothing.
type idle struct{}

func (idle) Driver() driver.Driver                        { return nil }
func (idle) Connect(context.Context) (driver.Conn, error) { return idle{}, nil }
func (idle) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (idle) Close() error                                 { return nil }
func (idle) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (idle) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}
