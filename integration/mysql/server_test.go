// Package mysql_test tries holdfastmysql against a real MariaDB or MySQL.
package mysql_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/integration/faultproxy"
)

func TestMain(m *testing.M) { faultproxy.VerifyTestMain(m, 4) }

// patience bounds what is waited for; none of it is waited out where things are well.
const patience = 30 * time.Second

// A server is a database of its own in the server there is, seen past the proxy by admin.
type server struct {
	t        *testing.T
	admin    *sql.DB
	gates    *sql.DB // of another database, so that terminate leaves it alone
	proxy    *faultproxy.Proxy
	config   *mysql.Config // of connections through the proxy
	addr     string        // past the proxy
	database string
}

// newServer connects, and skips the test if there is no server.
func newServer(t *testing.T) *server {
	t.Helper()
	return newServerAt(t, address())
}

// address is where the MySQL or MariaDB is.
func address() string {
	return cmp.Or(os.Getenv("HOLDFAST_MYSQL"), os.Getenv("MYSQL_DSN"), "root@tcp(127.0.0.1:3306)/test")
}

func newServerAt(t *testing.T, dsn string) *server {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	config.Logger = &mysql.NopLogger{}
	config.Timeout = 5 * time.Second
	s := &server{t: t, addr: config.Addr, database: fmt.Sprintf("holdfast_%d_%d", os.Getpid(), rand.Uint32())}
	s.gates = open(t, config)
	if _, err := s.gates.ExecContext(t.Context(), "create database "+s.database); err != nil {
		const hint = "no MySQL or MariaDB; start one: docker run --rm -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 -e MARIADB_DATABASE=test mariadb, or set HOLDFAST_MYSQL=user:password@tcp(host:3306)/test"
		if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
			require.NoError(t, err, hint)
		}
		t.Skipf("%s (%v)", hint, err)
	}
	config.DBName = s.database
	s.admin = open(t, config)
	t.Cleanup(func() { // the test's ctx has ended by now
		ctx, cancel := context.WithTimeout(context.Background(), patience) // somebody may still have a lock on it
		defer cancel()
		_, err := s.admin.ExecContext(ctx, "drop database "+s.database)
		require.NoError(t, err)
	})
	s.do("create table payments (id bigint) engine=innodb", "create table orders (id bigint primary key) engine=innodb",
		"create table attempts (n int) engine=innodb",
		payProcedure,
		`create function fail(code int) returns int deterministic
		begin signal sqlstate '45000' set mysql_errno = code; return 1; end`)

	s.proxy = faultproxy.New(t, config.Addr)
	s.config = config.Clone()
	s.config.Addr = s.proxy.Addr()
	return s
}

// payProcedure commits inside, and then fails with the code.
const payProcedure = `create procedure pay(id bigint, code int)
begin
	insert into payments values (id);
	commit;
	if code > 0 then signal sqlstate '45000' set mysql_errno = code; end if;
end`

func open(t *testing.T, config *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { assert.NoError(t, pool.Close()) })
	return pool
}

// do runs statements past the proxy.
func (s *server) do(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		_, err := s.admin.ExecContext(s.t.Context(), statement)
		require.NoError(s.t, err, statement)
	}
}

// number returns the one number that a query yields.
func (s *server) number(query string, args ...any) int {
	s.t.Helper()
	var n int
	require.NoError(s.t, s.admin.QueryRowContext(s.t.Context(), query, args...).Scan(&n), query)
	return n
}

// eventually waits until a query past the proxy yields the number.
func (s *server) eventually(want int, query string, args ...any) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.number(query, args...) == want }, patience, 5*time.Millisecond, query)
}

const (
	payments = "select count(*) from payments"
	orders   = "select count(*) from orders"
	// active counts the sessions of the test that are doing something, but for the one that asks.
	active = "select count(*) from information_schema.processlist where db = database() and command <> 'Sleep' and id <> connection_id()"
	// waiting counts those that wait at a gate.
	waiting = "select count(*) from information_schema.processlist where db = database() and state like 'User lock'"
)

// terminate ends all sessions of the test, but for the one that does it.
func (s *server) terminate() {
	s.t.Helper()
	rows, err := s.admin.QueryContext(s.t.Context(), "select id from information_schema.processlist where db = database() and id <> connection_id()")
	require.NoError(s.t, err)
	defer rows.Close() //nolint:errcheck // Err has what matters
	var ids []int
	for rows.Next() {
		var id int
		require.NoError(s.t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(s.t, rows.Err())
	for _, id := range ids {
		_, _ = s.admin.ExecContext(s.t.Context(), fmt.Sprintf("kill %d", id)) // it may be gone
	}
}

// gate keeps out whoever comes to get_lock of its name, until the returned func is called.
func (s *server) gate() (name string, open func()) {
	s.t.Helper()
	conn, err := s.gates.Conn(s.t.Context())
	require.NoError(s.t, err)
	var got int
	require.NoError(s.t, conn.QueryRowContext(s.t.Context(), "select get_lock(?, 0)", s.database).Scan(&got))
	require.Equal(s.t, 1, got)
	opened := false
	open = func() {
		if !opened {
			opened = true
			_, err := conn.ExecContext(context.Background(), "do release_lock(?)", s.database)
			assert.NoError(s.t, err)
			assert.NoError(s.t, conn.Close())
		}
	}
	s.t.Cleanup(open)
	return s.database, open
}

// heal takes all faults away.
func (s *server) heal() {
	s.t.Helper()
	s.proxy.Heal()
	s.proxy.Up()
}

// A client is a DB on a pool through the proxy. The driver ends COMMIT by its own timeouts alone.
type client struct{ *holdfastsql.DB }

// clients differ in how the driver sends arguments.
var clients = map[string]func(*mysql.Config){
	"prepared":     func(*mysql.Config) {},
	"interpolated": func(c *mysql.Config) { c.InterpolateParams = true },
	"compressed":   func(c *mysql.Config) { _ = c.Apply(mysql.EnableCompression(true)) },
}

func (s *server) connect(p *holdfast.Pipeline, changes ...func(*mysql.Config)) client {
	s.t.Helper()
	return s.connectWith(p, nil, changes...)
}

// connectBefore is connect with a func that is called right before each COMMIT or ROLLBACK.
func (s *server) connectBefore(p *holdfast.Pipeline, end func(), changes ...func(*mysql.Config)) client {
	s.t.Helper()
	return s.connectWith(p, []holdfastmysql.Option{holdfastsql.WithTxCheck(func(context.Context, *sql.Tx) (bool, error) {
		end()
		return true, nil
	})}, changes...)
}

func (s *server) connectWith(p *holdfast.Pipeline, options []holdfastmysql.Option, changes ...func(*mysql.Config)) client {
	s.t.Helper()
	config := s.config.Clone()
	config.ReadTimeout, config.WriteTimeout, config.Timeout = time.Second, time.Second, time.Second
	for _, change := range changes {
		change(config)
	}
	pool := open(s.t, config)
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	s.t.Cleanup(s.heal)
	db, err := holdfastmysql.New(pool, p, options...)
	require.NoError(s.t, err)
	return client{db}
}

func (c client) exec(ctx context.Context, query string, args ...any) error {
	_, err := c.Exec(ctx, query, args...)
	return err
}

type execFunc func(query string, args ...any) error

func (c client) tx(ctx context.Context, fn func(exec execFunc) error) error {
	return c.Tx(ctx, nil, func(ctx context.Context, tx *sql.Tx) error {
		return fn(func(query string, args ...any) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		})
	})
}
