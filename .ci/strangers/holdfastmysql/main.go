// A stranger's program that uses holdfastmysql, on a server that is not there.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func main() {
	pool, err := sql.Open("mysql", "nobody@tcp(127.0.0.1:1)/none")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	payments := holdfast.Must(holdfast.New("payments", retry.Custom(2, time.Millisecond, time.Millisecond, false)))
	db, err := holdfastmysql.New(pool, payments)
	if err != nil {
		log.Fatal(err)
	}
	_, err = db.Exec(context.Background(), "insert into payments (id) values (7)")
	if attempts := payments.Snapshot().Attempts; !errors.Is(err, retry.ErrExhausted) || attempts != 3 {
		log.Fatal("want three attempts at a server that is not there: ", attempts, " ", err)
	}
	fmt.Println("ok: three attempts at a server that is not there")
}
