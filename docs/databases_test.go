package docs

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// The parts of databases.md that need database/sql alone; those for pgx are in
// holdfastpgx/docs_test.go, for MySQL in holdfastmysql/docs_test.go, for SQLite in
// integration/sqlite/docs_test.go.

var _ = sqlQuickstart

func sqlQuickstart(ctx context.Context, pool *sql.DB, payments *holdfast.Pipeline, amount, from int64) error {
	db, err := holdfastsql.New(pool, payments)
	if err != nil {
		return err
	}
	err = db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update accounts set balance = balance - $1 where id = $2", amount, from)
		return err
	})
	return err
}

var _ = askAgain

func askAgain(ctx context.Context, db *holdfastsql.DB, id int64) error {
	_, err := db.Exec(ctx, "insert into payments (id) values ($1)", id)
	if errors.Is(err, resilience.ErrOutcomeUnknown) {
		var made bool // now it is safe to look, or to leave it to someone who does
		return db.QueryRow(ctx, "select exists (select from payments where id = $1)", id).Scan(&made)
	}
	return err
}

var _ = notDblink

func notDblink(pool *sql.DB, payments *holdfast.Pipeline) (*holdfastsql.DB, error) {
	return holdfastsql.New(pool, payments, holdfastsql.WithAtomic(func(query string) bool {
		return !strings.Contains(query, "dblink") && holdfastsql.Atomic(query)
	}))
}
