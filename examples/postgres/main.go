// Command postgres connects to PostgreSQL and reads some rows, through a pipeline that tries hard
// (the aggressive policy). It needs a server: the one that DATABASE_URL names, or else the one at
// 127.0.0.1:5432. It leaves nothing behind there.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Title is a row.
type Title struct {
	ID   int
	Name string
}

func main() {
	url := cmp.Or(os.Getenv("DATABASE_URL"), "postgres://postgres@127.0.0.1:5432/postgres")
	if err := run(context.Background(), os.Stdout, url); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url string) error {
	database, err := holdfast.New("database",
		deadline.In(10*time.Second),
		budget.Config{Ratio: 0.3, Floor: 0.5, Burst: 5},
		retry.Aggressive(), // up to 5 retries: a service without its database is none
		breaker.Config{},
		deadline.In(time.Second),
	)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url) // does not connect yet
	if err != nil {
		return err
	}
	defer pool.Close()
	db, err := holdfastpgx.New(pool, database)
	if err != nil {
		return err
	}

	if err := connect(ctx, db); err != nil {
		return fmt.Errorf("%w\nstart a server (docker run -e POSTGRES_HOST_AUTH_METHOD=trust -p 5432:5432 postgres), "+
			"or name one: DATABASE_URL=postgres://user:password@host:5432/database", err)
	}
	fmt.Fprintf(out, "connected, at attempt %d\n", database.Snapshot().Attempts)

	titles, err := find(ctx, db, "The %")
	if err != nil {
		return err
	}
	for _, t := range titles {
		fmt.Fprintln(out, t.ID, t.Name)
	}
	return nil
}

// connect makes the first connection now, so that the program does not start without a database. It
// is retried while the server refuses connections or is starting up; a wrong password is not.
func connect(ctx context.Context, db *holdfastpgx.DB) error {
	return db.Conn(ctx, func(ctx context.Context, conn *pgxpool.Conn) error { return conn.Ping(ctx) })
}

// find is a query. It only reads, so it may be sent again when a connection dies in the middle:
// that is what MarkIdempotent says.
func find(ctx context.Context, db *holdfastpgx.DB, pattern string) ([]Title, error) {
	return holdfastpgx.Collect(resilience.MarkIdempotent(ctx), db, pgx.RowToStructByName[Title], `
		SELECT id, name
		FROM (VALUES (603, 'The Matrix'), (550, 'Fight Club'), (680, 'Pulp Fiction'), (238, 'The Godfather')) AS titles (id, name)
		WHERE name LIKE $1
		ORDER BY id`, pattern)
}
