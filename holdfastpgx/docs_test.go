package holdfastpgx_test

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience"
)

// The parts of docs/databases.md that need pgx.

var _ = quickstart

type order struct {
	ID     int
	Amount int64
	From   int
}

func quickstart(ctx context.Context, url string, order order) error {
	payments, err := holdfast.New("payments", holdfast.Critical()...)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	db, err := holdfastpgx.New(pool, payments)
	if err != nil {
		return err
	}

	_, err = db.Exec(ctx, "insert into payments (id, amount) values ($1, $2)", order.ID, order.Amount)
	return err
}

var _ = transfer

func transfer(ctx context.Context, db *holdfastpgx.DB, order order) error {
	err := db.Tx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "update accounts set balance = balance - $1 where id = $2", order.Amount, order.From); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "insert into payments (id, amount) values ($1, $2)", order.ID, order.Amount)
		return err
	})
	return err
}

var _ = marked

func marked(ctx context.Context, db *holdfastpgx.DB, order order) error {
	_, err := db.Exec(resilience.MarkIdempotent(ctx),
		"insert into payments (id, amount) values ($1, $2) on conflict (id) do nothing", order.ID, order.Amount)
	return err
}

var _ = read

func read(ctx context.Context, db *holdfastpgx.DB) ([]order, error) {
	var total int64
	if err := db.QueryRow(ctx, "select sum(amount) from payments").Scan(&total); err != nil {
		return nil, err
	}
	return holdfastpgx.Collect(ctx, db, pgx.RowToStructByName[order], "select id, amount, \"from\" from orders")
}

var _ = batch

func batch(ctx context.Context, db *holdfastpgx.DB, rows [][]any) error {
	return db.Conn(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := conn.Conn().CopyFrom(ctx, pgx.Identifier{"payments"}, []string{"id", "amount"}, pgx.CopyFromRows(rows))
		return err
	})
}
