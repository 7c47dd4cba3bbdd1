//go:build unix

package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/integration/money"
)

// cluster is a PostgreSQL of the test's own, which it may kill.
type cluster struct {
	t              *testing.T
	as             money.As
	bin, dir, port string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	initdb := money.Program(t, "initdb", "/usr/lib/postgresql/*/bin/initdb")
	c := &cluster{t: t, as: money.Account(t, "postgres"), bin: filepath.Dir(initdb), port: money.Port(t)}
	c.dir = c.as.Dir()
	c.as.Run(initdb, "-D", c.dir+"/data", "-U", "postgres", "-A", "trust")
	c.configure("wal_level=replica", "max_wal_senders=4", "max_connections=60", "restart_after_crash=on")
	c.start()
	return c
}

func (c *cluster) configure(settings ...string) {
	c.t.Helper()
	f, err := os.OpenFile(c.dir+"/data/postgresql.conf", os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(c.t, err)
	defer f.Close() //nolint:errcheck // it was only written to
	_, err = f.WriteString("\n" + strings.Join(settings, "\n") + "\n")
	require.NoError(c.t, err)
}

func (c *cluster) start() {
	c.t.Helper()
	c.as.Run(c.bin+"/pg_ctl", "-w", "-D", c.dir+"/data", "-l", c.dir+"/log",
		"-o", "-p "+c.port+" -c listen_addresses=127.0.0.1 -c unix_socket_directories="+c.dir, "start")
	c.t.Cleanup(c.stop)
}

// stop ends it at once, without a last checkpoint. It may have ended before.
func (c *cluster) stop() {
	c.resume()
	_ = c.as.Command(c.bin+"/pg_ctl", "-D", c.dir+"/data", "-m", "immediate", "stop").Run()
}

// standby returns a copy that follows c. A commit on c waits for it from then on.
func (c *cluster) standby() *cluster {
	c.t.Helper()
	s := &cluster{t: c.t, as: c.as, bin: c.bin, dir: c.as.Dir(), port: money.Port(c.t)}
	c.as.Run(c.bin+"/pg_basebackup", "-h", "127.0.0.1", "-p", c.port, "-U", "postgres", "-D", s.dir+"/data", "-R", "-X", "stream")
	s.start()
	c.configure("synchronous_standby_names='*'")
	c.as.Run(c.bin+"/pg_ctl", "-D", c.dir+"/data", "reload")
	return s
}

func (c *cluster) promote() {
	c.t.Helper()
	c.as.Run(c.bin+"/pg_ctl", "-w", "-D", c.dir+"/data", "promote")
}

func (c *cluster) addr() string { return "127.0.0.1:" + c.port }

// backends returns the server's processes that serve a client.
func (c *cluster) backends() (pids []int) {
	text, err := os.ReadFile(c.dir + "/data/postmaster.pid")
	if err != nil {
		return nil
	}
	master, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		return nil
	}
	for _, pid := range money.Children(master) {
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(title), "127.0.0.1(") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill is kill -9 of a backend: the server restarts all of them.
func (c *cluster) kill() {
	for _, pid := range c.backends()[:min(1, len(c.backends()))] {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// pause is SIGSTOP of all backends, until resume.
func (c *cluster) pause() {
	for _, pid := range c.backends() {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
}

func (c *cluster) resume() {
	for _, pid := range c.backends() {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// restart is kill -9 of the postmaster's children by way of an immediate stop, and a start.
func (c *cluster) restart() {
	cmd := c.as.Command(c.bin+"/pg_ctl", "-w", "-D", c.dir+"/data", "-l", c.dir+"/log", "-m", "immediate",
		"-o", "-p "+c.port+" -c listen_addresses=127.0.0.1 -c unix_socket_directories="+c.dir, "restart")
	_ = cmd.Run()
}

// dsn returns the address of a database, at c or at another address.
func dsn(addr string) string { return "postgres://postgres@" + addr + "/postgres?sslmode=disable" }

// made returns the ids of the payments at c, once it answers.
func (c *cluster) made() (ids []int) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		conn, err := pgx.Connect(context.Background(), dsn(c.addr()))
		if err != nil {
			return false
		}
		defer conn.Close(context.Background()) //nolint:errcheck // it was only read from
		var busy int
		err = conn.QueryRow(context.Background(), "select count(*) from pg_stat_activity where backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()").Scan(&busy)
		if err != nil || busy > 0 {
			return false
		}
		rows, err := conn.Query(context.Background(), "select id from payments")
		if err != nil {
			return false
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err == nil
	}, patience, 50*time.Millisecond)
	return ids
}

// ownClients are the two adapters at an address.
func ownClients(t *testing.T, addr string, p *holdfast.Pipeline) map[string]client {
	t.Helper()
	u, err := url.Parse(dsn(addr))
	require.NoError(t, err)
	config, err := pgxpool.ParseConfig(u.String())
	require.NoError(t, err)
	config.MaxConns = 8
	config.ConnConfig.ConnectTimeout = time.Second
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	std, err := sql.Open("pgx", u.String())
	require.NoError(t, err)
	std.SetMaxOpenConns(8)
	std.SetMaxIdleConns(8)
	t.Cleanup(func() { require.NoError(t, std.Close()) })
	return map[string]client{"pgx": pgxClient{newPgx(t, pool, p)}, "sql": sqlClient{newSQL(t, std, p)}}
}

const ownSchema = `create table if not exists payments (id bigint); create sequence if not exists attempts;
create or replace procedure pay(id bigint, state text) language plpgsql as $$
begin
	insert into payments values (id);
	commit;
	if state <> '' then raise 'lost a race' using errcode = state; end if;
end $$`

func (c *cluster) prepare() {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), dsn(c.addr()))
	require.NoError(c.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // it was only written to
	_, err = conn.Exec(c.t.Context(), ownSchema)
	require.NoError(c.t, err)
}

// mixed makes each payment in one of the ways in turn, by one of the clients in turn.
func mixed(all map[string]client) func(ctx context.Context, id int) error {
	ways := []kind{kinds["statements"], kinds["transactions"], kinds["procedures"], kinds["returning"]}
	return func(ctx context.Context, id int) error {
		db := all["pgx"]
		if id%2 == 0 {
			db = all["sql"]
		}
		return ways[id/2%len(ways)].pay(ctx, db, id)
	}
}

// The server itself dies, is stopped and is started again, while payments are made.
func TestPaymentsWhileTheServerDies(t *testing.T) {
	c := newCluster(t)
	c.prepare()
	p := hasty(t)
	run := money.Run{
		Calls: 6000, Workers: 8, Every: 300, Lasts: 40,
		Pay:    mixed(ownClients(t, c.addr(), p)),
		Faults: []func(){c.kill, c.pause, c.restart},
		Heal:   c.resume,
	}
	ledger := run.Do(t.Context())
	ledger.Check(t, c.made())
}

// The primary dies, and its standby takes over: at first it refuses writes.
func TestPaymentsThroughAFailover(t *testing.T) {
	for range 3 {
		primary := newCluster(t)
		primary.prepare()
		standby := primary.standby()
		router := money.NewRouter(t, primary.addr())
		var switched, promoted sync.Once
		run := money.Run{
			Calls: 1500, Workers: 8, Every: 1500, Lasts: 100,
			Pay: mixed(ownClients(t, router.Addr(), hasty(t))),
			Faults: []func(){func() {
				switched.Do(func() {
					router.Switch(standby.addr()) // new connections: read-only as yet
					primary.stop()
				})
			}},
			Heal: func() { promoted.Do(standby.promote) },
		}
		ledger := run.Do(t.Context())
		ledger.Check(t, standby.made())
		primary.stop()
		standby.stop()
	}
}
