package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// several are calls that are several transactions, or may be: payment 1 is there when the error
// comes.
var several = map[string]struct {
	statement string
	args      []any
	state     string
}{
	"CALL, serialization":    {"call pay($1, '40001')", []any{1}, "40001"},
	"CALL, deadlock":         {"call pay($1, '40P01')", []any{1}, "40P01"},
	"CALL, lock":             {"call pay(1, '55P03')", nil, "55P03"},
	"CALL, timeout":          {"call pay(1, '57014')", nil, "57014"},
	"CALL, duplicate":        {"call pay(1, '23505')", nil, "23505"},
	"CALL, overload":         {"call pay(1, '53400')", nil, "53400"},
	"CALL, read-only":        {"call pay(1, '25006')", nil, "25006"},
	"CALL behind a comment":  {"/* insert into payments */ call pay(1, '40001')", nil, "40001"},
	"CALL behind a nest":     {"/* /* */ insert into payments */ call pay(1, '40001')", nil, "40001"},
	"CALL behind a line":     {"-- insert into payments\rcall pay(1, '40001')", nil, "40001"},
	"DO":                     {"do $$ begin insert into payments values (1); commit; perform fail('40001'); end $$", nil, "40001"},
	"two with a commit":      {"insert into payments values (1); commit; select fail('40001')", nil, "40001"},
	"two with a literal":     {"insert into payments values (length('\\')); commit; select fail('40001'); -- ')", nil, "40001"},
	"two with a dollar":      {"insert into payments values (length($a$;$a$)); commit; select fail('40001')", nil, "40001"},
	"two with E''":           {`insert into payments values (length(E'\'')); commit; select fail('40001'); select E'\''`, nil, "40001"},
	"two in a begin":         {"begin; insert into payments values (1); commit; insert into orders values (1), (1)", nil, "23505"},
	"an index, concurrently": {"create unique index concurrently broken on payments ((id / id))", nil, "23505"},
}

func TestSeveralTransactionsBehindOneCall(t *testing.T) {
	t.Parallel()
	for name, c := range several {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p, db := connect(t, patient)
					left := 1
					if strings.HasPrefix(c.statement, "create") {
						s.do("insert into payments values (1), (2)")
						left = 2
					}
					err := db.exec(t.Context(), c.statement, c.args...)
					require.Equal(t, c.state, sqlState(err), "%v", err)
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.EqualValues(t, 1, p.Snapshot().Attempts)
					require.Equal(t, left, s.number(payments))
				})
			}
		})
	}
}

// The controls: what the server says of one statement, or of a transaction of Tx, is proof.
func TestOneStatementIsProof(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"INSERT":            "insert into payments values (fail('23505'))",
		"WITH … INSERT":     "with one as (insert into payments values (1) returning id) select fail('23505') from one",
		"a literal comment": "insert into payments select 1 where '-- /*' <> '' and fail('23505') = 1",
		"E''":               `insert into payments select fail('23505') where E'\'' <> ''`,
		"dollar quotes":     "insert into payments select fail('23505') where $a$'$a$ <> ''",
		"a trigger":         "insert into triggered values (1)",
		"a deferred check":  "insert into deferred values (1), (1)",
		"a rule":            "insert into ruled values (1)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p, db := connect(t, patient)
					s.do(
						"create table triggered (id int)",
						`create function also() returns trigger language plpgsql as $$
						begin insert into payments values (new.id); perform fail('23505'); return new; end $$`,
						"create trigger also before insert on triggered for each row execute function also()",
						"create table deferred (id int unique deferrable initially deferred)",
						"create table ruled (id int)",
						"create rule also as on insert to ruled do also (insert into payments values (new.id); insert into payments values (fail('23505')))",
					)
					err := db.exec(t.Context(), statement)
					require.Equal(t, "23505", sqlState(err), "%v", err)
					require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.EqualValues(t, 1, p.Snapshot().Attempts)
					require.Zero(t, s.number("select (select count(*) from payments) + (select count(*) from triggered) + (select count(*) from deferred) + (select count(*) from ruled)"))
				})
			}
		})
	}
}

// A row of INSERT … RETURNING comes before a deferred constraint is looked at: what failed then is
// no success.
func TestDeferredConstraintAfterTheRow(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, db := connect(t, patient)
			s.do("create table deferred (id int unique deferrable initially deferred)", "insert into deferred values (1)")
			var n int
			for _, args := range [][]any{nil, {1}} {
				query := "insert into deferred values (1) returning id"
				if args != nil {
					query = "insert into deferred values ($1) returning id"
				}
				err := db.row(t.Context(), &n, query, args...)
				require.Equal(t, "23505", sqlState(err), "%v", err)
				require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			}
			require.Equal(t, 1, s.number("select count(*) from deferred"))
		})
	}
}

// A closure that sends COMMIT by itself has its payment there: no second run, and no "nothing
// happened".
func TestClosureThatCommits(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		if name != "pgx" { // through database/sql nobody can see it
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, db := connect(t, patient)
			err := db.tx(t.Context(), func(_ context.Context, exec execFunc) error {
				return errors.Join(exec("insert into payments values (1)"), exec("commit"), exec("select fail('40001')"))
			})
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.Equal(t, 1, s.number(payments))
		})
	}
}

// Inside a transaction PostgreSQL does not let a procedure commit.
func TestProcedureInATransaction(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, db := connect(t, patient)
			err := db.tx(t.Context(), func(_ context.Context, exec execFunc) error { return exec("call pay(1, '')") })
			require.Equal(t, "2D000", sqlState(err), "%v", err)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.Zero(t, s.number(payments))
		})
	}
}
