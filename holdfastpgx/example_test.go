package holdfastpgx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// exampleDB is a DB on a server with faults, instead of: pool, err := pgxpool.New(ctx,
// os.Getenv("DATABASE_URL")).
func exampleDB(ctx context.Context, faults map[string][]fault) (db *holdfastpgx.DB, closing func()) {
	pool, err := (&server{faults: faults}).open(ctx)
	if err != nil {
		panic(err)
	}
	payments := holdfast.Must(holdfast.New("payments", retry.Custom(3, time.Millisecond, time.Second, false), breaker.Config{}))
	db, err = holdfastpgx.New(pool, payments)
	if err != nil {
		panic(err)
	}
	return db, pool.Close
}

// Statements go through the pipeline. In this example, the server refuses the first two
// connections.
func ExampleNew() {
	ctx := context.Background()
	db, closing := exampleDB(ctx, map[string][]fault{"dial": {die, die}})
	defer closing()

	var n int
	err := db.QueryRow(ctx, "select count(*) from payments").Scan(&n)
	fmt.Println(n, err)
	// Output: 42 <nil>
}

// The connection dies in the middle of a statement. The payment may have been made, so it is not
// retried, and the error says so.
func ExampleDB_Exec() {
	ctx := context.Background()
	db, closing := exampleDB(ctx, map[string][]fault{"insert": {die}})
	defer closing()

	_, err := db.Exec(ctx, "insert into payments (id) values (7)")
	if errors.Is(err, resilience.ErrOutcomeUnknown) {
		fmt.Println("look whether payment 7 is there, before you pay again")
	}
	// Output: look whether payment 7 is there, before you pay again
}

// A call that is safe to repeat is retried whatever happened.
func ExampleDB_Exec_idempotent() {
	ctx := context.Background()
	db, closing := exampleDB(ctx, map[string][]fault{"insert": {die}})
	defer closing()

	_, err := db.Exec(resilience.MarkIdempotent(ctx), "insert into payments (id) values (7) on conflict do nothing")
	fmt.Println(err)
	// Output: <nil>
}

// A transaction that lost a race is run again as a whole.
func ExampleDB_Tx() {
	ctx := context.Background()
	db, closing := exampleDB(ctx, map[string][]fault{"update": {abort("40001")}})
	defer closing()

	runs := 0
	err := db.Tx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
		runs++
		_, err := tx.Exec(ctx, "update accounts set balance = balance - 10")
		return err
	})
	fmt.Println(err, "after", runs, "runs")
	// Output: <nil> after 2 runs
}

func ExampleCollect() {
	ctx := context.Background()
	db, closing := exampleDB(ctx, nil)
	defer closing()

	ids, err := holdfastpgx.Collect(ctx, db, pgx.RowTo[int32], "select id from payments")
	fmt.Println(ids, err)
	// Output: [42] <nil>
}

// This procedure commits nothing on its way, so it is atomic: the server's word that it failed
// proves that nothing happened, and the call is repeated.
func ExampleWithAtomic() {
	ctx := context.Background()
	pool, err := (&server{faults: map[string][]fault{"call": {fails("40001")}}}).open(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	payments := holdfast.Must(holdfast.New("payments", retry.Config{BaseDelay: time.Millisecond}))
	db, err := holdfastpgx.New(pool, payments, holdfastpgx.WithAtomic(func(sql string) bool {
		return sql == "call pay($1)" || holdfastsql.Atomic(sql)
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = db.Exec(ctx, "call pay($1)", "7")
	fmt.Println(err)
	// Output: <nil>
}

// Class P0 are errors that the team's own functions raise. Retrying does not help.
func ExampleWithClassifier() {
	ctx := context.Background()
	pool, err := (&server{faults: map[string][]fault{"select": {fails("P0001")}}}).open(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	payments := holdfast.Must(holdfast.New("payments", retry.Config{BaseDelay: time.Millisecond}, breaker.Config{ConsecutiveFailures: 1}))
	db, err := holdfastpgx.New(pool, payments, holdfastpgx.WithClassifier(func(err error) resilience.Verdict {
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(pg.Code, "P0") {
			return resilience.Permanent
		}
		return holdfastpgx.Classify(err)
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	var n int
	fmt.Println(db.QueryRow(ctx, "select limit_of(7)").Scan(&n) != nil)
	fmt.Println(payments.Breakers()[0].State())
	// Output:
	// true
	// closed
}
