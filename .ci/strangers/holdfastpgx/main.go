// A stranger's program that uses holdfastpgx, on a PostgreSQL that is not there.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://nobody@127.0.0.1:1/none?sslmode=disable")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	payments := holdfast.Must(holdfast.New("payments", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
	db, err := holdfastpgx.New(pool, payments)
	if err != nil {
		log.Fatal(err)
	}
	_, err = db.Exec(ctx, "insert into payments (id) values (7)")
	if attempts := payments.Snapshot().Attempts; !errors.Is(err, retry.ErrExhausted) || attempts != 3 {
		log.Fatal("want three attempts at a server that is not there: ", attempts, " ", err)
	}
	fmt.Println("ok: three attempts at a server that is not there")
}
