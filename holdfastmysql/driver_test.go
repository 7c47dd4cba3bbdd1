package holdfastmysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// A server is a fake driver. It records the first word of every statement, and ends it with the
// next of its errors.
type server struct {
	mu       sync.Mutex
	errs     map[string][]error // by the first word, and "connect"; each used once
	noted    []string
	opened   int
	warnings []int64 // what SHOW WARNINGS tells
	mysql    bool    // MySQL, not MariaDB
	ended    bool    // the transaction ended by itself
}

func (s *server) pool() *sql.DB { return sql.OpenDB(s) }

func (s *server) next(word string, always ...error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if word != "connect" {
		s.noted = append(s.noted, word)
	}
	due := s.errs[word]
	if len(due) == 0 {
		return errors.Join(always...)
	}
	s.errs[word] = due[1:]
	return due[0]
}

func (s *server) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.noted, " ")
}

func (s *server) Driver() driver.Driver { return nil }

func (s *server) Connect(context.Context) (driver.Conn, error) {
	if err := s.next("connect"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return &conn{s}, nil
}

type conn struct{ *server }

func (c *conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not here") }
func (c *conn) Close() error                        { return nil }
func (c *conn) Begin() (driver.Tx, error)           { return c, c.next("begin") }
func (c *conn) Commit() error                       { return c.next("commit") }
func (c *conn) Rollback() error                     { return c.next("rollback") }

func (c *conn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	word, _, _ := strings.Cut(query, " ")
	return driver.RowsAffected(1), c.next(word)
}

func (c *conn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch query {
	case "SHOW WARNINGS":
	case "SELECT @@in_transaction":
		if c.mysql {
			return nil, c.next("open?", &mysql.MySQLError{Number: 1193})
		}
		return &row{value: !c.ended}, c.next("open?")
	default:
		return nil, errors.New("not here")
	}
	return &warnings{left: append([]int64{}, c.warnings...)}, c.next("show")
}

// row is a result of one value.
type row struct {
	value bool
	done  bool
}

func (*row) Columns() []string { return []string{"@@in_transaction"} }
func (*row) Close() error      { return nil }

func (r *row) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done, dest[0] = true, r.value
	return nil
}

type warnings struct{ left []int64 }

func (*warnings) Columns() []string { return []string{"Level", "Code", "Message"} }
func (*warnings) Close() error      { return nil }

func (w *warnings) Next(row []driver.Value) error {
	if len(w.left) == 0 {
		return io.EOF
	}
	row[0], row[1], row[2] = "Warning", w.left[0], "told by the server"
	w.left = w.left[1:]
	return nil
}
