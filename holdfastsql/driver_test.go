package holdfastsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A database is a fake driver. It records every statement, and ends it with the next of its faults.
type database struct {
	mu     sync.Mutex
	faults map[string][]fault // by the first word of a statement, and "connect"; each used once
	noted  []string
	opened int
}

// fault is how a statement ends.
type fault func(ctx context.Context) error

func fails(err error) fault { return func(context.Context) error { return err } }

// hang waits until the ctx ends.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// stateError is an error with an SQLSTATE.
type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

// open returns a pool to a database with the given faults.
func open(t *testing.T, faults map[string][]fault) (*database, *sql.DB) {
	t.Helper()
	d := &database{faults: faults}
	pool := sql.OpenDB(d)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return d, pool
}

func (d *database) Driver() driver.Driver { return nil }

func (d *database) Connect(ctx context.Context) (driver.Conn, error) {
	if err := d.end(ctx, "connect"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opened++
	return &conn{d}, nil
}

func (d *database) end(ctx context.Context, what string) error {
	d.mu.Lock()
	due := d.faults[what]
	if len(due) > 0 {
		d.faults[what] = due[1:]
	}
	d.mu.Unlock()
	if len(due) > 0 && due[0] != nil {
		return due[0](ctx)
	}
	return nil
}

// run is end for a statement.
func (d *database) run(ctx context.Context, query string) error {
	word, _, _ := strings.Cut(query, " ")
	d.mu.Lock()
	d.noted = append(d.noted, word)
	d.mu.Unlock()
	return d.end(ctx, word)
}

// seen returns the first words of the received statements.
func (d *database) seen() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.noted, " ")
}

// connects returns how many connections there were.
func (d *database) connects() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opened
}

type conn struct{ *database }

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (c *conn) Close() error                        { return nil }
func (c *conn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }

func (c *conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if err := c.run(ctx, "begin"); err != nil {
		return nil, err
	}
	return &tx{c.database, ctx}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.run(ctx, query)
}

func (c *conn) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if err := c.run(ctx, query); err != nil {
		return nil, err
	}
	left := 2
	if strings.HasSuffix(query, "nothing") {
		left = 0
	}
	return &rows{c.database, ctx, left}, nil
}

type tx struct {
	*database
	ctx context.Context
}

func (t *tx) Commit() error   { return t.run(t.ctx, "commit") }
func (t *tx) Rollback() error { return t.run(t.ctx, "rollback") }

type rows struct {
	*database
	ctx  context.Context
	left int
}

func (r *rows) Columns() []string { return []string{"n"} }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(dest []driver.Value) error {
	if err := r.end(r.ctx, "next"); err != nil {
		return err
	}
	if r.left == 0 {
		return io.EOF
	}
	dest[0] = int64(r.left)
	r.left--
	return nil
}
