// Package postgres_test tries holdfastpgx and holdfastsql against a real PostgreSQL.
package postgres_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/integration/faultproxy"
)

func TestMain(m *testing.M) { faultproxy.VerifyTestMain(m, 4) }

// patience bounds what is waited for; none of it is waited out where things are well.
const patience = 30 * time.Second

// A server is a schema of its own in the PostgreSQL there is, seen past the proxy by admin.
type server struct {
	t      *testing.T
	admin  *pgxpool.Pool
	proxy  *faultproxy.Proxy
	config *pgx.ConnConfig // of connections through the proxy
	schema string
}

// address is where the PostgreSQL is.
func address() string {
	return cmp.Or(os.Getenv("HOLDFAST_POSTGRES"), os.Getenv("DATABASE_URL"), "postgres://postgres@127.0.0.1:5432/test?sslmode=disable")
}

// newServer connects, and skips the test if there is no PostgreSQL.
func newServer(t *testing.T) *server {
	t.Helper()
	return newServerAt(t, address())
}

func newServerAt(t *testing.T, url string) *server {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	s := &server{t: t, schema: fmt.Sprintf("holdfast_%d_%d", os.Getpid(), rand.Uint32())}
	config.ConnConfig.RuntimeParams["search_path"] = s.schema
	s.admin, err = pgxpool.NewWithConfig(t.Context(), config.Copy())
	require.NoError(t, err)
	t.Cleanup(s.admin.Close)
	if _, err := s.admin.Exec(t.Context(), "create schema "+s.schema); err != nil {
		const hint = "no PostgreSQL; start one: docker run --rm -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=test postgres, or set HOLDFAST_POSTGRES=postgres://…"
		if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
			require.NoError(t, err, hint)
		}
		t.Skipf("%s (%v)", hint, err)
	}
	t.Cleanup(func() { // the test's ctx has ended by now
		ctx, cancel := context.WithTimeout(context.Background(), patience) // somebody may still have a lock on it
		defer cancel()
		_, err := s.admin.Exec(ctx, "drop schema "+s.schema+" cascade")
		require.NoError(t, err)
	})
	s.do("create table payments (id bigint)", "create table orders (id bigint primary key)", "create sequence attempts",
		"create function fail(state text) returns int language plpgsql as $$ begin raise 'later' using errcode = state; end $$",
		`create procedure pay(id bigint, state text) language plpgsql as $$
		begin
			insert into payments values (id);
			commit;
			if state <> '' then raise 'lost a race' using errcode = state; end if;
		end $$`)

	s.proxy = faultproxy.New(t, net.JoinHostPort(config.ConnConfig.Host, fmt.Sprint(config.ConnConfig.Port)))
	host, port, err := net.SplitHostPort(s.proxy.Addr())
	require.NoError(t, err)
	s.config = config.ConnConfig.Copy()
	s.config.Host = host
	_, err = fmt.Sscan(port, &s.config.Port)
	require.NoError(t, err)
	s.config.Fallbacks = nil
	s.config.RuntimeParams["application_name"] = s.schema
	return s
}

// do runs statements past the proxy.
func (s *server) do(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		_, err := s.admin.Exec(s.t.Context(), statement)
		require.NoError(s.t, err, statement)
	}
}

// number returns the one number that a query yields.
func (s *server) number(query string, args ...any) int {
	s.t.Helper()
	var n int
	require.NoError(s.t, s.admin.QueryRow(s.t.Context(), query, args...).Scan(&n), query)
	return n
}

// attempts returns how often nextval('attempts') was called: a sequence is not rolled back.
func (s *server) attempts() int {
	s.t.Helper()
	return s.number("select case when is_called then last_value else 0 end from attempts")
}

// eventually waits until a query past the proxy yields the number.
func (s *server) eventually(want int, query string, args ...any) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.number(query, args...) == want }, patience, 5*time.Millisecond, query)
}

// active counts the sessions through the proxy that are doing something.
const active = "select count(*) from pg_stat_activity where application_name = $1 and state <> 'idle'"

// waiting counts those that wait for an advisory lock.
const waiting = "select count(*) from pg_stat_activity where application_name = $1 and wait_event = 'advisory'"

// terminate ends all sessions through the proxy.
func (s *server) terminate() {
	s.t.Helper()
	s.number("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1", s.schema)
}

// gate keeps out whoever comes to pg_advisory_xact_lock_shared of the schema and key, until the
// returned func is called. A test that fails before that opens it at its end: else those who wait
// would keep the schema from being dropped, and the test from ending.
func (s *server) gate(key int) (open func()) {
	s.t.Helper()
	conn, err := s.admin.Acquire(s.t.Context())
	require.NoError(s.t, err)
	_, err = conn.Exec(s.t.Context(), "select pg_advisory_lock(hashtext(current_schema()), $1)", key)
	require.NoError(s.t, err)
	open = sync.OnceFunc(func() {
		defer conn.Release()
		_, err := conn.Exec(context.Background(), "select pg_advisory_unlock(hashtext(current_schema()), $1)", key)
		assert.NoError(s.t, err)
	})
	s.t.Cleanup(open)
	return open
}

// A client is one of the ways to the database.
type client interface {
	exec(ctx context.Context, query string, args ...any) error
	// row reads the one number that a query returns.
	row(ctx context.Context, n *int, query string, args ...any) error
	// tx runs fn in a serializable transaction.
	tx(ctx context.Context, fn func(ctx context.Context, exec execFunc) error) error
}

type execFunc func(query string, args ...any) error

// clients are all of them, each with a pipeline and a server of its own.
var clients = map[string]func(t *testing.T, build func(*testing.T) *holdfast.Pipeline) (*server, *holdfast.Pipeline, client){
	"pgx": func(t *testing.T, build func(*testing.T) *holdfast.Pipeline) (*server, *holdfast.Pipeline, client) {
		t.Helper()
		s, p := newServer(t), build(t)
		return s, p, pgxClient{newPgx(t, s.pool(nil), p)}
	},
	"sql": func(t *testing.T, build func(*testing.T) *holdfast.Pipeline) (*server, *holdfast.Pipeline, client) {
		t.Helper()
		s, p := newServer(t), build(t)
		return s, p, sqlClient{newSQL(t, s.sqlPool(), p)}
	},
	"pq": func(t *testing.T, build func(*testing.T) *holdfast.Pipeline) (*server, *holdfast.Pipeline, client) {
		t.Helper()
		s, p := newServer(t), build(t)
		return s, p, sqlClient{newSQL(t, s.pqPool(), p)}
	},
}

func newPgx(t *testing.T, pool *pgxpool.Pool, p *holdfast.Pipeline) *holdfastpgx.DB {
	t.Helper()
	db, err := holdfastpgx.New(pool, p)
	require.NoError(t, err)
	return db
}

func newSQL(t *testing.T, pool *sql.DB, p *holdfast.Pipeline) *holdfastsql.DB {
	t.Helper()
	db, err := holdfastsql.New(pool, p)
	require.NoError(t, err)
	return db
}

// pool returns a pgx pool through the proxy.
func (s *server) pool(change func(*pgxpool.Config)) *pgxpool.Pool {
	s.t.Helper()
	config, err := pgxpool.ParseConfig("")
	require.NoError(s.t, err)
	config.ConnConfig, config.MaxConns = s.config.Copy(), 8
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // it would find the fault first
	if change != nil {
		change(config)
	}
	pool, err := pgxpool.NewWithConfig(s.t.Context(), config)
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		s.heal()
		pool.Close()
	})
	return pool
}

// sqlPool returns a database/sql pool through the proxy.
func (s *server) sqlPool() *sql.DB {
	s.t.Helper()
	pool := stdlib.OpenDB(*s.config.Copy(), stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	s.t.Cleanup(func() {
		s.heal()
		_ = pool.Close() // an error is that of a connection which the test broke
	})
	return pool
}

// pqPool returns a pool of lib/pq's connections through the proxy.
func (s *server) pqPool() *sql.DB {
	s.t.Helper()
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.config.User, s.config.Password), Path: s.config.Database,
		Host: net.JoinHostPort(s.config.Host, strconv.Itoa(int(s.config.Port))),
		RawQuery: url.Values{
			"sslmode": {"disable"}, "search_path": {s.schema}, "application_name": {s.schema},
		}.Encode(),
	}
	connector, err := pq.NewConnector(dsn.String())
	require.NoError(s.t, err)
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	s.t.Cleanup(func() {
		s.heal()
		_ = pool.Close() // an error is that of a connection which the test broke
	})
	return pool
}

// heal takes all faults away.
func (s *server) heal() {
	s.t.Helper()
	s.proxy.Heal()
	s.proxy.Up()
}

type pgxClient struct{ *holdfastpgx.DB }

func (c pgxClient) exec(ctx context.Context, query string, args ...any) error {
	_, err := c.Exec(ctx, query, args...)
	return err
}

func (c pgxClient) row(ctx context.Context, n *int, query string, args ...any) error {
	return c.QueryRow(ctx, query, args...).Scan(n)
}

func (c pgxClient) tx(ctx context.Context, fn func(ctx context.Context, exec execFunc) error) error {
	return c.Tx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(ctx context.Context, tx pgx.Tx) error {
		return fn(ctx, func(query string, args ...any) error {
			_, err := tx.Exec(ctx, query, args...)
			return err
		})
	})
}

type sqlClient struct{ *holdfastsql.DB }

func (c sqlClient) exec(ctx context.Context, query string, args ...any) error {
	_, err := c.Exec(ctx, query, args...)
	return err
}

func (c sqlClient) row(ctx context.Context, n *int, query string, args ...any) error {
	return c.QueryRow(ctx, query, args...).Scan(n)
}

func (c sqlClient) tx(ctx context.Context, fn func(ctx context.Context, exec execFunc) error) error {
	return c.Tx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}, func(ctx context.Context, tx *sql.Tx) error {
		return fn(ctx, func(query string, args ...any) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		})
	})
}
