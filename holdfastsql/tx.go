package holdfastsql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
)

// rollbackTimeout bounds a ROLLBACK, if the driver heeds the ctx of the transaction. After that the
// connection is closed, and the database rolls back by itself. It also bounds a ping.
const rollbackTimeout = time.Second

// Tx runs fn in a transaction (with the defaults, if opts is nil), and commits it if fn returns
// nil. If fn returns an error, panics or exits its goroutine, Tx rolls back.
//
// A transaction that failed before COMMIT was sent has changed nothing. So fn runs again, in a new
// transaction, after every error that is Transient or Overload: a serialization failure, a
// deadlock, a connection that died. Anything else that fn does, outside of the transaction, is then
// repeated too. fn must use the ctx and the tx that it is given, leave Commit and Rollback to Tx,
// and return the errors that it gets. It must not send a statement that commits implicitly (in
// MySQL every CREATE, ALTER and TRUNCATE does).
//
// If COMMIT was sent and no answer came, the transaction may be committed. The error is
// [resilience.ErrOutcomeUnknown], and Tx does not retry unless ctx is marked by
// [resilience.MarkIdempotent]. The same holds if fn ended the transaction, or returned an error
// that is ErrOutcomeUnknown.
func (db *DB) Tx(ctx context.Context, opts *sql.TxOptions, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return db.with(ctx, func(ctx context.Context, conn *sql.Conn) error {
		failed := db.transaction(ctx, conn, opts, fn)
		if failed == nil {
			return nil
		}
		if opts != nil && opts.ReadOnly && db.answers(failed.Err) == ReadOnly {
			failed.Judgment = permanent // the caller asked for it
		}
		return failed
	})
}

// transaction is one attempt of Tx.
//
// It does not use the attempt's ctx for the transaction, for two reasons. When that ctx ends,
// database/sql rolls back by itself and then returns the same error as if fn had called Commit. And
// a driver cannot send ROLLBACK under a ctx that has ended.
func (db *DB) transaction(
	ctx context.Context, conn *sql.Conn, opts *sql.TxOptions, fn func(ctx context.Context, tx *sql.Tx) error,
) (failed *resilience.CallError) {
	txCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unbind := context.AfterFunc(ctx, cancel)
	tx, err := conn.BeginTx(txCtx, opts)
	bound := unbind()
	switch {
	case err != nil:
		return db.failed(ctx, conn, err, resilience.EffectUndone)
	case !bound: // ctx ended beside the answer to BEGIN, and database/sql rolls back by itself
		if err := tx.Rollback(); err != nil {
			discard(conn) // the ROLLBACK may be on its way
		}
		return &resilience.CallError{Err: ctx.Err(), Effect: resilience.EffectUndone}
	}
	ended := false
	defer func() {
		if !ended {
			failed = db.rollback(conn, tx, cancel, failed)
		}
	}()
	err = fn(ctx, tx)
	race := err != nil && db.answers(err) == LostRace
	if !race {
		open, failure := db.isOpen(ctx, tx)
		if !open && failure == nil {
			return endedByFn(cmp.Or(err, sql.ErrTxDone))
		}
		err = cmp.Or(err, ctx.Err(), failure) // last of all: the question took its time
	}
	if err != nil {
		return afterRace(resilience.CallError{Err: err, Effect: resilience.EffectUndone}, race)
	}
	ended = true
	unbind = context.AfterFunc(ctx, cancel)
	defer unbind()
	return db.commit(ctx, conn, tx)
}

// isOpen asks the database whether the transaction is still open, if there is a check for that. It
// also works after ctx has ended, and takes at most rollbackTimeout.
func (db *DB) isOpen(ctx context.Context, tx *sql.Tx) (bool, error) {
	if db.open == nil {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	return db.open(ctx, tx)
}

// rollback rolls back a transaction that failed, and returns failed with what the ROLLBACK showed.
// failed is nil if fn panicked.
func (db *DB) rollback(
	conn *sql.Conn, tx *sql.Tx, cancel context.CancelFunc, failed *resilience.CallError,
) *resilience.CallError {
	giveUp := time.AfterFunc(rollbackTimeout, cancel)
	err := tx.Rollback()
	inTime := giveUp.Stop()
	switch {
	case failed == nil:
	case errors.Is(err, sql.ErrTxDone) && failed.Effect == resilience.EffectUndone:
		return endedByFn(failed.Err)
	case err == nil && db.left != nil:
		ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
		defer cancel()
		if left := db.left(ctx, conn); left != nil {
			return &resilience.CallError{Err: fmt.Errorf("%w: %w", left, failed.Err), Effect: resilience.EffectUnknown}
		}
	}
	if err != nil {
		discard(conn) // the transaction may be open
		if failed != nil && inTime {
			failed.Default = resilience.Transient // the connection was lost before ROLLBACK
		}
	}
	return failed
}

// commit sends COMMIT. Only an answer from the database proves that it was not carried out.
// driver.ErrBadConn proves nothing: some drivers return it if no answer came.
func (db *DB) commit(ctx context.Context, conn *sql.Conn, tx *sql.Tx) *resilience.CallError {
	err := tx.Commit()
	if err == nil {
		return nil
	}
	answer := db.answers(err)
	switch {
	case answer != NoAnswer:
		return afterRace(resilience.CallError{Err: err, Effect: resilience.EffectUndone}, answer == LostRace)
	case errors.Is(err, sql.ErrTxDone) && ctx.Err() == nil: // else database/sql may have ended it
		return endedByFn(err)
	}
	failed := db.failed(ctx, conn, err, resilience.EffectUnknown)
	failed.Err = fmt.Errorf("commit: %w", err)
	discard(conn) // the transaction may be open
	return failed
}

// endedByFn returns the error of a transaction that had ended before Tx sent COMMIT or ROLLBACK.
func endedByFn(err error) *resilience.CallError {
	return &resilience.CallError{
		Err:    fmt.Errorf("the func of Tx ended the transaction; leave that to Tx: %w", err),
		Effect: resilience.EffectUnknown,
	}
}
