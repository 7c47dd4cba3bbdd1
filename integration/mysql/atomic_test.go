package mysql_test

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func several(c *mysql.Config) { c.MultiStatements = true; unhurried(c) }

// Calls that are several transactions, or may be: payment 1 is there when the error comes.
func TestSeveralTransactionsBehindOneCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		statement string
		number    uint16
	}{
		"CALL, deadlock":        {"call pay(1, 1213)", 1213},
		"CALL, lock wait":       {"call pay(1, 1205)", 1205},
		"CALL, duplicate":       {"call pay(1, 1062)", 1062},
		"CALL, read-only":       {"call pay(1, 1290)", 1290},
		"CALL, overload":        {"call pay(1, 1203)", 1203},
		"CALL behind a comment": {"/* insert into payments */ call pay(1, 1213)", 1213},
		"CALL in a comment":     {"/*! call pay(1, 1213) */", 1213},
		"CALL for MariaDB":      {"/*M! call pay(1, 1213) */", 1213},
		"CALL for a version":    {"/*!50000 call pay(1, 1213) */", 1213},
		"CALL behind a return":  {"-- insert into payments\rselect 1\ncall pay(1, 1213)", 1213},
		"CALL behind a #":       {"# insert into payments\ncall pay(1, 1213)", 1213},
		"two":                   {"insert into payments values (1); insert into orders values (1), (1)", 1062},
		"two, of a literal":     {`insert into payments values (length('\'')); insert into orders select fail(1213); select '\''`, 1213},
		"two, of a minus":       {"insert into payments values (2)--1; insert into orders select fail(1213)", 1064},
		"two, of a double one":  {"insert into payments values (2--1); insert into orders select fail(1213)", 1213},
		"two, of a comment":     {"insert into payments values (1) /* ' */; insert into orders select fail(1213) -- '", 1213},
		"two, of an executable": {"insert into payments values (1) /*! ; insert into orders select fail(1213) */", 1064},
		"EXECUTE IMMEDIATE":     {"execute immediate 'call pay(1, 1213)'", 1213},
		"BEGIN NOT ATOMIC":      {"begin not atomic insert into payments values (1); commit; select fail(1213); end", 1213},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			err := s.connect(p, several).exec(t.Context(), c.statement)
			require.Equal(t, c.number, number(err), "%v", err)
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			if c.number != 1064 { // a parser that reads it otherwise carries out nothing of it, or the first
				require.Equal(t, 1, s.number(payments))
			}
		})
	}
}

// The controls: what the server says of one statement, or of a transaction of Tx, is proof.
func TestOneStatementIsProof(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"INSERT":       "insert into payments values (1), (fail(1062))",
		"REPLACE":      "replace into payments values (1), (fail(1062))",
		"UPDATE":       "update payments set id = fail(1062)",
		"a trigger":    "insert into triggered values (1)",
		"a hint":       "/*+ x */ insert into payments values (1), (fail(1062))",
		"a line":       "-- name: Pay :exec\ninsert into payments values (1), (fail(1062))",
		"in the end":   "insert into payments values (1), (fail(1062));",
		"many rows":    "insert into orders values (2), (3), (2)",
		"WITH, SELECT": "with one as (select fail(1062) as n) select * from one",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			s.do("create table triggered (id int) engine=innodb", "insert into payments values (7)",
				"create trigger also before insert on triggered for each row insert into payments values (new.id), (fail(1062))")
			err := s.connect(p, several).exec(t.Context(), statement)
			require.EqualValues(t, 1062, number(err), "%v", err)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			require.Equal(t, 1, s.number("select (select count(*) from payments) + (select count(*) from triggered) + (select count(*) from orders)"))
		})
	}
}

// A trigger or a function cannot commit: the server says so before anything is done.
func TestFunctionThatCommits(t *testing.T) {
	t.Parallel()
	s, p := newServer(t), patient(t)
	_, err := s.admin.ExecContext(t.Context(), "create function cheat() returns int begin insert into payments values (1); commit; return fail(1213); end")
	require.EqualValues(t, 1422, number(err), "%v", err)
	s.do("create procedure commits() begin insert into payments values (1); commit; end",
		"create function cheat() returns int begin call commits(); return fail(1213); end")
	err = s.connect(p, several).exec(t.Context(), "select cheat()")
	require.EqualValues(t, 1422, number(err), "%v", err)
	require.Zero(t, s.number(payments))
}

// A table that is not transactional keeps what was done before ROLLBACK. The server says so, and no
// closure runs again over it.
func TestTableThatIsNotTransactional(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
		t.Helper()
		s.do("create table notes (id int) engine=myisam")
		runs := 0
		err := db.tx(t.Context(), func(exec execFunc) error {
			runs++
			return errors.Join(exec("insert into notes values (?)", 1), exec("insert into payments select fail(1213)"))
		})
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorContains(t, err, "1196")
		require.Equal(t, 1, runs)
		require.Equal(t, 1, s.number("select count(*) from notes"))
	})
}

// Reported of many programs (roundcube 7529, sequelize 8352, civicrm-packages 446): a deadlock
// undoes the transaction, the program goes on, each statement commits by itself, and the payment is
// half there.
func TestReportedClosureThatGoesOnAfterADeadlock(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, _ *holdfast.Pipeline, db client) {
		t.Helper()
		s.do("create table accounts (id int primary key, n int) engine=innodb", "insert into accounts values (1, 0), (2, 0)")
		other, err := s.admin.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = other.ExecContext(t.Context(), "update accounts set n = n + 1 where id = 2")
		require.NoError(t, err)
		_, err = other.ExecContext(t.Context(), "insert into attempts select 1 from (select 1 union select 2) weight") // so that the closure is the victim
		require.NoError(t, err)
		deadlocks := 0
		err = db.tx(t.Context(), func(exec execFunc) error {
			if err := exec("update accounts set n = n - 10 where id = 1"); err != nil {
				return err
			}
			waits := async(func() error {
				_, err := other.ExecContext(t.Context(), "update accounts set n = n + 1 where id = 1")
				return err
			})
			// It waits for the closure's row. (innodb_lock_waits is a cache that many readers keep
			// from being renewed.)
			s.eventually(1, "select count(*) from information_schema.processlist where db = database() and state = 'Updating' and id <> connection_id()")
			if number(exec("update accounts set n = n + 10 where id = 2")) == 1213 {
				deadlocks++
			}
			require.NoError(t, waits())
			require.NoError(t, other.Commit())
			return exec("insert into payments values (1)") // goes on
		})
		require.Equal(t, 1, deadlocks)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, 1, s.number(payments), "which is there without its transfer")
	})
}

// A statement that commits by itself ends the transaction.
func TestStatementThatEndsATransaction(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"DDL":    "create table other (id int)",
		"CALL":   "call pay(2, 0)",
		"COMMIT": "commit",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
				t.Helper()
				err := db.tx(t.Context(), func(exec execFunc) error {
					return errors.Join(exec("insert into payments values (1)"), exec(statement), exec("insert into payments select fail(1205 + 1)"))
				})
				require.EqualValues(t, 1206, number(err))
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.EqualValues(t, 1, p.Snapshot().Attempts)
				require.Equal(t, 1, s.number("select count(*) from payments where id = 1"))
			})
		})
	}
}
