package agree_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/holdfastsql"
)

// missing skips the test for lack of a service, or fails it if services are required.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("HOLDFAST_REQUIRE_SERVICES") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func suffix() string { return strings.ToLower(rand.Text()) }

func redisOptions(t *testing.T) *redis.Options {
	t.Helper()
	addr := cmp.Or(os.Getenv("HOLDFAST_REDIS"), os.Getenv("REDIS_URL"), "127.0.0.1:6379")
	if !strings.Contains(addr, "://") {
		return &redis.Options{Addr: addr}
	}
	opt, err := redis.ParseURL(addr)
	require.NoError(t, err)
	return opt
}

// postgres makes a schema in the PostgreSQL there is, and returns how to connect to it.
func postgres(t *testing.T) *pgxpool.Config {
	t.Helper()
	dsn := cmp.Or(os.Getenv("HOLDFAST_POSTGRES"), os.Getenv("DATABASE_URL"), "postgres://postgres@127.0.0.1:5432/test?sslmode=disable")
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(t, err)
	config.ConnConfig.Fallbacks = nil
	schema := "holdfast_agree_" + suffix()
	config.ConnConfig.RuntimeParams["search_path"] = schema
	admin, err := pgxpool.NewWithConfig(t.Context(), config.Copy())
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	if _, err := admin.Exec(t.Context(), "create schema "+schema); err != nil {
		missing(t, "no PostgreSQL ("+err.Error()+"); start one: docker run --rm -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=test postgres, or set HOLDFAST_POSTGRES=postgres://…")
	}
	t.Cleanup(func() {
		_, err := admin.Exec(context.Background(), "drop schema "+schema+" cascade")
		require.NoError(t, err)
	})
	for _, statement := range []string{
		"create table payments (id serial)", "create table orders (id bigint primary key)", "insert into orders values (1)",
		"create function fail(state text) returns int language plpgsql as $$ begin raise 'as was asked for' using errcode = state; end $$",
	} {
		_, err := admin.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	return config
}

func addrOf(c *pgxpool.Config) string {
	return net.JoinHostPort(c.ConnConfig.Host, fmt.Sprint(c.ConnConfig.Port))
}

// through returns the config of a connection through a world.
func through(t *testing.T, config *pgxpool.Config, w *world) *pgxpool.Config {
	t.Helper()
	config = config.Copy()
	host, port, err := net.SplitHostPort(w.proxy.Addr())
	require.NoError(t, err)
	config.ConnConfig.Host = host
	_, err = fmt.Sscan(port, &config.ConnConfig.Port)
	require.NoError(t, err)
	return config
}

// statements returns the calls of a database, which knows of no statement that it may be repeated.
func statements(exec func(ctx context.Context, query string) error, overload, unknown string) client {
	run := func(query string) func(context.Context) error {
		return func(ctx context.Context) error { return exec(ctx, query) }
	}
	return client{
		write: run("insert into payments values (default)"), refused: run("insert into orders values (1)"),
		overloaded: run("select fail(" + overload + ")"), strange: run("select fail(" + unknown + ")"),
	}
}

func pgxService(t *testing.T) service {
	t.Helper()
	config := postgres(t)
	return service{addr: addrOf(config), connect: func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		pool, err := pgxpool.NewWithConfig(t.Context(), through(t, config, w))
		require.NoError(t, err)
		t.Cleanup(func() {
			w.proxy.Down() // else Close waits 15 s for the server's word on a canceled query, which is withheld
			pool.Close()
		})
		db, err := holdfastpgx.New(pool, p)
		require.NoError(t, err)
		return statements(func(ctx context.Context, query string) error {
			_, err := db.Exec(ctx, query)
			return err
		}, "'53300'", "'ZZ999'")
	}}
}

func sqlService(t *testing.T) service {
	t.Helper()
	config := postgres(t)
	return service{addr: addrOf(config), connect: func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		return sqlClient(t, stdlib.GetConnector(*through(t, config, w).ConnConfig, stdlib.OptionShouldPing(noPing)), p)
	}}
}

func pqService(t *testing.T) service {
	t.Helper()
	config := postgres(t)
	const why = "lib/pq asks the server to cancel, and then waits as long as the connection lives"
	return service{hangs: why, addr: addrOf(config), connect: func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		c := config.ConnConfig
		u := url.URL{
			Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: w.proxy.Addr(), Path: "/" + c.Database,
			RawQuery: url.Values{"sslmode": {"disable"}, "search_path": {c.RuntimeParams["search_path"]}}.Encode(),
		}
		connector, err := pq.NewConnector(u.String())
		require.NoError(t, err)
		return sqlClient(t, connector, p)
	}}
}

func mysqlService(t *testing.T) service {
	t.Helper()
	config, err := mysql.ParseDSN(cmp.Or(os.Getenv("HOLDFAST_MYSQL"), os.Getenv("MYSQL_DSN"), "root@tcp(127.0.0.1:3306)/test"))
	require.NoError(t, err)
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	admin := sql.OpenDB(connector)
	t.Cleanup(func() { _ = admin.Close() })
	database := "holdfast_agree_" + suffix()
	if _, err := admin.ExecContext(t.Context(), "create database "+database); err != nil {
		missing(t, "no MySQL or MariaDB ("+err.Error()+"); start one: docker run --rm -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 -e MARIADB_DATABASE=test mariadb, or set HOLDFAST_MYSQL=user:password@tcp(host:3306)/test")
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "drop database "+database)
		require.NoError(t, err)
	})
	for _, statement := range []string{
		"create table payments (id int auto_increment primary key) engine=innodb",
		"create table orders (id bigint primary key) engine=innodb", "insert into orders values (1)",
		"create function fail(code int) returns int deterministic begin signal sqlstate '99999' set mysql_errno = code; return 1; end",
	} {
		s := strings.NewReplacer("table ", "table "+database+".", "into ", "into "+database+".", "function ", "function "+database+".")
		_, err := admin.ExecContext(t.Context(), s.Replace(statement))
		require.NoError(t, err, statement)
	}
	config.DBName = database
	return service{addr: config.Addr, connect: func(t *testing.T, w *world, p *holdfast.Pipeline) client {
		t.Helper()
		c := config.Clone()
		c.Addr = w.proxy.Addr()
		connector, err := mysql.NewConnector(c)
		require.NoError(t, err)
		pool := sql.OpenDB(connector)
		t.Cleanup(func() { _ = pool.Close() })
		db, err := holdfastmysql.New(pool, p)
		require.NoError(t, err)
		return statements(execOf(db), "1203", "30001")
	}}
}

func sqlClient(t *testing.T, connector driver.Connector, p *holdfast.Pipeline) client {
	t.Helper()
	pool := sql.OpenDB(connector)
	t.Cleanup(func() { _ = pool.Close() })
	db, err := holdfastsql.New(pool, p)
	require.NoError(t, err)
	return statements(execOf(db), "'53300'", "'ZZ999'")
}

func execOf(db *holdfastsql.DB) func(context.Context, string) error {
	return func(ctx context.Context, query string) error {
		_, err := db.Exec(ctx, query)
		return err
	}
}

// noPing keeps a ping from taking the fault that is meant for the statement.
func noPing(context.Context, stdlib.ShouldPingParams) bool { return false }
