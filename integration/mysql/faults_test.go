package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// patient makes up to six attempts, which only the caller's ctx ends.
func patient(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments",
		deadline.In(patience),
		retry.Custom(5, time.Millisecond, 10*time.Millisecond, false),
		breaker.Config{ConsecutiveFailures: 1000, MinRequests: 1000},
	)
	require.NoError(t, err)
	return p
}

// unhurried lets the driver wait as long as a test does.
func unhurried(c *mysql.Config) { c.ReadTimeout, c.WriteTimeout = patience, patience }

func failures(p *holdfast.Pipeline) int { return int(p.Snapshot().Breakers[0].Counts.Failures) }

// async runs a call, and returns a func that waits for its error.
func async(call func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return func() error { return <-done }
}

// each runs a test with each client and a pipeline of build.
func each(t *testing.T, build func(*testing.T) *holdfast.Pipeline, test func(t *testing.T, s *server, p *holdfast.Pipeline, db client)) {
	t.Helper()
	for name, change := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), build(t)
			test(t, s, p, s.connect(p, change, unhurried))
		})
	}
}

func TestConnectionLostInMidQuery(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*server){
		"cut":        func(s *server) { s.proxy.Cut() },
		"terminated": func(s *server) { s.terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
				t.Helper()
				gate, open := s.gate()
				wait := async(func() error {
					return db.exec(t.Context(), "insert into payments select ? from (select get_lock(?, 30)) gate", 1, gate)
				})
				s.eventually(1, waiting)
				lose(s)
				err := wait()
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.EqualValues(t, 1, p.Snapshot().Attempts)
				require.Equal(t, 1, failures(p), "it counts against the server")
				open()
				s.eventually(0, active)
				require.LessOrEqual(t, s.number(payments), 1)

				gate, open = s.gate()
				wait = async(func() error {
					return db.exec(resilience.MarkIdempotent(t.Context()), "insert ignore into orders select ? from (select get_lock(?, 30)) gate", 1, gate)
				})
				s.eventually(1, waiting)
				lose(s)
				require.Eventually(t, func() bool { return p.Snapshot().Attempts > 2 }, patience, time.Millisecond)
				open()
				require.NoError(t, wait())
				require.Equal(t, 1, s.number(orders))
			})
		})
	}
}

// A transaction that was not committed has changed nothing: it runs again without a mark.
func TestTransactionLostBeforeCommit(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*server){
		"cut":        func(s *server) { s.proxy.Cut() },
		"terminated": func(s *server) { s.terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
				t.Helper()
				runs := 0
				require.NoError(t, db.tx(t.Context(), func(exec execFunc) error {
					runs++
					if err := exec("insert into payments values (?)", 1); err != nil {
						return err
					}
					if runs == 1 {
						lose(s)
					}
					return exec("insert into attempts values (1)")
				}))
				require.Equal(t, 2, runs)
				require.Equal(t, 1, s.number(payments))
				require.Equal(t, 1, failures(p))
			})
		})
	}
}

// The server commits, and the answer is lost.
func TestAnswerToCommitIsLost(t *testing.T) {
	t.Parallel()
	for name, change := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			deaf := false
			db := s.connectBefore(p, func() {
				if !deaf {
					deaf = true
					s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{}) // from here on the client hears nothing
				}
			}, change, unhurried)
			runs := 0
			pay := func(ctx context.Context) error {
				return db.tx(ctx, func(exec execFunc) error {
					runs++
					return exec("insert into payments values (?)", 1)
				})
			}
			wait := async(func() error { return pay(t.Context()) })
			s.eventually(1, payments) // committed
			s.proxy.Down()
			s.heal()
			require.ErrorIs(t, wait(), resilience.ErrOutcomeUnknown)
			require.Equal(t, 1, runs)
			require.Equal(t, 1, s.number(payments))
			require.Equal(t, 1, failures(p))

			runs, deaf = 0, false
			wait = async(func() error { return pay(resilience.MarkIdempotent(t.Context())) })
			s.eventually(2, payments)
			s.proxy.Down()
			s.heal()
			require.NoError(t, wait())
			require.Equal(t, 2, runs)
			require.Equal(t, 3, s.number(payments))
		})
	}
}

// The connection is lost between the last statement and COMMIT: nothing is committed, and that is
// known.
func TestConnectionLostBeforeCommit(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, _ *holdfast.Pipeline, db client) {
		t.Helper()
		runs := 0
		require.NoError(t, db.tx(t.Context(), func(exec execFunc) error {
			runs++
			err := exec("insert into payments values (?)", 1)
			if runs == 1 {
				s.proxy.Cut()
			}
			return err
		}))
		require.Equal(t, 2, runs)
		require.Equal(t, 1, s.number(payments))
	})
}

// The driver ends COMMIT by its readTimeout alone.
func TestSilentNetwork(t *testing.T) {
	t.Parallel()
	for name, change := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			db := s.connectBefore(p, func() { s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{}) }, change) // with timeouts of a second
			err := db.tx(t.Context(), func(exec execFunc) error { return exec("insert into payments values (?)", 1) })
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			s.eventually(1, payments) // the server may commit it later

			err = db.exec(t.Context(), "insert into payments values (2)") // and no connection can be made
			require.ErrorIs(t, err, retry.ErrExhausted)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			s.proxy.Cut()
			s.heal()
			require.NoError(t, db.exec(t.Context(), "insert into payments values (3)"))
			require.Equal(t, 2, s.number(payments))
		})
	}
}

func TestRefusedThenRecovered(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
		t.Helper()
		s.proxy.Down()
		err := db.exec(t.Context(), "insert into payments values (1)")
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.EqualValues(t, 6, p.Snapshot().Attempts)
		require.Equal(t, 6, failures(p))

		s.proxy.Up()
		require.NoError(t, db.exec(t.Context(), "insert into payments values (2)"))
		require.Equal(t, 1, s.number(payments))
	})
}

// A connection that died while it was idle is found out by the driver, before anything is sent.
func TestIdleConnectionThatDied(t *testing.T) {
	t.Parallel()
	for name, change := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			direct := func(c *mysql.Config) { c.Addr = s.addr } // a proxy takes its time to close the client's end
			db := s.connect(p, change, direct)
			require.NoError(t, db.exec(t.Context(), "insert into payments values (?)", 1))
			s.terminate()
			s.eventually(0, "select count(*) from information_schema.processlist where db = database() and id <> connection_id()")
			require.NoError(t, db.exec(t.Context(), "insert into payments values (?)", 2))
			require.Equal(t, 2, s.number(payments))
		})
	}
}

// What the server answers, how often it was asked, and what the breaker counted.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement string
		number    uint16
		attempts  int
		failures  int
		unknown   bool
	}{
		"duplicate key":      {"insert into orders values (1), (1)", 1062, 1, 0, false},
		"bad data":           {"insert into payments values ('x')", 1366, 1, 0, false},
		"no such table":      {"insert into nowhere values (1)", 1146, 1, 0, false},
		"syntax":             {"insert into payments value value", 1064, 1, 0, false},
		"signal":             {"insert into payments select fail(1644)", 1644, 1, 0, false},
		"deadlock":           {"insert into payments select fail(1213)", 1213, 6, 0, false},
		"lock wait":          {"insert into payments select fail(1205)", 1205, 6, 0, false},
		"read-only":          {"insert into payments select fail(1836)", 1836, 6, 6, false},
		"too many":           {"insert into payments select fail(1203)", 1203, 6, 6, false},
		"interrupted":        {"insert into payments select fail(1317)", 1317, 1, 1, true},
		"server shutdown":    {"insert into payments select fail(1053)", 1053, 1, 1, true},
		"error in COMMIT":    {"insert into payments select fail(1180)", 1180, 1, 1, true},
		"a number of nobody": {"insert into payments select fail(4999)", 4999, 1, 1, false},
		"max_statement_time": {"set statement max_statement_time = 0.01 for insert into payments select sleep(30)", 1969, 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
				t.Helper()
				err := db.exec(t.Context(), c.statement)
				require.Equal(t, c.number, number(err), "%v", err)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.EqualValues(t, c.attempts, p.Snapshot().Attempts)
				require.Equal(t, c.failures, failures(p))
				require.Zero(t, s.number(payments)+s.number(orders))
			})
		})
	}
}

// Two transactions lock the same rows in turn.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
		t.Helper()
		s.do("alter table payments add primary key (id), add paid int not null default 0", "insert into payments (id) values (1), (2)")
		var both sync.WaitGroup // each has its first row
		both.Add(2)
		move := func(from, to int) func() error {
			met := false
			return func() error {
				return db.tx(t.Context(), func(exec execFunc) error {
					if err := exec("update payments set paid = paid + 1 where id = ?", from); err != nil {
						return err
					}
					if !met {
						met = true
						both.Done()
						both.Wait()
					}
					return exec("update payments set paid = paid + 1 where id = ?", to)
				})
			}
		}
		first, second := async(move(1, 2)), async(move(2, 1))
		require.NoError(t, first())
		require.NoError(t, second())
		require.Equal(t, 4, s.number("select sum(paid) from payments"))
		require.Greater(t, p.Snapshot().Attempts, uint64(2))
		require.Zero(t, failures(p), "a lost race says nothing about the server")
	})
}

// A lock wait undoes the statement alone: the transaction is rolled back, and the closure runs
// again.
func TestLockWait(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
		t.Helper()
		s.do("insert into orders values (1)")
		holder, err := s.admin.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = holder.ExecContext(t.Context(), "update orders set id = 1 where id = 1")
		require.NoError(t, err)
		_, err = holder.ExecContext(t.Context(), "delete from orders where id = 1")
		require.NoError(t, err)
		runs := 0
		require.NoError(t, db.tx(t.Context(), func(exec execFunc) error {
			runs++
			if runs == 2 {
				require.NoError(t, holder.Rollback())
			}
			if err := errors.Join(exec("set innodb_lock_wait_timeout = 1"), exec("insert into payments values (?)", 1)); err != nil {
				return err
			}
			return exec("update orders set id = 2 where id = 1")
		}))
		require.Equal(t, 2, runs)
		require.Equal(t, 1, s.number(payments), "the first run's payment was rolled back")
		require.Zero(t, failures(p))
	})
}

// A connection on which writes are refused is left: the next attempt dials.
func TestReadOnlyServerIsLeft(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
		t.Helper()
		require.NoError(t, db.Conn(t.Context(), func(ctx context.Context, conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, "set session transaction read only")
			return err
		}))
		require.NoError(t, db.exec(t.Context(), "insert into payments values (?)", 1))
		require.EqualValues(t, 3, p.Snapshot().Attempts)
		require.Equal(t, 2, s.proxy.Accepted())
		require.Equal(t, 1, s.number(payments))

		err := db.Tx(t.Context(), &sql.TxOptions{ReadOnly: true}, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "insert into payments values (2)")
			return err
		})
		require.EqualValues(t, 1792, number(err))
		require.EqualValues(t, 4, p.Snapshot().Attempts, "as was asked for")
	})
}

// A user may have so many connections: one more is refused until one is free again.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	s, p := newServer(t), patient(t)
	user := fmt.Sprintf("limited%d", time.Now().UnixNano()%1_000_000_000)
	s.do("create user "+user+" with max_user_connections 1", "grant all on "+s.database+".* to "+user)
	t.Cleanup(func() {
		_, err := s.admin.ExecContext(context.Background(), "drop user "+user)
		require.NoError(t, err)
	})
	limited := func(c *mysql.Config) { c.User = user }
	holder := s.connect(p, limited)
	require.NoError(t, holder.exec(t.Context(), "insert into payments values (1)")) // and keeps its connection
	err := s.connect(p, limited).exec(t.Context(), "insert into payments values (2)")
	require.EqualValues(t, 1226, number(err), "%v", err)
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, resilience.Overload, holdfastmysql.Classify(&mysql.MySQLError{Number: 1226}))
	require.Equal(t, 1, s.number(payments))
}

// Nobody's passing trouble.
func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*mysql.Config)
		number uint16
	}{
		"no such database": {func(c *mysql.Config) { c.DBName = "holdfast_nowhere" }, 1049},
		"wrong password":   {func(c *mysql.Config) { c.Passwd = "wrong" }, 1045},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			err := s.connect(p, c.change).exec(t.Context(), "select 1")
			require.Equal(t, c.number, number(err), "%v", err)
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		})
	}
}
