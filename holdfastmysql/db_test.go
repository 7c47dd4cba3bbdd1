package holdfastmysql_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastmysql"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newPipeline(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments", retry.Custom(2, time.Millisecond, time.Second, false), breaker.Config{ConsecutiveFailures: 100, MinRequests: 100})
	require.NoError(t, err)
	return p
}

func newDB(t *testing.T, s *server, p *holdfast.Pipeline, options ...holdfastmysql.Option) *holdfastsql.DB {
	t.Helper()
	pool := s.pool()
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	db, err := holdfastmysql.New(pool, p, options...)
	require.NoError(t, err)
	return db
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	_, err := holdfastmysql.New(nil, nil, nil, holdfastsql.WithAtomic(nil))
	require.EqualError(t, err, `holdfastmysql: an option is nil; leave it out
holdfastmysql: WithAtomic is nil; want a function that knows atomic statements; leave the option out for Atomic
holdfastmysql: pool is nil; want one made by sql.Open
holdfastmysql: pipeline is nil; want one made by holdfast.New`)
}

func TestExec(t *testing.T) {
	for name, c := range map[string]struct {
		errs     map[string][]error
		marked   bool
		query    string
		want     error
		unknown  bool
		seen     string
		opened   int
		failures int
	}{
		"deadlock":            {errs: map[string][]error{"insert": {number(1213, "40001")}}, seen: "insert insert", opened: 1},
		"lock wait":           {errs: map[string][]error{"insert": {number(1205, "HY000")}}, seen: "insert insert", opened: 1},
		"read-only":           {errs: map[string][]error{"insert": {number(1290, "HY000")}}, seen: "insert insert", opened: 2, failures: 1},
		"too many":            {errs: map[string][]error{"connect": {number(1040, "08004")}}, seen: "insert", opened: 1, failures: 1},
		"duplicate":           {errs: map[string][]error{"insert": {number(1062, "23000")}}, want: number(1062, ""), seen: "insert", opened: 1},
		"invalid connection":  {errs: map[string][]error{"insert": {mysql.ErrInvalidConn}}, want: mysql.ErrInvalidConn, unknown: true, seen: "insert", opened: 1, failures: 1},
		"the same, marked":    {errs: map[string][]error{"insert": {mysql.ErrInvalidConn}}, marked: true, seen: "insert insert", opened: 1, failures: 1},
		"in the handshake":    {errs: map[string][]error{"connect": {mysql.ErrInvalidConn}}, seen: "insert", opened: 1, failures: 1},
		"CALL":                {errs: map[string][]error{"call": {number(1213, "40001")}}, query: "call pay(1)", want: number(1213, ""), unknown: true, seen: "call", opened: 1},
		"two statements":      {errs: map[string][]error{"insert": {number(1062, "23000")}}, query: "insert into a values (1); insert into b values (1)", want: number(1062, ""), unknown: true, seen: "insert", opened: 1},
		"executable comment":  {errs: map[string][]error{"/*!": {number(1213, "40001")}}, query: "/*! insert into a values (1) */", want: number(1213, ""), unknown: true, seen: "/*!", opened: 1},
		"a number of nobody":  {errs: map[string][]error{"insert": {number(4999, "HY000")}}, want: number(4999, ""), unknown: true, seen: "insert", opened: 1, failures: 1},
		"killed, and unknown": {errs: map[string][]error{"insert": {number(1317, "70100")}}, want: number(1317, ""), unknown: true, seen: "insert", opened: 1, failures: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p, ctx, query := &server{errs: c.errs}, newPipeline(t), t.Context(), "insert into payments values (1)"
				if c.marked {
					ctx = resilience.MarkIdempotent(ctx)
				}
				if c.query != "" {
					query = c.query
				}
				_, err := newDB(t, s, p).Exec(ctx, query)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.seen, s.seen())
				require.Equal(t, c.opened, s.opened)
				require.EqualValues(t, c.failures, p.Snapshot().Breakers[0].Counts.Failures)
			})
		})
	}
}

func insert(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "insert into payments values (1)")
	return err
}

// A lock wait timeout undoes only the statement: Tx rolls back, and runs the closure again.
func TestTx(t *testing.T) {
	const once = "begin insert open? commit"
	for name, c := range map[string]struct {
		server  *server
		want    error
		unknown bool
		seen    string
	}{
		"all well":            {server: &server{}, seen: once},
		"lock wait":           {server: &server{errs: map[string][]error{"insert": {number(1205, "HY000")}}}, seen: "begin insert rollback show " + once},
		"deadlock in COMMIT":  {server: &server{errs: map[string][]error{"commit": {number(1213, "40001")}}}, seen: once + " " + once},
		"duplicate":           {server: &server{errs: map[string][]error{"insert": {number(1062, "23000")}}}, want: number(1062, ""), seen: "begin insert open? rollback show"},
		"lost":                {server: &server{errs: map[string][]error{"insert": {mysql.ErrInvalidConn}, "open?": {mysql.ErrInvalidConn}, "rollback": {mysql.ErrInvalidConn}}}, seen: "begin insert open? rollback " + once},
		"lost in COMMIT":      {server: &server{errs: map[string][]error{"commit": {mysql.ErrInvalidConn}}}, want: mysql.ErrInvalidConn, unknown: true, seen: once},
		"error in COMMIT":     {server: &server{errs: map[string][]error{"commit": {number(1180, "HY000")}}}, want: number(1180, ""), unknown: true, seen: once},
		"another warning":     {server: &server{errs: map[string][]error{"insert": {number(1205, "HY000")}}, warnings: []int64{1287}}, seen: "begin insert rollback show " + once},
		"not transactional":   {server: &server{errs: map[string][]error{"insert": {number(1205, "HY000")}}, warnings: []int64{1287, 1196}}, want: number(1205, ""), unknown: true, seen: "begin insert rollback show"},
		"no word of warnings": {server: &server{errs: map[string][]error{"insert": {number(1205, "HY000")}, "show": {mysql.ErrInvalidConn}}, warnings: []int64{1196}}, seen: "begin insert rollback show " + once},
		"ended, and well":     {server: &server{ended: true}, want: sql.ErrTxDone, unknown: true, seen: "begin insert open? rollback show"},
		"ended, and failed":   {server: &server{ended: true, errs: map[string][]error{"insert": {number(1836, "HY000")}}}, want: number(1836, ""), unknown: true, seen: "begin insert open? rollback show"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := newDB(t, c.server, newPipeline(t)).Tx(t.Context(), nil, insert)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.seen, c.server.seen())
			})
		})
	}
}

// MySQL has no such variable, so it is asked only once.
func TestTxOnMySQL(t *testing.T) {
	s := &server{mysql: true}
	db := newDB(t, s, newPipeline(t))
	for range 2 {
		require.NoError(t, db.Tx(t.Context(), nil, insert))
	}
	require.Equal(t, "begin insert open? commit begin insert commit", s.seen())
}

// Options come after New's own.
func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{errs: map[string][]error{"call": {number(1213, "40001")}}}
		db := newDB(t, s, newPipeline(t), holdfastsql.WithAtomic(func(query string) bool { return query == "call pay(1)" }))
		_, err := db.Exec(t.Context(), "call pay(1)")
		require.NoError(t, err)
		require.Equal(t, "call call", s.seen())
	})
}
