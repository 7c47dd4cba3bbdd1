package holdfastsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// examplePool is a pool of a database with faults, instead of: pool, err := sql.Open("pgx",
// os.Getenv("DATABASE_URL")).
func examplePool(faults map[string][]fault) *sql.DB { return sql.OpenDB(&database{faults: faults}) }

var payments = holdfast.Must(holdfast.New("payments", retry.Custom(3, time.Millisecond, time.Second, false)))

// Statements go through the pipeline. In this example, the database refuses the first connection.
func ExampleNew() {
	ctx := context.Background()
	pool := examplePool(map[string][]fault{"connect": {fails(syscall.ECONNREFUSED)}})
	defer pool.Close() //nolint:errcheck // nobody is left to be told
	db, err := holdfastsql.New(pool, payments)
	if err != nil {
		fmt.Println(err)
		return
	}

	var n int
	err = db.QueryRow(ctx, "select count(*) from payments").Scan(&n)
	fmt.Println(n, err)
	// Output: 2 <nil>
}

// A driver whose errors have no SQLSTATE needs its own classifier, which calls Classify for other
// errors.
func ExampleWithClassifier() {
	errLockWait := errors.New("lock wait timeout") // mysql.MySQLError{Number: 1205}, say
	classify := func(err error) resilience.Verdict {
		if errors.Is(err, errLockWait) {
			return resilience.Transient
		}
		return holdfastsql.Classify(err)
	}
	pool := examplePool(map[string][]fault{"update": {fails(errLockWait)}})
	defer pool.Close() //nolint:errcheck // nobody is left to be told
	db, err := holdfastsql.New(pool, payments, holdfastsql.WithClassifier(classify))
	if err != nil {
		fmt.Println(err)
		return
	}

	runs := 0
	err = db.Tx(context.Background(), nil, func(ctx context.Context, tx *sql.Tx) error {
		runs++
		_, err := tx.ExecContext(ctx, "update accounts set balance = balance - 10")
		return err
	})
	fmt.Println(err, "after", runs, "runs")
	// Output: <nil> after 2 runs
}

// The connection dies in the middle of a statement. The payment may have been made, so it is not
// retried, and the error says so. A marked statement is retried.
func ExampleDB_Exec() {
	ctx := context.Background()
	pool := examplePool(map[string][]fault{"insert": {fails(io.ErrUnexpectedEOF), fails(io.ErrUnexpectedEOF)}})
	defer pool.Close() //nolint:errcheck // nobody is left to be told
	db, err := holdfastsql.New(pool, payments)
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = db.Exec(ctx, "insert into payments (id) values (7)")
	fmt.Println(errors.Is(err, resilience.ErrOutcomeUnknown))
	_, err = db.Exec(resilience.MarkIdempotent(ctx), "insert into payments (id) values (7) on conflict do nothing")
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleCollect() {
	pool := examplePool(nil)
	defer pool.Close() //nolint:errcheck // nobody is left to be told
	db, err := holdfastsql.New(pool, payments)
	if err != nil {
		fmt.Println(err)
		return
	}

	ids, err := holdfastsql.Collect(context.Background(), db, func(rows *sql.Rows) (id int, err error) {
		return id, rows.Scan(&id)
	}, "select id from payments")
	fmt.Println(ids, err)
	// Output: [2 1] <nil>
}

// The rules of this package for a client that it does not know.
func ExampleDo() {
	var send func(context.Context) error = fails(io.ErrUnexpectedEOF) // a client's call: it dies in the middle

	err := holdfastsql.Do(context.Background(), payments, nil, func(ctx context.Context) error {
		if err := send(ctx); err != nil {
			return err // no proof that nothing happened: see ProveUndone
		}
		return nil
	})
	fmt.Println(err)
	// Output: whether the call was carried out is unknown: unexpected EOF
}
