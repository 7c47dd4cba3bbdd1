package holdfastpgx_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want resilience.Verdict
	}{
		{nil, resilience.Success},
		{pgx.ErrNoRows, resilience.Success},
		{&pgconn.PgError{Code: "40001"}, resilience.Transient},
		{&pgconn.PgError{Code: "53300"}, resilience.Overload},
		{&pgconn.PgError{Code: "23505"}, resilience.Permanent},
		{&pgconn.PgError{Code: "0A000"}, resilience.Permanent},
		{&pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery"}, resilience.Transient},
		{&pgconn.PgError{Code: "XX000"}, resilience.Unclassified},
		{&pgconn.ConnectError{}, resilience.Unclassified},
		{pgx.ErrTxCommitRollback, resilience.Permanent},
		{pgx.ErrTxClosed, resilience.Permanent},
		{pgx.ErrTooManyRows, resilience.Permanent},
		{pgx.ScanArgError{Err: errors.New("no time")}, resilience.Permanent},
		{puddle.ErrClosedPool, resilience.Rejected},
		{errors.New("conn closed"), resilience.Unclassified}, // by itself: only a connection can tell
	} {
		require.Equal(t, c.want, holdfastpgx.Classify(c.err), "%v", c.err)
		if c.err != nil {
			require.Equal(t, c.want, holdfastpgx.Classify(fmt.Errorf("wrapped: %w", c.err)), "%v", c.err)
		}
	}
	marked := resilience.MarkPermanent(&pgconn.PgError{Code: "40001"})
	require.Equal(t, resilience.Permanent, holdfastpgx.Classify(marked))
}

// If one call sends several transactions, the error of the last one proves nothing: the first may
// be committed.
func TestStatementsThatAreNotKnownToBeAtomic(t *testing.T) {
	for _, statement := range []string{"call pay(1)", "do $$ begin commit; end $$", "insert into a values (1); insert into b values (1)"} {
		for _, state := range []string{"40001", "40P01", "55P03", "57014", "23505", "53400"} {
			t.Run(statement+", "+state, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					faults := map[string][]fault{}
					for _, word := range []string{"call", "do", "insert"} {
						faults[word] = []fault{fails(state), fails(state), fails(state)}
					}
					server, pool := newPool(t, faults)
					db := newDB(t, pool, newPipeline(t))
					_, err := db.Exec(t.Context(), statement)
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
					require.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
					require.NotContains(t, server.seen(), " ")

					err = db.QueryRow(t.Context(), statement).Scan()
					require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				})
			})
		}
	}
}

func TestWithAtomic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"call": {fails("40001")}})
		db := newDB(t, pool, newPipeline(t), holdfastpgx.WithAtomic(func(sql string) bool { return sql == "call pay(1)" }))
		_, err := db.Exec(t.Context(), "call pay(1)")
		require.NoError(t, err)
		require.Equal(t, "call call", server.seen())
	})
}

func TestWithClassifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"insert": {fails("PAY01")}})
		db := newDB(t, pool, newPipeline(t),
			holdfastpgx.WithClassifier(func(err error) resilience.Verdict {
				if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "PAY01" {
					return resilience.Transient
				}
				return holdfastpgx.Classify(err)
			}))
		_, err := db.Exec(t.Context(), "insert into payments values (1)")
		require.NoError(t, err)
		require.Equal(t, "insert insert", server.seen())
	})
}

// rewriter sends a text other than the given one.
type rewriter struct{}

func (rewriter) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	return "call pay()", nil, nil
}

func TestRewrittenStatementIsNotAtomic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"call": {fails("40001")}, "insert": {fails("40001")}})
		db := newDB(t, pool, newPipeline(t))
		_, err := db.Exec(t.Context(), "insert into payments values (1)", rewriter{})
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, "call", server.seen())
		_, err = db.Exec(t.Context(), "insert into payments values (@id)", pgx.NamedArgs{"id": 1}) // which is pgx's own
		require.NoError(t, err)
	})
}

// If pgx did not send a statement, the outcome is known.
func TestArgumentThatCannotBeEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, nil)
		db := newDB(t, pool, newPipeline(t))
		_, err := db.Exec(t.Context(), "insert into payments values ($1)", make(chan int))
		require.Error(t, err)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		_, err = holdfastpgx.Collect(t.Context(), db, pgx.RowTo[int], "select $1", make(chan int))
		require.Error(t, err)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Empty(t, server.seen())
	})
}

// If a row cannot be scanned, its statement was carried out.
func TestUnreadableRow(t *testing.T) {
	for name, query := range map[string]func(ctx context.Context, db *holdfastpgx.DB) error{
		"QueryRow": func(ctx context.Context, db *holdfastpgx.DB) error {
			var when time.Time
			return db.QueryRow(ctx, "select n").Scan(&when)
		},
		"Collect": func(ctx context.Context, db *holdfastpgx.DB) error {
			_, err := holdfastpgx.Collect(ctx, db, func(pgx.CollectableRow) (int, error) { return 0, errors.New("boom") }, "select n")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, pool := newPool(t, nil)
				p := newPipeline(t)
				err := query(t.Context(), newDB(t, pool, p))
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.Equal(t, "select", server.seen())
				require.Zero(t, breakerCounts(p).Failures, "the server answered")
			})
		})
	}
}

// afterRow sends a row, and then the error.
func afterRow(then fault) fault {
	return func(s *session) {
		s.send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("n"), DataTypeOID: 23, DataTypeSize: 4}}},
			&pgproto3.DataRow{Values: [][]byte{[]byte("41")}})
		then(s)
	}
}

// An error after the first row is the statement's: that of a deferred constraint comes at the end.
func TestErrorAfterTheRow(t *testing.T) {
	for name, c := range map[string]struct {
		then    fault
		unknown bool
	}{"deferred constraint": {fails("23505"), false}, "death": {die, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, pool := newPool(t, map[string][]fault{"insert": {afterRow(c.then)}})
				var n int32
				err := newDB(t, pool, newPipeline(t)).QueryRow(t.Context(), "insert into payments returning n").Scan(&n)
				require.Error(t, err)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
			})
		})
	}
}

// PANIC ends the server, perhaps after a commit, whatever its code says.
func TestSeverityCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := func(s *session) {
			s.send(&pgproto3.ErrorResponse{Severity: "PANIC", SeverityUnlocalized: "PANIC", Code: "53100"}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
		_, pool := newPool(t, map[string][]fault{"insert": {panics}})
		_, err := newDB(t, pool, newPipeline(t)).Exec(t.Context(), "insert into payments values (1)")
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	})
}

// An answer of the server is proof even if pgx closes the connection after it.
func TestAnswerOfAConnectionThatIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, map[string][]fault{"commit": {abort("40001")}})
		require.NoError(t, newDB(t, pool, newPipeline(t)).Tx(t.Context(), pgx.TxOptions{}, insert))
		require.Equal(t, "begin insert commit begin insert commit", server.seen())
		require.Equal(t, 2, server.opened())
	})
}

// Proof allows a retry even if nothing else does.
func TestProofUnderMarkOnce(t *testing.T) {
	for name, c := range map[string]struct {
		faults map[string][]fault
		tx     bool
		seen   string
	}{
		"refused":              {faults: map[string][]fault{"dial": {die}}, seen: "insert"},
		"starting up":          {faults: map[string][]fault{"connect": {fatal("57P03")}}, seen: "insert"},
		"deadlock":             {faults: map[string][]fault{"insert": {fails("40P01")}}, seen: "insert insert"},
		"death in transaction": {faults: map[string][]fault{"insert": {die}}, tx: true, seen: "begin insert begin insert commit"},
		"death in BEGIN":       {faults: map[string][]fault{"begin": {die}}, tx: true, seen: "begin begin insert commit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, pool := newPool(t, c.faults)
				db := newDB(t, pool, newPipeline(t))
				ctx := resilience.MarkOnce(t.Context())
				if c.tx {
					require.NoError(t, db.Tx(ctx, pgx.TxOptions{}, insert))
				} else {
					_, err := db.Exec(ctx, "insert into payments values (1)")
					require.NoError(t, err)
				}
				require.Equal(t, c.seen, server.seen())
			})
		})
	}
}

// A closure may send COMMIT as a statement. Then a second run would do everything twice.
func TestTxEndedByText(t *testing.T) {
	for name, after := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"and said nothing": func(context.Context, pgx.Tx) error { return nil },
		"and failed after": func(context.Context, pgx.Tx) error { return syscall.ECONNRESET },
		"and lost the connection": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "update payments")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, pool := newPool(t, map[string][]fault{"update": {die}})
				err := newDB(t, pool, newPipeline(t)).Tx(t.Context(), pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
					if _, err := tx.Exec(ctx, "commit"); err != nil {
						return err
					}
					return after(ctx, tx)
				})
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.ErrorContains(t, err, "the func of Tx ended the transaction; leave that to Tx")
				require.NotContains(t, server.seen(), "begin commit begin")
			})
		})
	}
}

// A BEGIN or COMMIT of the caller's own text may be several statements.
func TestTxWithTextsOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		opts   pgx.TxOptions
		faults map[string][]fault
	}{
		"begin":  {pgx.TxOptions{BeginQuery: "call log(); begin"}, map[string][]fault{"call": {fails("40001")}}},
		"commit": {pgx.TxOptions{CommitQuery: "call log(); commit"}, map[string][]fault{"call": {fails("40001")}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, pool := newPool(t, c.faults)
				err := newDB(t, pool, newPipeline(t)).Tx(t.Context(), c.opts, insert)
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			})
		})
	}
}

// A closure that called another service with an unknown outcome must not run again.
func TestDoubtOfTheClosureStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, pool := newPool(t, nil)
		err := newDB(t, pool, newPipeline(t)).Tx(t.Context(), pgx.TxOptions{}, func(context.Context, pgx.Tx) error {
			return fmt.Errorf("charge: %w: %w", resilience.ErrOutcomeUnknown, syscall.ECONNRESET)
		})
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, "begin rollback", server.seen())
	})
}

// A closed pool sends nothing.
func TestClosedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, pool := newPool(t, nil)
		pool.Close()
		p := newPipeline(t)
		_, err := newDB(t, pool, p).Exec(t.Context(), "insert into payments values (1)")
		require.ErrorIs(t, err, puddle.ErrClosedPool)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.True(t, resilience.Unasked(err))
		require.Zero(t, breakerCounts(p).Failures)
	})
}

// Conn's fn may have done anything before it failed, even if its error is a failed dial of its own.
func TestErrorOfConnIsNoProof(t *testing.T) {
	for name, failure := range map[string]error{
		"an answer": &pgconn.PgError{Code: "23505"}, "its own": errors.New("boom"), "a dial": refusedDial(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, pool := newPool(t, nil)
				runs := 0
				p, err := holdfast.New("payments", retry.Custom(2, time.Millisecond, time.Millisecond, false))
				require.NoError(t, err)
				err = newDB(t, pool, p).Conn(t.Context(), func(context.Context, *pgxpool.Conn) error { runs++; return failure })
				require.ErrorIs(t, err, failure)
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.Equal(t, 1, runs)
			})
		})
	}
}

func refusedDial() error {
	_, err := (&server{faults: map[string][]fault{"dial": {die}}}).dial(context.Background(), "tcp", "")
	return err
}
