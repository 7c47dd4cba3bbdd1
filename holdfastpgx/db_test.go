package holdfastpgx_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newDB(t testing.TB, pool *pgxpool.Pool, p *holdfast.Pipeline, opts ...holdfastpgx.Option) *holdfastpgx.DB {
	t.Helper()
	db, err := holdfastpgx.New(pool, p, opts...)
	require.NoError(t, err)
	return db
}

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

// The stages of newPipeline, with this package's Classify in every Config that takes one.
func newClassifyingPipeline(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	loop := retry.Custom(2, 50*time.Millisecond, time.Second, false)
	loop.Classify = holdfastpgx.Classify
	p, err := holdfast.New("payments",
		loop,
		breaker.Config{ConsecutiveFailures: 100, MinRequests: 100, Classify: holdfastpgx.Classify},
		deadline.In(time.Second),
	)
	require.NoError(t, err)
	return p
}

func breakerCounts(p *holdfast.Pipeline) breaker.Counts { return p.Snapshot().Breakers[0].Counts }

func TestExec(t *testing.T) {
	for _, c := range []struct {
		name     string
		faults   map[string][]fault
		marked   bool   // idempotent
		want     error  // by errors.Is
		state    string // of the PgError in it
		unknown  bool   // the outcome
		seen     string
		failures uint64 // that the breaker counted
	}{
		{name: "all well", seen: "insert"},
		{name: "dies in mid-query", faults: map[string][]fault{"insert": {die}}, unknown: true, seen: "insert", failures: 1},
		{name: "dies in mid-query, marked", faults: map[string][]fault{"insert": {die}}, marked: true, seen: "insert insert", failures: 1},
		{name: "hangs", faults: map[string][]fault{"insert": {hang}}, want: context.DeadlineExceeded, unknown: true, seen: "insert", failures: 1},
		{name: "hangs, marked", faults: map[string][]fault{"insert": {hang}}, marked: true, seen: "insert insert", failures: 1},
		{name: "terminated", faults: map[string][]fault{"insert": {fatal("57P01")}}, state: "57P01", unknown: true, seen: "insert", failures: 1},
		{name: "terminated, marked", faults: map[string][]fault{"insert": {fatal("57P01")}}, marked: true, seen: "insert insert", failures: 1},
		{name: "refused twice", faults: map[string][]fault{"dial": {die, die}}, seen: "insert", failures: 2},
		{name: "refused for good", faults: map[string][]fault{"dial": {die, die, die}}, want: syscall.ECONNREFUSED, failures: 3},
		{name: "dies while connecting", faults: map[string][]fault{"connect": {die}}, seen: "insert", failures: 1},
		{name: "starting up", faults: map[string][]fault{"connect": {fatal("57P03")}}, seen: "insert", failures: 1},
		{name: "too many connections", faults: map[string][]fault{"connect": {fatal("53300")}}, seen: "insert", failures: 1},
		{name: "wrong password", faults: map[string][]fault{"connect": {fatal("28P01")}}, state: "28P01"},
		{name: "serialization failure", faults: map[string][]fault{"insert": {fails("40001")}}, seen: "insert insert"},
		{name: "deadlock", faults: map[string][]fault{"insert": {fails("40P01")}}, seen: "insert insert"},
		{name: "deadlocks", faults: map[string][]fault{"insert": {fails("40P01"), fails("40P01"), fails("40P01")}}, want: retry.ErrExhausted, state: "40P01", seen: "insert insert insert"},
		{name: "limit exceeded", faults: map[string][]fault{"insert": {fails("53400")}}, seen: "insert insert", failures: 1},
		{name: "unique violation", faults: map[string][]fault{"insert": {fails("23505")}}, state: "23505", seen: "insert"},
		{name: "no such table", faults: map[string][]fault{"insert": {fails("42P01")}}, state: "42P01", seen: "insert"},
		{name: "ambiguous result", faults: map[string][]fault{"insert": {fails("40003")}}, state: "40003", unknown: true, seen: "insert", failures: 1},
		{name: "stale plan", faults: map[string][]fault{"insert": {stale}}, seen: "insert insert", failures: 1},
		{name: "read-only", faults: map[string][]fault{"insert": {fails("25006")}}, seen: "insert insert", failures: 1},
	} {
		for name, build := range map[string]func(*testing.T) *holdfast.Pipeline{"": newPipeline, ", classifying": newClassifyingPipeline} {
			t.Run(c.name+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					faults := map[string][]fault{}
					for what, list := range c.faults {
						faults[what] = append([]fault{}, list...)
					}
					server, pool := newPool(t, faults)
					p := build(t)
					ctx := t.Context()
					if c.marked {
						ctx = resilience.MarkIdempotent(ctx)
					}
					_, err := newDB(t, pool, p).Exec(ctx, "insert into payments values (1)")
					require.Equal(t, c.want != nil || c.state != "" || c.unknown, err != nil, "%v", err)
					if c.want != nil {
						require.ErrorIs(t, err, c.want)
					}
					if e, ok := errors.AsType[*pgconn.PgError](err); ok || c.state != "" {
						require.Equal(t, c.state, e.Code)
					}
					require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
					require.Equal(t, c.seen, server.seen())
					if name == "" {
						require.Equal(t, c.failures, breakerCounts(p).Failures)
					}
				})
			})
		}
	}
}

// The first attempt of a marked call may have carried it out, whatever the last attempt says.
func TestDoubtOutlivesTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"update": {die, fails("23505")}})
		_, err := newDB(t, pool, newPipeline(t)).Exec(resilience.MarkIdempotent(t.Context()), "update payments")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorIs(t, err, retry.ErrNotRetryable)
		e, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok)
		require.Equal(t, "23505", e.Code)
		require.Equal(t, "update update", server.seen())
	})
}

// errors.Is finds pgx's error in the error of a call. If the outcome is known, the text is pgx's.
func TestErrorsStayReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool := newPool(t, map[string][]fault{"insert": {fails("23505")}})
		_, err := newDB(t, pool, newPipeline(t)).Exec(t.Context(), "insert into payments")
		e, ok := errors.AsType[*pgconn.PgError](err)
		require.True(t, ok)
		require.EqualError(t, err, e.Error())
		require.Equal(t, resilience.Permanent, resilience.Classify(err))
	})
}

func TestNoRowsIsASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, nil)
		p := newPipeline(t)
		var n int
		err := newDB(t, pool, p).QueryRow(t.Context(), "select nothing").Scan(&n)
		require.Same(t, pgx.ErrNoRows, err)
		require.Zero(t, p.Snapshot().Failed)
		require.EqualValues(t, 1, breakerCounts(p).Successes)
		require.Equal(t, "select", server.seen())
	})
}

func TestQueryRowAndCollectReadWithinTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The connection dies when one row is there already.
		halfway := func(s *session) {
			s.send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("n"), DataTypeOID: 23, DataTypeSize: 4}}},
				&pgproto3.DataRow{Values: [][]byte{[]byte("41")}})
			_ = s.conn.Close()
		}
		server, pool := newPool(t, map[string][]fault{"select": {halfway, halfway, nil, halfway}})
		db := newDB(t, pool, newPipeline(t))
		ctx := resilience.MarkIdempotent(t.Context())

		all, err := holdfastpgx.Collect(ctx, db, pgx.RowTo[int32], "select n")
		require.NoError(t, err)
		require.Equal(t, []int32{42}, all, "the row of an attempt that failed is not among them")
		require.Equal(t, "select select select", server.seen())

		all, err = holdfastpgx.Collect(t.Context(), db, pgx.RowTo[int32], "select n") // a function in it may have written
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Nil(t, all)

		var n int32
		require.NoError(t, db.QueryRow(ctx, "select n").Scan(&n))
		require.EqualValues(t, 42, n)
		all, err = holdfastpgx.Collect(ctx, db, pgx.RowTo[int32], "select nothing")
		require.NoError(t, err)
		require.Equal(t, []int32{}, all)
	})
}

// A call that the caller canceled is no failure of the server, but it may have been carried out.
func TestCallerCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"insert": {hang}})
		p := newPipeline(t)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		_, err := newDB(t, pool, p).Exec(ctx, "insert into payments")
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, resilience.Canceled, resilience.Classify(err))
		require.Equal(t, "insert", server.seen())
		require.Zero(t, breakerCounts(p).Failures)
	})
}

// If the pool has no free connection, nothing is sent, so the outcome is known.
func TestNoConnectionIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, nil)
		for range 4 {
			conn, err := pool.Acquire(t.Context())
			require.NoError(t, err)
			defer conn.Release()
		}
		_, err := newDB(t, pool, newPipeline(t)).Exec(t.Context(), "insert into payments")
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Empty(t, server.seen())
	})
}

// A connection to a former primary is replaced before the next attempt.
func TestReadOnlyServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"insert": {fails("25006")}})
		db := newDB(t, pool, newPipeline(t))
		_, err := db.Exec(t.Context(), "insert into payments")
		require.NoError(t, err)
		require.Equal(t, 2, server.opened())
		_, err = db.Exec(t.Context(), "insert into payments")
		require.NoError(t, err)
		require.Equal(t, 2, server.opened())
	})
}

// Part of fn's work may have been carried out: fn runs again only if the call is marked.
func TestConnRunsOnceUnlessMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"dial": {die}, "update": {fails("40001"), fails("40001")}})
		db := newDB(t, pool, newPipeline(t))
		move := func(ctx context.Context, conn *pgxpool.Conn) error {
			if _, err := conn.Exec(ctx, "insert into payments"); err != nil {
				return err
			}
			_, err := conn.Exec(ctx, "update accounts")
			return err
		}
		require.ErrorIs(t, db.Conn(t.Context(), move), resilience.ErrOutcomeUnknown)
		require.Equal(t, "insert update", server.seen())
		require.NoError(t, db.Conn(resilience.MarkIdempotent(t.Context()), move))
		require.Equal(t, "insert update insert update insert update", server.seen())
	})
}

// New names every problem at once.
func TestNilPartsAreErrors(t *testing.T) {
	_, err := holdfastpgx.New(nil, nil, nil, holdfastpgx.WithClassifier(nil), holdfastpgx.WithAtomic(nil))
	for _, what := range []string{
		"holdfastpgx: pool is nil", "pipeline is nil", "an option is nil", "WithClassifier is nil", "WithAtomic is nil",
	} {
		require.ErrorContains(t, err, what)
	}
}

// A zero DB returns an error, and does not panic.
func TestUnmade(t *testing.T) {
	for _, db := range []*holdfastpgx.DB{nil, {}} {
		_, err := db.Exec(t.Context(), "SELECT 1")
		require.ErrorContains(t, err, "pool")
		require.ErrorContains(t, db.QueryRow(t.Context(), "SELECT 1").Scan(), "pool")
		require.ErrorContains(t, db.Tx(t.Context(), pgx.TxOptions{}, nil), "pool")
	}
}
