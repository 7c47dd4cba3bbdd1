//go:build unix

package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/integration/money"
)

// daemon is a MariaDB of the test's own, which it may kill.
type daemon struct {
	t         *testing.T
	as        money.As
	dir, port string
	program   string
	mu        sync.Mutex
	running   *exec.Cmd
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{t: t, program: money.Program(t, "mariadbd", "/usr/sbin/mariadbd"), as: money.Account(t, "mysql"), port: money.Port(t)}
	install := money.Program(t, "mariadb-install-db", "/usr/bin/mariadb-install-db")
	d.dir = d.as.Dir()
	d.as.Run(install, "--no-defaults", "--datadir="+d.dir+"/data", "--auth-root-authentication-method=normal", "--skip-test-db")
	d.start()
	t.Cleanup(d.kill)
	return d
}

func (d *daemon) start() {
	cmd := d.as.Command(d.program, "--no-defaults", "--datadir="+d.dir+"/data", "--port="+d.port, "--bind-address=127.0.0.1",
		"--socket="+d.dir+"/s", "--pid-file="+d.dir+"/pid", "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=64M")
	require.NoError(d.t, cmd.Start())
	d.mu.Lock()
	d.running = cmd
	d.mu.Unlock()
}

func (d *daemon) signal(s syscall.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		_ = d.running.Process.Signal(s)
	}
}

// kill is kill -9 of the server.
func (d *daemon) kill() {
	d.signal(syscall.SIGKILL)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running != nil {
		_ = d.running.Wait()
	}
	d.running = nil
}

// heal starts a server that was killed, and lets one go on that was stopped.
func (d *daemon) heal() {
	d.signal(syscall.SIGCONT)
	d.mu.Lock()
	dead := d.running == nil
	d.mu.Unlock()
	if dead {
		d.start()
	}
}

// The server itself dies, is stopped and is started again, while payments are made.
func TestPaymentsWhileTheServerDies(t *testing.T) {
	d := newDaemon(t)
	config := mysql.NewConfig()
	config.Logger = &mysql.NopLogger{}
	config.User, config.Net, config.Addr, config.DBName = "root", "tcp", "127.0.0.1:"+d.port, "mysql"
	config.Timeout, config.ReadTimeout, config.WriteTimeout = time.Second, time.Second, time.Second
	first := open(t, config)
	require.Eventually(t, func() bool {
		_, err := first.ExecContext(t.Context(), "create database money")
		return err == nil
	}, patience, 50*time.Millisecond)
	config.DBName = "money"
	pool := open(t, config)
	pool.SetMaxOpenConns(8)
	pool.SetMaxIdleConns(8)
	for _, statement := range []string{"create table payments (id bigint)", "create table attempts (n int)", payProcedure} {
		_, err := pool.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	db, err := holdfastmysql.New(pool, hasty(t))
	require.NoError(t, err)
	ways := []kind{kinds["statements"], kinds["transactions"], kinds["procedures"], kinds["returning"]}
	run := money.Run{
		Calls: 6000, Workers: 8, Every: 300, Lasts: 60,
		Pay:    func(ctx context.Context, id int) error { return ways[id%len(ways)].pay(ctx, client{db}, id) },
		Faults: []func(){d.kill, func() { d.signal(syscall.SIGSTOP) }},
		Heal:   d.heal,
	}
	ledger := run.Do(t.Context())
	var made []int
	require.Eventually(t, func() bool {
		made, err = ids(t, pool)
		return err == nil
	}, patience, 50*time.Millisecond)
	ledger.Check(t, made)
}

var errBusy = errors.New("somebody is at work")

// ids returns those of all payments, once nobody is at work any more.
func ids(t *testing.T, pool *sql.DB) (all []int, err error) {
	t.Helper()
	var busy int
	err = pool.QueryRowContext(t.Context(), "select count(*) from information_schema.processlist where db = database() and command <> 'Sleep' and id <> connection_id()").Scan(&busy)
	if err == nil && busy > 0 {
		err = errBusy
	}
	if err != nil {
		return nil, err
	}
	rows, err := pool.QueryContext(t.Context(), "select id from payments")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err has what matters
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, rows.Err()
}
