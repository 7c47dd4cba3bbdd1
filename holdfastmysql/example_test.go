package holdfastmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A transaction that waited too long for a lock is rolled back and run again as a whole.
func ExampleNew() {
	// Instead of: pool, err := sql.Open("mysql",
	// "app@tcp(db:3306)/shop?timeout=1s&readTimeout=2s&writeTimeout=2s")
	pool := (&server{errs: map[string][]error{"update": {&mysql.MySQLError{Number: 1205}}}}).pool()
	defer pool.Close() //nolint:errcheck // nobody is left to be told
	payments, err := holdfast.New("payments", retry.Custom(3, time.Millisecond, time.Second, false))
	if err != nil {
		panic(err)
	}
	db, err := holdfastmysql.New(pool, payments)
	if err != nil {
		panic(err)
	}

	runs := 0
	err = db.Tx(context.Background(), nil, func(ctx context.Context, tx *sql.Tx) error {
		runs++
		_, err := tx.ExecContext(ctx, "update accounts set balance = balance - 10 where id = 1")
		return err
	})
	fmt.Println(err, "after", runs, "runs")
	// Output: <nil> after 2 runs
}

// The connection was lost in the middle of a statement: the payment may have been made.
func ExampleNew_unknown() {
	pool := (&server{errs: map[string][]error{"insert": {mysql.ErrInvalidConn}}}).pool()
	defer pool.Close() //nolint:errcheck // nobody is left to be told
	db, err := holdfastmysql.New(pool, holdfast.Must(holdfast.New("payments", retry.Default())))
	if err != nil {
		panic(err)
	}

	_, err = db.Exec(context.Background(), "insert into payments (id) values (7)")
	fmt.Println(errors.Is(err, resilience.ErrOutcomeUnknown), err)
	// Output: true whether the call was carried out is unknown: invalid connection
}

func ExampleClassify() {
	fmt.Println(holdfastmysql.Classify(&mysql.MySQLError{Number: 1213}))
	fmt.Println(holdfastmysql.Classify(&mysql.MySQLError{Number: 1040}))
	fmt.Println(holdfastmysql.Classify(mysql.ErrInvalidConn))
	// Output:
	// transient
	// overload
	// transient
}
