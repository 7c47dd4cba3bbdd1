package holdfastmysql_test

import (
	"context"
	"database/sql"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
)

// The part of docs/databases.md that needs MySQL.

var _ = quickstart

func quickstart(ctx context.Context, payments *holdfast.Pipeline, amount, from int64) error {
	pool, err := sql.Open("mysql", "app:secret@tcp(db:3306)/shop?timeout=1s&readTimeout=2s&writeTimeout=2s")
	if err != nil {
		return err
	}
	defer pool.Close() //nolint:errcheck // nothing is lost with it
	db, err := holdfastmysql.New(pool, payments)
	if err != nil {
		return err
	}
	return db.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update accounts set balance = balance - ? where id = ?", amount, from)
		return err
	})
}
