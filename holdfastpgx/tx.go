package holdfastpgx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// rollbackTimeout bounds a ROLLBACK. After that the connection is closed, and the server rolls back
// by itself.
const rollbackTimeout = time.Second

// Tx runs fn in a transaction, and commits it if fn returns nil. If fn returns an error, panics or
// exits its goroutine, Tx rolls back.
//
// A transaction that failed before COMMIT was sent has changed nothing. So fn runs again, in a new
// transaction, after every error that is Transient or Overload: a serialization failure, a
// deadlock, a connection that died. Anything else that fn does, outside of the transaction, is then
// repeated too. fn must use the ctx and the tx that it is given, leave the commit to Tx, and return
// the errors that it gets.
//
// If COMMIT was sent and no answer came, the transaction may be committed. The error is
// [resilience.ErrOutcomeUnknown], and Tx does not retry unless ctx is marked by
// [resilience.MarkIdempotent]. The same holds if fn sent a COMMIT itself, or returned an error that
// is ErrOutcomeUnknown.
func (db *DB) Tx(ctx context.Context, opts pgx.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error) error {
	return db.with(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		failed := db.transaction(ctx, conn, opts, fn)
		if failed == nil {
			return nil
		}
		if opts.AccessMode == pgx.ReadOnly && holdfastsql.Answers(failed.Err) == holdfastsql.ReadOnly {
			failed.Judgment = permanent // the caller asked for it
		}
		return failed
	})
}

// transaction is one attempt of Tx.
func (db *DB) transaction(
	ctx context.Context, conn *pgxpool.Conn, opts pgx.TxOptions, fn func(ctx context.Context, tx pgx.Tx) error,
) *resilience.CallError {
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		if opts.BeginQuery != "" { // it may do more than BEGIN
			return db.proven(err, conn.Conn(), false)
		}
		return db.failed(err, conn.Conn(), resilience.EffectUndone)
	}
	ended := false
	defer func() {
		if !ended {
			rollback(ctx, tx)
		}
	}()
	own := &openTx{Tx: tx}
	err = fn(ctx, own)
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case conn.Conn().PgConn().TxStatus() == 'I' && !own.rolledBack:
		if err == nil {
			err = pgx.ErrTxClosed
		}
		err = fmt.Errorf("the func of Tx ended the transaction; leave that to Tx: %w", err)
		return db.failed(err, conn.Conn(), resilience.EffectUnknown)
	case err != nil:
		return db.failed(err, conn.Conn(), resilience.EffectUndone)
	}
	ended = true
	lost := conn.Conn().IsClosed() // during fn, which ignored it: pgx will not send COMMIT
	switch err = tx.Commit(ctx); {
	case err == nil:
		return nil
	case lost:
		return db.failed(err, conn.Conn(), resilience.EffectUndone)
	case errors.Is(err, pgx.ErrTxClosed), errors.Is(err, pgx.ErrTxCommitRollback):
		return db.failed(err, conn.Conn(), resilience.EffectUndone)
	}
	return db.proven(err, conn.Conn(), opts.CommitQuery == "")
}

// rollback rolls tx back, even if ctx has ended. If that fails, pgx closes the connection.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// openTx is a transaction that fn cannot commit. If fn could commit it and then fail, the next
// attempt would do everything a second time.
type openTx struct {
	pgx.Tx
	rolledBack bool
}

var errCommit = errors.New("holdfastpgx: fn of Tx must not commit; Tx does, if fn returns nil")

func (*openTx) Commit(context.Context) error { return errCommit }

func (tx *openTx) Rollback(ctx context.Context) error {
	err := tx.Tx.Rollback(ctx)
	tx.rolledBack = tx.rolledBack || err == nil
	return err
}
