package holdfastpgx

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast/resilience"
)

// rollbackTimeout is what a ROLLBACK may take. After that the connection is closed, at which the
// server rolls back by itself.
const rollbackTimeout = time.Second

// Tx runs fn in a transaction, and commits it if fn returns nil. Otherwise, or if fn panics or
// exits its goroutine, it rolls back.
//
// What failed before COMMIT was sent has changed nothing. So fn runs again, in a new
// transaction, after every error that is Transient or Overload: a serialization failure, a deadlock, a
// connection that died. What it does beside its statements is done each time. It must use
// the ctx and the tx it is given, and leave the commit to Tx.
//
// If COMMIT was sent and no answer came, the transaction may be committed. That is [ErrOutcomeUnknown], and
// nothing is retried, unless ctx is marked by [MarkIdempotent].
func (db *DB) Tx(ctx context.Context, opts pgx.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		err := transaction(ctx, conn, opts, fn)
		if opts.AccessMode == pgx.ReadOnly && code(err) == "25006" {
			return resilience.MarkPermanent(err) // as was asked for
		}
		return replaceReadOnly(ctx, conn, err)
	})
}

// transaction is one attempt of Tx.
func transaction(
	ctx context.Context, conn *pgxpool.Conn, opts pgx.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error,
) error {
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			rollback(ctx, tx)
		}
	}()
	if err := fn(ctx, openTx{tx}); err != nil {
		return err
	}
	ended = true
	lost := conn.Conn().IsClosed() // and fn went on: no COMMIT will be sent
	err = tx.Commit(ctx)
	if lost || settled(err, conn.Conn()) || errors.Is(err, pgx.ErrTxClosed) {
		return err
	}
	return inDoubt(err)
}

// rollback ends tx also if ctx has ended. What goes wrong with it closes the connection.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// openTx is a transaction whose end is not fn's to decide: had fn committed it and failed then, the
// next attempt would do it all a second time.
type openTx struct{ pgx.Tx }

var errCommit = errors.New("holdfastpgx: fn of Tx must not commit; Tx does, if fn returns nil")

func (openTx) Commit(context.Context) error { return errCommit }
