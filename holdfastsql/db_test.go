package holdfastsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"maps"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// newPipeline returns a pipeline that makes up to three attempts of at most a second.
func newPipeline(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments",
		budget.Config{},
		retry.Custom(2, 50*time.Millisecond, time.Second, false),
		breaker.Config{ConsecutiveFailures: 100, MinRequests: 100},
		deadline.In(time.Second),
	)
	require.NoError(t, err)
	return p
}

func newDB(t testing.TB, pool *sql.DB, p *holdfast.Pipeline, opts ...holdfastsql.Option) *holdfastsql.DB {
	t.Helper()
	db, err := holdfastsql.New(pool, p, opts...)
	require.NoError(t, err)
	return db
}

// The same, with this package's Classify in every Config that takes one.
func newClassifyingPipeline(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	loop := retry.Custom(2, 50*time.Millisecond, time.Second, false)
	loop.Classify = holdfastsql.Classify
	p, err := holdfast.New("payments",
		loop,
		breaker.Config{ConsecutiveFailures: 100, MinRequests: 100, Classify: holdfastsql.Classify},
		deadline.In(time.Second),
	)
	require.NoError(t, err)
	return p
}

func breakerCounts(p *holdfast.Pipeline) breaker.Counts { return p.Snapshot().Breakers[0].Counts }

func clone(faults map[string][]fault) map[string][]fault {
	all := maps.Clone(faults)
	for what, list := range all {
		all[what] = slices.Clone(list)
	}
	return all
}

func TestExec(t *testing.T) {
	reset, refused := fails(syscall.ECONNRESET), fails(syscall.ECONNREFUSED)
	for _, c := range []struct {
		name     string
		faults   map[string][]fault
		marked   bool  // idempotent
		want     error // by errors.Is; nil: the call succeeds
		unknown  bool  // the outcome
		seen     string
		failures int // that the breaker counted
	}{
		{name: "all well", seen: "insert"},
		{name: "reset", faults: map[string][]fault{"insert": {reset}}, want: syscall.ECONNRESET, unknown: true, seen: "insert", failures: 1},
		{name: "reset, marked", faults: map[string][]fault{"insert": {reset}}, marked: true, seen: "insert insert", failures: 1},
		{name: "end of stream", faults: map[string][]fault{"insert": {fails(io.EOF)}}, want: io.EOF, unknown: true, seen: "insert", failures: 1},
		{name: "bad connection", faults: map[string][]fault{"insert": {fails(driver.ErrBadConn)}}, want: driver.ErrBadConn, unknown: true, seen: "insert", failures: 1},
		{name: "bad connection, marked", faults: map[string][]fault{"insert": {fails(driver.ErrBadConn)}}, marked: true, seen: "insert insert", failures: 1},
		{name: "hangs", faults: map[string][]fault{"insert": {hang}}, want: context.DeadlineExceeded, unknown: true, seen: "insert", failures: 1},
		{name: "hangs, marked", faults: map[string][]fault{"insert": {hang}}, marked: true, seen: "insert insert", failures: 1},
		{name: "refused", faults: map[string][]fault{"connect": {refused, refused}}, seen: "insert", failures: 2},
		{name: "refused for good", faults: map[string][]fault{"connect": {refused, refused, refused}}, want: retry.ErrExhausted, failures: 3},
		{name: "bad connection of the pool", faults: map[string][]fault{"connect": {fails(driver.ErrBadConn), fails(driver.ErrBadConn), fails(driver.ErrBadConn)}}, seen: "insert", failures: 1},
		{name: "hangs while connecting", faults: map[string][]fault{"connect": {hang}}, seen: "insert", failures: 1},
		{name: "serialization failure", faults: map[string][]fault{"insert": {fails(stateError("40001"))}}, seen: "insert insert"},
		{name: "deadlocks", faults: map[string][]fault{"insert": {fails(stateError("40P01")), fails(stateError("40P01")), fails(stateError("40P01"))}}, want: stateError("40P01"), seen: "insert insert insert"},
		{name: "too many connections", faults: map[string][]fault{"connect": {fails(stateError("53300"))}}, seen: "insert", failures: 1},
		{name: "terminated", faults: map[string][]fault{"insert": {fails(stateError("57P01"))}}, want: stateError("57P01"), unknown: true, seen: "insert", failures: 1},
		{name: "proxy lost its server", faults: map[string][]fault{"insert": {fails(stateError("08P01"))}}, want: stateError("08P01"), unknown: true, seen: "insert", failures: 1},
		{name: "internal error", faults: map[string][]fault{"insert": {fails(stateError("XX000"))}}, want: stateError("XX000"), unknown: true, seen: "insert", failures: 1},
		{name: "unique violation", faults: map[string][]fault{"insert": {fails(stateError("23505"))}}, want: stateError("23505"), seen: "insert"},
		{name: "wrong password", faults: map[string][]fault{"connect": {fails(stateError("28P01"))}}, want: stateError("28P01")},
		{name: "marked, reset and then refused", faults: map[string][]fault{"insert": {reset}, "connect": {nil, refused, refused}}, marked: true, want: retry.ErrExhausted, unknown: true, seen: "insert", failures: 3},
		{name: "unknown error", faults: map[string][]fault{"insert": {fails(errBoom)}}, want: errBoom, unknown: true, seen: "insert", failures: 1},
		{name: "unknown error, marked", faults: map[string][]fault{"insert": {fails(errBoom)}}, marked: true, want: errBoom, unknown: true, seen: "insert", failures: 1},
		{name: "unknown error of the pool", faults: map[string][]fault{"connect": {fails(errBoom)}}, want: errBoom, failures: 1},
	} {
		for name, build := range map[string]func(*testing.T) *holdfast.Pipeline{"": newPipeline, ", classifying": newClassifyingPipeline} {
			t.Run(c.name+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					database, pool := open(t, clone(c.faults))
					pool.SetMaxIdleConns(-1) // each attempt connects
					p := build(t)
					ctx := t.Context()
					if c.marked {
						ctx = resilience.MarkIdempotent(ctx)
					}
					_, err := newDB(t, pool, p).Exec(ctx, "insert into payments values (1)")
					require.ErrorIs(t, err, c.want)
					require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
					require.Equal(t, c.seen, database.seen())
					if name == "" {
						require.EqualValues(t, c.failures, breakerCounts(p).Failures)
					}
				})
			})
		}
	}
}

var errBoom = errors.New("boom")

// errors.Is finds the driver's error in the error of a call. If the outcome is known, the text is
// the driver's.
func TestErrorsStayReachable(t *testing.T) {
	_, pool := open(t, map[string][]fault{"insert": {fails(stateError("23505"))}, "connect": {nil, fails(errBoom)}})
	pool.SetMaxIdleConns(-1) // each call connects
	db := newDB(t, pool, newPipeline(t))
	_, err := db.Exec(t.Context(), "insert into payments values (1)")
	require.ErrorIs(t, err, stateError("23505"))
	require.EqualError(t, err, "SQLSTATE 23505")
	require.Equal(t, resilience.Permanent, resilience.Classify(err))
	_, err = db.Exec(t.Context(), "insert into payments values (1)")
	require.ErrorIs(t, err, errBoom)
	require.EqualError(t, err, "boom")
}

func TestNoRowsIsASuccess(t *testing.T) {
	_, pool := open(t, nil)
	p := newPipeline(t)
	var n int
	err := newDB(t, pool, p).QueryRow(t.Context(), "select nothing").Scan(&n)
	require.Same(t, sql.ErrNoRows, err)
	require.Zero(t, p.Snapshot().Failed)
	require.EqualValues(t, 1, breakerCounts(p).Successes)
}

func scanInt(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) }

func TestQueryRowAndCollectReadWithinTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, map[string][]fault{"next": {nil, fails(io.ErrUnexpectedEOF)}})
		db := newDB(t, pool, newPipeline(t))
		ctx := resilience.MarkIdempotent(t.Context())
		all, err := holdfastsql.Collect(ctx, db, scanInt, "select n")
		require.NoError(t, err)
		require.Equal(t, []int{2, 1}, all, "the row of the attempt that failed is not among them")
		require.Equal(t, "select select", database.seen())

		all, err = holdfastsql.Collect(ctx, db, scanInt, "select nothing")
		require.NoError(t, err)
		require.Equal(t, []int{}, all)

		var n int
		require.NoError(t, db.QueryRow(ctx, "select n").Scan(&n))
		require.Equal(t, 2, n)

		database.faults["next"] = []fault{nil, fails(io.ErrUnexpectedEOF)}
		all, err = holdfastsql.Collect(t.Context(), db, scanInt, "select n") // a function in it may have written
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Nil(t, all)

		_, err = holdfastsql.Collect(ctx, db, func(*sql.Rows) (int, error) { return 0, errBoom }, "select n")
		require.ErrorIs(t, err, errBoom)
	})
}

// A call that the caller canceled is no failure of the database, but it may have been carried out.
func TestCallerCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, map[string][]fault{"insert": {hang}})
		p := newPipeline(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := newDB(t, pool, p).Exec(ctx, "insert")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, resilience.Canceled, resilience.Classify(err))
		require.Equal(t, "insert", database.seen())
		require.Zero(t, breakerCounts(p).Failures)
	})
}

// A connection to a former primary is replaced before the next attempt.
func TestReadOnlyServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses := []fault{fails(stateError("25006"))}
		database, pool := open(t, map[string][]fault{"insert": refuses, "update": refuses})
		db := newDB(t, pool, newPipeline(t))
		_, err := db.Exec(t.Context(), "insert into payments")
		require.NoError(t, err)
		require.NoError(t, db.Tx(t.Context(), nil, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "update")
			return err
		}))
		require.Equal(t, "insert insert begin update rollback begin update commit", database.seen())
		require.Equal(t, 3, database.connects())
	})
}

// Part of fn's work may have been carried out: fn runs again only if the call is marked.
func TestConnRunsOnceUnlessMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		serialization := fails(stateError("40001"))
		database, pool := open(t, map[string][]fault{
			"connect": {fails(syscall.ECONNREFUSED)}, "update": {serialization, serialization},
		})
		db := newDB(t, pool, newPipeline(t))
		move := func(ctx context.Context, conn *sql.Conn) error {
			if _, err := conn.ExecContext(ctx, "insert"); err != nil {
				return err
			}
			_, err := conn.ExecContext(ctx, "update")
			return err
		}
		require.ErrorIs(t, db.Conn(t.Context(), move), resilience.ErrOutcomeUnknown)
		require.Equal(t, "insert update", database.seen())
		require.NoError(t, db.Conn(resilience.MarkIdempotent(t.Context()), move))
		require.Equal(t, "insert update insert update insert update", database.seen())
	})
}

func TestWithClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, pool := open(t, map[string][]fault{"insert": {fails(errBoom)}})
		db := newDB(t, pool, newPipeline(t), holdfastsql.WithClassifier(func(err error) resilience.Verdict {
			if errors.Is(err, errBoom) {
				return resilience.Transient
			}
			return holdfastsql.Classify(err)
		}))
		_, err := db.Exec(resilience.MarkIdempotent(t.Context()), "insert")
		require.NoError(t, err)
		require.Equal(t, "insert insert", database.seen())
	})
}

// An error that a classifier calls Permanent is not retried, whatever resilience.Classify says.
func TestClassifierRefusesARetry(t *testing.T) {
	_, pool := open(t, map[string][]fault{"connect": {fails(syscall.ECONNREFUSED)}})
	db := newDB(t, pool, newPipeline(t), holdfastsql.WithClassifier(func(error) resilience.Verdict { return resilience.Permanent }))
	_, err := db.Exec(t.Context(), "insert")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, resilience.Permanent, resilience.Classify(err))
}

// New names every problem at once.
func TestNilPartsAreErrors(t *testing.T) {
	_, err := holdfastsql.New(nil, nil, nil, holdfastsql.WithClassifier(nil), holdfastsql.WithAnswers(nil),
		holdfastsql.WithAtomic(nil), holdfastsql.WithTxCheck(nil), holdfastsql.WithRollbackCheck(nil))
	for _, what := range []string{
		"holdfastsql: pool is nil", "pipeline is nil", "an option is nil", "WithClassifier is nil", "WithAnswers is nil",
		"WithAtomic is nil", "WithTxCheck is nil", "WithRollbackCheck is nil",
	} {
		require.ErrorContains(t, err, what)
	}
	_, ok := errors.AsType[*resilience.FieldError](err)
	require.True(t, ok)
	_, err = holdfastsql.New(nil, new(holdfast.Pipeline), holdfastsql.WithName("holdfastfoo"))
	require.EqualError(t, err, "holdfastfoo: pool is nil; want one made by sql.Open\n"+
		"holdfastfoo: pipeline is zero; want one made by holdfast.New")
}

// A zero DB and a zero Row return errors, and do not panic.
func TestUnmade(t *testing.T) {
	for _, db := range []*holdfastsql.DB{nil, {}} {
		_, err := db.Exec(t.Context(), "SELECT 1")
		require.ErrorContains(t, err, "pool")
		require.ErrorContains(t, db.QueryRow(t.Context(), "SELECT 1").Scan(), "pool")
		require.ErrorContains(t, db.Tx(t.Context(), nil, nil), "pool")
	}
	require.ErrorContains(t, new(holdfastsql.Row).Scan(), "pool")
}
