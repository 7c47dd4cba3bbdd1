package holdfastsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
)

// opened is a DB on a database with faults.
func opened(faults map[string][]fault, opts ...holdfastsql.Option) (db *holdfastsql.DB, closing func()) {
	pool := examplePool(faults)
	db, err := holdfastsql.New(pool, payments, opts...)
	if err != nil {
		panic(err)
	}
	return db, func() { _ = pool.Close() }
}

// This procedure commits nothing on its way, so it is atomic: the database's word that it failed
// proves that nothing happened, and the call is repeated.
func ExampleWithAtomic() {
	db, closing := opened(map[string][]fault{"call": {fails(stateError("40001"))}}, holdfastsql.WithAtomic(func(query string) bool {
		return query == "call pay($1)" || holdfastsql.Atomic(query)
	}))
	defer closing()

	_, err := db.Exec(context.Background(), "call pay($1)", 7)
	fmt.Println(err)
	// Output: <nil>
}

// What an error proves: a deadlock undid the statement, and a lost connection proves nothing.
func ExampleAnswers() {
	fmt.Println(holdfastsql.Answers(stateError("40P01")) == holdfastsql.NoAnswer)
	fmt.Println(holdfastsql.Answers(io.ErrUnexpectedEOF) == holdfastsql.NoAnswer)
	// Output:
	// false
	// true
}

// A driver whose errors have no SQLSTATE: its own error for a refused statement is an answer.
func ExampleWithAnswers() {
	errLocked := errors.New("database is locked") // sqlite's SQLITE_BUSY, say
	db, closing := opened(map[string][]fault{"insert": {fails(errLocked)}},
		holdfastsql.WithClassifier(func(err error) resilience.Verdict {
			if errors.Is(err, errLocked) {
				return resilience.Transient
			}
			return holdfastsql.Classify(err)
		}),
		holdfastsql.WithAnswers(func(err error) holdfastsql.Answer {
			if errors.Is(err, errLocked) {
				return holdfastsql.Undone
			}
			return holdfastsql.Answers(err)
		}))
	defer closing()

	_, err := db.Exec(context.Background(), "insert into payments (id) values (7)")
	fmt.Println(err)
	// Output: <nil>
}

// An adapter that is built on this one, whose errors name it.
func ExampleWithName() {
	_, err := holdfastsql.New(nil, payments, holdfastsql.WithName("holdfastsqlite"))
	fmt.Println(err)
	// Output: holdfastsqlite: pool is nil; want one made by sql.Open
}

// In this database a ROLLBACK may leave something behind, which a warning says.
func ExampleWithRollbackCheck() {
	db, closing := opened(map[string][]fault{"update": {fails(stateError("40001"))}},
		holdfastsql.WithRollbackCheck(func(context.Context, *sql.Conn) error {
			return errors.New("a table without transactions was changed") // SHOW WARNINGS said so
		}))
	defer closing()

	err := db.Tx(context.Background(), nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update accounts set balance = balance - 10")
		return err
	})
	fmt.Println(errors.Is(err, resilience.ErrOutcomeUnknown))
	// Output: true
}

// In this database CREATE TABLE commits, without a word, what came before it.
func ExampleWithTxCheck() {
	db, closing := opened(nil, holdfastsql.WithTxCheck(func(context.Context, *sql.Tx) (bool, error) {
		return false, nil // SELECT @@in_transaction said so
	}))
	defer closing()

	err := db.Tx(context.Background(), nil, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update accounts set balance = balance - 10")
		return err
	})
	fmt.Println(errors.Is(err, resilience.ErrOutcomeUnknown))
	// Output: true
}
