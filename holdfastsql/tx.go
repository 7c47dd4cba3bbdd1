package holdfastsql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// rollbackTimeout is what a ROLLBACK may take, where the driver ends it with the ctx of its
// transaction. After that the connection is closed, at which the database rolls back by itself.
const rollbackTimeout = time.Second

// Tx runs fn in a transaction (with the defaults, if opts is nil), and commits it if fn returns
// nil. Otherwise, or if fn panics or exits its goroutine, it rolls back.
//
// What failed before COMMIT was sent has changed nothing. So fn runs again, in a new
// transaction, after every error that is Transient or Overload: a serialization failure, a deadlock, a
// connection that died. What it does beside its statements is done each time. It must use
// the ctx and the tx it is given, and leave Commit and Rollback to Tx.
//
// If COMMIT was sent and no answer came, the transaction may be committed. That is [ErrOutcomeUnknown], and
// nothing is retried, unless ctx is marked by [MarkIdempotent].
func (db *DB) Tx(ctx context.Context, opts *sql.TxOptions, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		err := db.transaction(ctx, conn, opts, fn)
		if opts != nil && opts.ReadOnly && sqlState(err) == readOnly {
			return resilience.MarkPermanent(err) // as was asked for
		}
		return err
	})
}

// transaction is one attempt of Tx.
func (db *DB) transaction(
	ctx context.Context, conn *sql.Conn, opts *sql.TxOptions, fn func(ctx context.Context, tx *sql.Tx) error,
) (err error) {
	txCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	tx, err := conn.BeginTx(txCtx, opts)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if ended {
			return
		}
		giveUp := time.AfterFunc(rollbackTimeout, cancel)
		defer giveUp.Stop()
		rolledBack := tx.Rollback()
		if err != nil && ctx.Err() == nil && errors.Is(rolledBack, sql.ErrTxDone) {
			err = errEndedByFn(err)
		}
	}()
	err = fn(ctx, tx)
	switch {
	case err != nil:
		return endedByCtx(ctx, err)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	ended = true
	return commit(ctx, tx)
}

// endedByCtx returns err with what is behind it: database/sql rolls back when the ctx ends, and who
// comes to the transaction after that hears only that it is over.
func endedByCtx(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// commit sends COMMIT. Only the database's own word proves that it was not carried out;
// driver.ErrBadConn does not, since there are drivers that return it for an answer that did not come.
func commit(ctx context.Context, tx *sql.Tx) error {
	err := tx.Commit()
	switch {
	case err == nil, undone(err):
		return err
	case errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil: // rolled back at the last moment
		return endedByCtx(ctx, err)
	case errors.Is(err, sql.ErrTxDone):
		return errEndedByFn(err)
	}
	return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
}

// errEndedByFn is the error of a transaction that was over when Tx came to end it.
func errEndedByFn(err error) error {
	return fmt.Errorf("%w: the transaction was ended inside of Tx, which commits and rolls back by itself: %w", ErrOutcomeUnknown, err)
}
