package holdfastsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// pgError has its severity in fields, like pgx's errors. SeverityUnlocalized is not translated.
type pgError struct {
	Severity            string
	SeverityUnlocalized string
	Code                string
}

func (e *pgError) Error() string    { return e.Severity + " " + e.Code }
func (e *pgError) SQLState() string { return e.Code }

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		err  error
		want holdfastsql.Answer
	}{
		{nil, holdfastsql.NoAnswer},
		{errBoom, holdfastsql.NoAnswer},
		{errors.New("invalid connection"), holdfastsql.NoAnswer}, // go-sql-driver's
		{errors.New("conn closed"), holdfastsql.NoAnswer},        // pgx's
		{sql.ErrConnDone, holdfastsql.NoAnswer},
		{syscall.ECONNRESET, holdfastsql.NoAnswer},
		{context.DeadlineExceeded, holdfastsql.NoAnswer},
		{stateError("235"), holdfastsql.NoAnswer},
		{stateError("23505"), holdfastsql.Undone},
		{fmt.Errorf("wrapped: %w", stateError("23505")), holdfastsql.Undone},
		{stateError("PAY01"), holdfastsql.Undone}, // RAISE … USING ERRCODE
		{stateError("57014"), holdfastsql.Undone},
		{stateError("53200"), holdfastsql.Undone},
		{stateError("40001"), holdfastsql.LostRace},
		{stateError("40P01"), holdfastsql.LostRace},
		{stateError("55P03"), holdfastsql.LostRace},
		{stateError("25006"), holdfastsql.ReadOnly},
		{stateError("40003"), holdfastsql.NoAnswer},
		{stateError("08006"), holdfastsql.NoAnswer},
		{stateError("08P01"), holdfastsql.NoAnswer},
		{stateError("57P01"), holdfastsql.NoAnswer},
		{stateError("57000"), holdfastsql.NoAnswer},
		{stateError("57P05"), holdfastsql.NoAnswer},
		{stateError("58030"), holdfastsql.NoAnswer},
		{stateError("25P03"), holdfastsql.NoAnswer},
		{stateError("25P04"), holdfastsql.NoAnswer},
		{stateError("XX000"), holdfastsql.NoAnswer},
		{stateError("HY000"), holdfastsql.NoAnswer},
		{stateError("70100"), holdfastsql.NoAnswer},
		{stateError("53100"), holdfastsql.NoAnswer},
		{&pgError{"ERROR", "ERROR", "53100"}, holdfastsql.Undone},
		{&pgError{"PANIC", "PANIC", "53100"}, holdfastsql.NoAnswer},
		{&pgError{"FATAL", "", "23505"}, holdfastsql.NoAnswer},
		{&pgError{"PANIK", "PANIC", "40001"}, holdfastsql.NoAnswer},
		{&pgError{"FEHLER", "ERROR", "23505"}, holdfastsql.Undone},
		{&pgError{"FEHLER", "", "23505"}, holdfastsql.Undone},
		{&pgError{"FEHLER", "", "53100"}, holdfastsql.NoAnswer},
		{&numbered{1062, [5]byte([]byte("23000"))}, holdfastsql.Undone},
		{&numbered{1213, [5]byte([]byte("40001"))}, holdfastsql.LostRace},
		{&numbered{1205, [5]byte([]byte("HY000"))}, holdfastsql.NoAnswer},
		{&numbered{1062, [5]byte{}}, holdfastsql.NoAnswer},
		{(*numbered)(nil), holdfastsql.NoAnswer},
	} {
		require.Equal(t, c.want, holdfastsql.Answers(c.err), "%v", c.err)
	}
}

// If one call sends several transactions, the error of the last one proves nothing: the first may
// be committed.
func TestStatementsThatAreNotKnownToBeAtomic(t *testing.T) {
	for _, query := range []string{
		"call pay(1)", "do $$ begin commit; end $$", "insert into a values (1); insert into b values (1)",
		"create index concurrently i on payments (id)", "pay",
	} {
		for _, state := range []string{"40001", "40P01", "55P03", "57014", "23505", "53400", "25006"} {
			t.Run(query+", "+state, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					first := map[string]fault{}
					faults := map[string][]fault{}
					for _, word := range []string{"call", "do", "insert", "create", "pay"} {
						first[word] = fails(stateError(state))
						faults[word] = []fault{first[word]}
					}
					database, pool := open(t, faults)
					p := newPipeline(t)
					db := newDB(t, pool, p)
					_, err := db.Exec(t.Context(), query)
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.ErrorIs(t, err, stateError(state))
					require.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
					require.True(t, resilience.NoRetry(err))
					require.False(t, resilience.Unsent(err))
					require.Len(t, database.noted, 1)
					lost := state == "40001" || state == "40P01" || state == "55P03" || state == "23505"
					require.Equal(t, lost, breakerCounts(p).Failures == 0, "a lost race says nothing about the database")

					if state == "23505" {
						return
					}
					for word, f := range first {
						database.faults[word] = []fault{f}
					}
					_, err = db.Exec(resilience.MarkIdempotent(t.Context()), query)
					require.NoError(t, err)
					require.Len(t, database.noted, 3)
				})
			})
		}
	}
}

// The user may know more than Atomic, for example that a procedure does not commit.
func TestWithAtomic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, map[string][]fault{"call": {fails(stateError("40001"))}})
		db := newDB(t, pool, newPipeline(t), holdfastsql.WithAtomic(func(query string) bool { return query == "call pay(1)" }))
		_, err := db.Exec(t.Context(), "call pay(1)")
		require.NoError(t, err)
		require.Equal(t, "call call", database.seen())
	})
}

// An argument may make a driver send another text.
type rewriter struct{}

func (rewriter) RewriteQuery() string { return "call pay()" }

func TestRewrittenStatementIsNotAtomic(t *testing.T) {
	_, pool := open(t, map[string][]fault{"insert": {fails(stateError("40001"))}})
	pool.SetMaxIdleConns(-1)
	db := newDB(t, pool, newPipeline(t))
	_, err := db.Exec(t.Context(), "insert into payments values (1)", rewriter{})
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// A call that provably changed nothing is retried even if only such calls may be, and its outcome
// is never unknown.
func TestProofUnderMarkOnceAndOnlyUnsent(t *testing.T) {
	onlyUnsent := func(t *testing.T) *holdfast.Pipeline {
		t.Helper()
		loop := retry.Custom(2, 50*time.Millisecond, time.Second, false)
		loop.OnlyUnsent = true
		p, err := holdfast.New("payments", loop, breaker.Config{})
		require.NoError(t, err)
		return p
	}
	none := func(ctx context.Context) context.Context { return ctx }
	for name, c := range map[string]struct {
		faults map[string][]fault
		tx     bool
		want   error
		seen   string
	}{
		"refused":                {faults: map[string][]fault{"connect": {fails(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})}}, seen: "insert"},
		"bad connection of pool": {faults: map[string][]fault{"connect": {fails(syscall.ECONNRESET)}}, seen: "insert"},
		"deadlock":               {faults: map[string][]fault{"insert": {fails(stateError("40P01"))}}, seen: "insert insert"},
		"limit":                  {faults: map[string][]fault{"insert": {fails(stateError("53400"))}}, seen: "insert insert"},
		"duplicate":              {faults: map[string][]fault{"insert": {fails(stateError("23505"))}}, want: stateError("23505"), seen: "insert"},
		"reset in a transaction": {faults: map[string][]fault{"insert": {fails(syscall.ECONNRESET)}}, tx: true, seen: "begin insert rollback begin insert commit"},
		"reset in BEGIN":         {faults: map[string][]fault{"begin": {fails(syscall.ECONNRESET)}}, tx: true, seen: "begin begin insert commit"},
		"race in COMMIT":         {faults: map[string][]fault{"commit": {fails(stateError("40001"))}}, tx: true, seen: "begin insert commit begin insert commit"},
		"no row of fn":           {faults: map[string][]fault{"insert": {fails(sql.ErrNoRows)}}, tx: true, want: sql.ErrNoRows, seen: "begin insert rollback"},
		"unknown error of fn":    {faults: map[string][]fault{"insert": {fails(errBoom)}}, tx: true, want: errBoom, seen: "begin insert rollback"},
	} {
		for how, ctx := range map[string]func(context.Context) context.Context{"MarkOnce": resilience.MarkOnce, "OnlyUnsent": none} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					database, pool := open(t, clone(c.faults))
					p := newPipeline(t)
					if how == "OnlyUnsent" {
						p = onlyUnsent(t)
					}
					db := newDB(t, pool, p)
					var err error
					if c.tx {
						err = db.Tx(ctx(t.Context()), nil, insert)
					} else {
						_, err = db.Exec(ctx(t.Context()), "insert into payments values (1)")
					}
					require.ErrorIs(t, err, c.want)
					require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.Equal(t, c.seen, database.seen())
				})
			})
		}
	}
}

// The later mark wins.
func TestMarkOnceOverrulesMarkIdempotent(t *testing.T) {
	database, pool := open(t, map[string][]fault{"insert": {fails(syscall.ECONNRESET)}})
	_, err := newDB(t, pool, newPipeline(t)).Exec(resilience.MarkOnce(resilience.MarkIdempotent(t.Context())), "insert into payments values (1)")
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, "insert", database.seen())
}

// A closure that called another service with an unknown outcome must not run again.
func TestDoubtOfTheClosureStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, nil)
		db := newDB(t, pool, newPipeline(t))
		charge := func(context.Context, *sql.Tx) error {
			return fmt.Errorf("charge: %w: %w", resilience.ErrOutcomeUnknown, syscall.ECONNRESET)
		}
		err := db.Tx(t.Context(), nil, charge)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, "begin rollback", database.seen())
		require.EqualError(t, err, "charge: whether the call was carried out is unknown: connection reset by peer", "said once")

		err = db.Tx(resilience.MarkIdempotent(t.Context()), nil, charge)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorIs(t, err, retry.ErrExhausted)
	})
}

// If the outcome of one attempt is unknown, that of the call is, whatever ends the call: an answer,
// a refusal, the caller.
func TestDoubtOfAnEarlierAttemptStays(t *testing.T) {
	reset := fails(syscall.ECONNRESET)
	for name, c := range map[string]struct {
		second fault
		where  string
		open   bool
	}{
		"duplicate":    {fails(stateError("23505")), "insert", false},
		"lost races":   {fails(stateError("40001")), "insert", false},
		"unknown":      {fails(errBoom), "insert", false},
		"refused":      {fails(syscall.ECONNREFUSED), "connect", false},
		"open breaker": {nil, "insert", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := map[string][]fault{"insert": {reset}}
				if c.where == "connect" {
					faults["connect"] = []fault{nil, c.second, c.second, c.second}
				} else {
					faults["insert"] = append(faults["insert"], c.second, c.second, c.second)
				}
				_, pool := open(t, faults)
				pool.SetMaxIdleConns(-1)
				stages := []resilience.Stage{retry.Custom(2, time.Millisecond, time.Millisecond, false)}
				if c.open {
					stages = append(stages, breaker.Config{ConsecutiveFailures: 1})
				}
				p, err := holdfast.New("payments", stages...)
				require.NoError(t, err)
				_, err = newDB(t, pool, p).Exec(resilience.MarkIdempotent(t.Context()), "insert into payments values (1)")
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.False(t, resilience.Unsent(err))
				require.False(t, resilience.Unasked(err))
			})
		})
	}
}

// If a row cannot be scanned, its statement was carried out.
func TestUnreadableRow(t *testing.T) {
	for name, query := range map[string]func(db *holdfastsql.DB) error{
		"QueryRow": func(db *holdfastsql.DB) error {
			var when time.Time
			return db.QueryRow(t.Context(), "select n").Scan(&when)
		},
		"Collect": func(db *holdfastsql.DB) error {
			_, err := holdfastsql.Collect(t.Context(), db, func(*sql.Rows) (int, error) { return 0, errBoom }, "select n")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			database, pool := open(t, nil)
			p := newPipeline(t)
			err := query(newDB(t, pool, p))
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.Equal(t, "select", database.seen())
			require.Zero(t, breakerCounts(p).Failures, "the database answered")
		})
	}
}

// An error that comes after the first row is the statement's.
func TestErrorAfterTheRow(t *testing.T) {
	for name, c := range map[string]struct {
		fault   fault
		unknown bool
	}{
		"deferred constraint": {fails(stateError("23505")), false},
		"reset":               {fails(syscall.ECONNRESET), true},
	} {
		t.Run(name, func(t *testing.T) {
			_, pool := open(t, map[string][]fault{"next": {nil, c.fault}})
			var n int
			err := newDB(t, pool, newPipeline(t)).QueryRow(t.Context(), "insert into payments returning id").Scan(&n)
			require.Error(t, err)
			require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
		})
	}
}

func TestRawBytesAreRefused(t *testing.T) {
	database, pool := open(t, nil)
	err := newDB(t, pool, newPipeline(t)).QueryRow(t.Context(), "select n").Scan(new(sql.RawBytes))
	require.ErrorContains(t, err, "want a []byte")
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Empty(t, database.seen())
}

// A database that cannot undo everything says so after ROLLBACK.
func TestWithRollbackCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errLeft := errors.New("not all was undone")
		database, pool := open(t, map[string][]fault{"insert": {fails(stateError("40001"))}})
		db := newDB(t, pool, newPipeline(t), holdfastsql.WithRollbackCheck(func(context.Context, *sql.Conn) error { return errLeft }))
		err := db.Tx(t.Context(), nil, insert)
		require.ErrorIs(t, err, errLeft)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, "begin insert rollback", database.seen())
	})
}

// Something ended a transaction that is over before its COMMIT: a database reports that without an
// error.
func TestWithTxCheck(t *testing.T) {
	for name, c := range map[string]struct {
		open    bool
		failure error
		fault   error
		unknown bool
		seen    string
	}{
		"open":                   {true, nil, nil, false, "begin insert commit"},
		"open, and failed":       {true, nil, stateError("23505"), false, "begin insert rollback"},
		"over":                   {false, nil, nil, true, "begin insert rollback"},
		"over, and failed":       {false, nil, stateError("53400"), true, "begin insert rollback"},
		"over by its lost race":  {false, nil, stateError("40001"), true, "begin insert rollback begin insert rollback"},
		"over, with a lost conn": {false, nil, syscall.ECONNRESET, true, "begin insert rollback"},
		"no answer":              {false, errBoom, nil, false, "begin insert rollback"},
		"no answer, and failed":  {false, errBoom, stateError("23505"), false, "begin insert rollback"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				database, pool := open(t, map[string][]fault{"insert": {func(context.Context) error { return c.fault }}})
				asked := 0
				db := newDB(t, pool, newPipeline(t),
					holdfastsql.WithTxCheck(func(context.Context, *sql.Tx) (bool, error) { asked++; return c.open, c.failure }))
				err := db.Tx(t.Context(), nil, insert)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.seen, database.seen())
				require.Equal(t, 1, asked)
			})
		})
	}
}

// Do repeats only what provably changed nothing.
func TestDoAsksForProof(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		runs    int
		unknown bool
	}{
		"reset":            {syscall.ECONNRESET, 1, true},
		"answer":           {stateError("40001"), 1, true},
		"proven answer":    {holdfastsql.ProveUndone(stateError("40001")), 3, false},
		"wrapped proof":    {fmt.Errorf("wrapped: %w", holdfastsql.ProveUndone(stateError("40001"))), 3, false},
		"proven reset":     {holdfastsql.ProveUndone(syscall.ECONNRESET), 3, false},
		"proof, and doubt": {errors.Join(holdfastsql.ProveUndone(syscall.ECONNRESET), resilience.ErrOutcomeUnknown), 1, true},
		"failed dial":      {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 3, false},
		"proven duplicate": {holdfastsql.ProveUndone(stateError("23505")), 1, false},
		"refused here":     {resilience.MarkRejected(errBoom), 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				err := holdfastsql.Do(t.Context(), newPipeline(t), nil, func(context.Context) error { runs++; return c.err })
				require.Error(t, err)
				require.Equal(t, c.runs, runs)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
			})
		})
	}
	require.NoError(t, holdfastsql.ProveUndone(nil))
}
