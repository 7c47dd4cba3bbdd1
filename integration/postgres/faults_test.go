package postgres_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
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

func failures(p *holdfast.Pipeline) int { return int(p.Snapshot().Breakers[0].Counts.Failures) }

func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// A payment that waits at gate 1 before it is made. Without arguments it goes by the simple
// protocol, with one by the extended.
const (
	gatedPayment     = "insert into payments select 1 from (select pg_advisory_xact_lock_shared(hashtext(current_schema()), 1)) gate"
	gatedPaymentArg  = "insert into payments select $1::bigint from (select pg_advisory_xact_lock_shared(hashtext(current_schema()), 1)) gate"
	gatedOrder       = "insert into orders select 1 from (select pg_advisory_xact_lock_shared(hashtext(current_schema()), 1)) gate on conflict do nothing"
	gatedOrderArg    = "insert into orders select $1::bigint from (select pg_advisory_xact_lock_shared(hashtext(current_schema()), 1)) gate on conflict do nothing"
	payments, orders = "select count(*) from payments", "select count(*) from orders"
)

// async runs a call, and returns a func that waits for its error.
func async(call func() error) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return func() error { return <-done }
}

func TestConnectionKilledInMidQuery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement, marked string
		args              []any
	}{
		"simple protocol":   {gatedPayment, gatedOrder, nil},
		"extended protocol": {gatedPaymentArg, gatedOrderArg, []any{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p, db := connect(t, patient)
					// Not marked: sent once, whatever became of it; and that is what the caller is
					// told.
					open := s.gate(1)
					wait := async(func() error { return db.exec(t.Context(), c.statement, c.args...) })
					s.eventually(1, waiting, s.schema)
					s.proxy.Cut()
					err := wait()
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.EqualValues(t, 1, p.Snapshot().Attempts)
					require.Equal(t, 1, failures(p), "it counts against the server")
					open()
					s.eventually(0, active, s.schema)
					require.LessOrEqual(t, s.number(payments), 1)

					// Marked: sent again, once the proxy is up: until then it would be refused,
					// which is an attempt too.
					up := make(chan struct{})
					isUp := sync.OnceFunc(func() { close(up) })
					t.Cleanup(isUp)
					defer p.Watch(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
						if e.Kind == resilience.EventRetry {
							<-up
						}
					}))()
					open = s.gate(1)
					wait = async(func() error { return db.exec(resilience.MarkIdempotent(t.Context()), c.marked, c.args...) })
					s.eventually(1, waiting, s.schema)
					s.proxy.Cut()
					isUp()
					require.Eventually(t, func() bool { return p.Snapshot().Attempts == 3 }, patience, time.Millisecond)
					open()
					require.NoError(t, wait())
					require.Equal(t, 1, s.number(orders))
					require.EqualValues(t, 3, p.Snapshot().Attempts)
				})
			}
		})
	}
}

func TestSessionTerminatedInMidQuery(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			open := s.gate(1)
			wait := async(func() error { return db.exec(t.Context(), gatedPayment) })
			s.eventually(1, waiting, s.schema)
			s.terminate()
			err := wait()
			if name != "pq" { // which keeps it to itself, and returns driver.ErrBadConn
				require.Equal(t, "57P01", sqlState(err))
			}
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			require.Equal(t, 1, failures(p))

			wait = async(func() error { return db.exec(resilience.MarkIdempotent(t.Context()), gatedOrder) })
			s.eventually(1, waiting, s.schema)
			s.terminate()
			s.eventually(1, waiting, s.schema) // the next attempt
			open()
			require.NoError(t, wait())
			require.EqualValues(t, 3, p.Snapshot().Attempts)
			require.Zero(t, s.number(payments))
			require.Equal(t, 1, s.number(orders))
		})
	}
}

// A transaction that was not committed has changed nothing: it runs again without a mark.
func TestTransactionKilledBeforeCommit(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(s *server){
		"by the network": func(s *server) { s.proxy.Cut() },
		"by the server":  func(s *server) { s.terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p, db := connect(t, patient)
					runs := 0
					err := db.tx(t.Context(), func(_ context.Context, exec execFunc) error {
						runs++
						if err := exec("insert into payments values (1)"); err != nil {
							return err
						}
						if runs == 1 {
							kill(s)
						}
						return exec("select nextval('attempts')")
					})
					require.NoError(t, err)
					require.Equal(t, 2, runs)
					require.Equal(t, 1, s.attempts())
					require.Equal(t, 1, s.number(payments))
					require.Equal(t, 1, failures(p))
				})
			}
		})
	}
}

// The server commits, and the answer is lost.
func TestAnswerToCommitIsLost(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			runs := 0
			pay := func(ctx context.Context) error {
				return db.tx(ctx, func(_ context.Context, exec execFunc) error {
					runs++
					if err := exec("insert into payments values (1)"); err != nil {
						return err
					}
					if runs == 1 {
						s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{}) // from here on the client hears nothing
					}
					return nil
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

			// Marked, it runs again: the caller says that a second payment does no harm.
			runs = 0
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

func TestRefusedThenRecovered(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			s.proxy.Down()
			err := db.exec(t.Context(), "insert into payments values (1)")
			require.ErrorIs(t, err, retry.ErrExhausted)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 6, p.Snapshot().Attempts)
			require.Zero(t, s.proxy.Accepted())

			s.proxy.Up()
			require.NoError(t, db.exec(t.Context(), "insert into payments values (2)"))
			require.Equal(t, 1, s.number(payments))
			require.Equal(t, 1, s.proxy.Accepted())
		})
	}
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	t.Parallel()
	stages := func(openFor time.Duration) []resilience.Stage {
		return []resilience.Stage{
			retry.Custom(9, time.Millisecond, time.Millisecond, false),
			breaker.Config{ConsecutiveFailures: 3, OpenFor: openFor, HalfOpenProbes: 1},
		}
	}
	build := func(t *testing.T) *holdfast.Pipeline {
		t.Helper()
		p, err := holdfast.New("payments", stages(time.Hour)...)
		require.NoError(t, err)
		return p
	}
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, build)
			s.proxy.Down()
			err := db.exec(t.Context(), "insert into payments values (1)")
			require.ErrorIs(t, err, breaker.ErrOpen)
			require.EqualValues(t, 3, p.Snapshot().Attempts)
			s.proxy.Up()
			require.NoError(t, p.Update(stages(time.Millisecond)...)) // the hour is over
			require.Eventually(t, func() bool { return db.exec(t.Context(), "insert into payments values (2)") == nil }, patience, 10*time.Millisecond)
			require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State)
			require.Equal(t, 1, s.number(payments))
		})
	}
}

// An attempt that the network made too slow: a statement stays in doubt, a transaction is run
// again.
func TestSlowNetwork(t *testing.T) {
	t.Parallel()
	for name, toxic := range map[string]toxics.Toxic{
		"latency": &toxics.LatencyToxic{Latency: 60_000},
		"timeout": &toxics.TimeoutToxic{}, // and no BandwidthToxic of 0 KB/s: v2.5.0 then sends empty chunks for ever, and may hang
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					if name == "pq" {
						t.Skip("lib/pq waits for a silent network, whatever its ctx says")
					}
					s, p, db := connect(t, limited)
					require.NoError(t, db.exec(t.Context(), "insert into payments values (1)"))
					s.proxy.Add(faultproxy.Downstream, toxic)
					err := db.exec(t.Context(), "insert into payments values (2)")
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.EqualValues(t, 2, p.Snapshot().Attempts)
					s.proxy.Cut()
					s.heal()

					runs := 0
					require.NoError(t, db.tx(t.Context(), func(_ context.Context, exec execFunc) error {
						if runs++; runs > 1 {
							return exec("insert into payments values (3)")
						}
						s.proxy.Add(faultproxy.Downstream, toxic)
						err := exec("insert into payments values (3)")
						s.proxy.Down()
						s.heal()
						return err
					}))
					require.Equal(t, 2, runs)
					require.Equal(t, 1, s.number("select count(*) from payments where id = 3"))
				})
			}
		})
	}
}

// limited ends an attempt after a second, or later on a machine that is slow to connect.
func limited(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments",
		deadline.In(patience),
		retry.Custom(5, time.Millisecond, 10*time.Millisecond, false),
		breaker.Config{ConsecutiveFailures: 1000, MinRequests: 1000},
		deadline.In(faultproxy.Limit(time.Second, 10*time.Second, connect(t))),
	)
	require.NoError(t, err)
	return p
}

func TestReset(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			require.NoError(t, db.exec(t.Context(), "insert into payments values (1)"))
			s.proxy.Add(faultproxy.Downstream, &toxics.ResetToxic{})
			err := db.exec(t.Context(), "insert into payments values (2)")
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 2, p.Snapshot().Attempts)
			s.proxy.Heal()
			require.NoError(t, db.exec(t.Context(), "insert into payments values (3)"))
			require.Zero(t, s.number("select count(*) - count(distinct id) from payments"))
		})
	}
}

// Everybody reads the sum and adds to it: without the reruns most would be lost or refused.
func TestSerializationFailures(t *testing.T) {
	t.Parallel()
	build := func(t *testing.T) *holdfast.Pipeline {
		t.Helper()
		p, err := holdfast.New("payments",
			deadline.In(patience),
			retry.Custom(1000, time.Millisecond, 5*time.Millisecond, true),
			breaker.Config{ConsecutiveFailures: 3},
		)
		require.NoError(t, err)
		return p
	}
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, build)
			s.do("create table account (balance bigint)", "insert into account values (0)")
			const workers, rounds = 4, 5
			var wg, all sync.WaitGroup // all have read once before the first writes
			all.Add(workers)
			errs := make(chan error, workers*rounds)
			for range workers {
				wg.Go(func() {
					met := false
					for range rounds {
						errs <- db.tx(t.Context(), func(_ context.Context, exec execFunc) error {
							if err := exec("select nextval('attempts')"); err != nil {
								return err
							}
							if !met {
								met = true
								all.Done()
								all.Wait()
							}
							return exec("update account set balance = balance + 1")
						})
					}
				})
			}
			wg.Wait()
			close(errs)
			for err := range errs {
				require.NoError(t, err)
			}
			require.Equal(t, workers*rounds, s.number("select balance from account"))
			require.EqualValues(t, p.Snapshot().Attempts, s.attempts())
			require.GreaterOrEqual(t, s.attempts(), workers*rounds+workers-1, "of those who had read together one was first")
			require.Zero(t, failures(p), "a lost race says nothing about the server")
		})
	}
}

// Two transactions lock the same rows in turn.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			s.do("insert into payments values (1), (2)", "alter table payments add paid int not null default 0")
			var both sync.WaitGroup // each has its first row
			both.Add(2)
			move := func(from, to int) func() error {
				met := false
				return func() error {
					return db.tx(t.Context(), func(_ context.Context, exec execFunc) error {
						if err := exec("update payments set paid = paid + 1 where id = $1", from); err != nil {
							return err
						}
						if !met {
							met = true
							both.Done()
							both.Wait()
						}
						return exec("update payments set paid = paid + 1 where id = $1", to)
					})
				}
			}
			first, second := async(move(1, 2)), async(move(2, 1))
			require.NoError(t, first())
			require.NoError(t, second())
			require.Equal(t, 4, s.number("select sum(paid) from payments"))
			require.Greater(t, p.Snapshot().Attempts, uint64(2))
			require.Zero(t, failures(p))
		})
	}
}

// What the server answers, and how often it was asked.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement string
		state     string
		attempts  int
	}{
		"unique violation":    {"insert into orders select 1 from generate_series(1, 2)", "23505", 1},
		"bad data":            {"insert into payments values ('x'::text::bigint)", "22P02", 1},
		"no such table":       {"insert into nowhere values (1)", "42P01", 1},
		"raised as transient": {"select nextval('attempts'), fail('40001')", "40001", 6},
		"raised as overload":  {"select nextval('attempts'), fail('53400')", "53400", 6},
		"statement timeout":   {"select nextval('attempts'), pg_cancel_backend(pg_backend_pid()), pg_sleep(30)", "57014", 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p, db := connect(t, patient)
					err := db.exec(t.Context(), c.statement)
					require.Equal(t, c.state, sqlState(err), "%v", err)
					require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.EqualValues(t, c.attempts, p.Snapshot().Attempts)
					if c.attempts > 1 {
						require.Equal(t, c.attempts, s.attempts())
					}
					require.Equal(t, 1, s.proxy.Accepted(), "the connection is kept")
				})
			}
		})
	}
}

// A role may have so many connections: one more is refused with 53300 until one is free again.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	s, p := newServer(t), patient(t)
	role := s.schema + "_limited"
	s.do("create role "+role+" login connection limit 0", "grant usage on schema "+s.schema+" to "+role, "grant insert on payments to "+role)
	t.Cleanup(func() {
		for _, statement := range []string{"drop owned by " + role, "drop role " + role} {
			_, err := s.admin.Exec(context.Background(), statement)
			require.NoError(t, err)
		}
	})
	observed := holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		if e.Kind == resilience.EventRetry && e.Attempt == 2 {
			s.do("alter role " + role + " connection limit 1")
		}
	}))
	require.NoError(t, p.Update(observed, retry.Custom(5, time.Millisecond, time.Millisecond, false), breaker.Config{}))
	db := newPgx(t, s.pool(func(c *pgxpool.Config) { c.ConnConfig.User = role }), p)
	_, err := db.Exec(t.Context(), "insert into payments values (1)")
	require.NoError(t, err)
	require.EqualValues(t, 3, p.Snapshot().Attempts)
	require.Equal(t, 1, s.number(payments))
}

// That a database does not exist is nobody's passing trouble.
func TestNoSuchDatabase(t *testing.T) {
	t.Parallel()
	s, p := newServer(t), patient(t)
	db := newPgx(t, s.pool(func(c *pgxpool.Config) { c.ConnConfig.Database = "holdfast_nowhere" }), p)
	_, err := db.Exec(t.Context(), "select 1")
	require.Equal(t, "3D000", sqlState(err))
	require.EqualValues(t, 1, p.Snapshot().Attempts)
	require.Zero(t, failures(p))
}

// A prepared statement that a migration made stale is prepared anew.
func TestMigrationUnderPreparedStatements(t *testing.T) {
	t.Parallel()
	s, p := newServer(t), patient(t)
	db := newPgx(t, s.pool(func(c *pgxpool.Config) { c.MaxConns = 1 }), p)
	read := func() int {
		all, err := holdfastpgx.Collect(t.Context(), db, pgx.RowToMap, "select * from payments where id = $1", 1)
		require.NoError(t, err)
		require.Len(t, all, 1)
		return len(all[0])
	}
	s.do("insert into payments values (1)")
	require.Equal(t, 1, read())
	s.do("alter table payments add note text")
	require.Equal(t, 2, read())
	require.EqualValues(t, 3, p.Snapshot().Attempts)
}

// A connection on which writes are refused is left: the next attempt dials.
func TestPrimaryBecameReadOnly(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			require.NoError(t, db.exec(t.Context(), "select set_config('default_transaction_read_only', 'on', false)"))
			require.NoError(t, db.exec(t.Context(), "insert into payments values (1)"))
			require.EqualValues(t, 3, p.Snapshot().Attempts)
			require.Equal(t, 2, s.proxy.Accepted())
			require.Equal(t, 1, s.number(payments))
		})
	}
}
