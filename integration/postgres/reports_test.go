package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
)

// What users of these clients have reported: each test names where.

// lib/pq issue 939: the session ends after a commit inside, the driver calls that a bad connection,
// and database/sql sends it all again.
func TestReportedInsertSentTwice(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, db := connect(t, patient)
			err := db.exec(t.Context(), "begin; insert into payments values (1); commit; select pg_terminate_backend(pg_backend_pid())")
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			require.Equal(t, 1, s.number(payments))
		})
	}
}

// golang/go issue 11978: an UPDATE that counts, over connections that break, counts more than was
// reported.
func TestReportedUpdateCountedTwice(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, db := connect(t, hasty)
			s.do("create table counted (n int)", "insert into counted values (0)")
			var mu sync.Mutex
			sure, perhaps := 0, 0
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 40 {
						err := db.exec(t.Context(), "update counted set n = n + 1")
						mu.Lock()
						switch {
						case err == nil:
							sure++
						case errors.Is(err, resilience.ErrOutcomeUnknown):
							perhaps++
						}
						cut := (sure+perhaps)%20 == 7
						mu.Unlock()
						if cut {
							s.proxy.Cut()
						}
					}
				})
			}
			wg.Wait()
			s.eventually(0, active, s.schema)
			n := s.number("select n from counted")
			require.GreaterOrEqual(t, n, sure)
			require.LessOrEqual(t, n, sure+perhaps)
		})
	}
}

// pgx issue 1223: COMMIT ends with a timeout, the transaction is there, and a retry pays again.
func TestReportedCommitThatTimedOut(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "pq" {
				t.Skip("lib/pq waits for a silent network, whatever its ctx says")
			}
			s, p, db := connect(t, limited)
			err := db.tx(t.Context(), func(_ context.Context, exec execFunc) error {
				err := exec("insert into payments values (1)")
				s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{})
				return err
			})
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.EqualValues(t, 1, p.Snapshot().Attempts)
			s.eventually(1, payments) // the server may commit it later
		})
	}
}

// golang/go issue 43507: after a cancel, Commit says sql.ErrTxDone or context.Canceled, as it
// happens; here it is always the latter, and never in doubt, since COMMIT was not sent.
func TestReportedCancelBeforeCommit(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, db := connect(t, patient)
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				err := db.tx(ctx, func(_ context.Context, exec execFunc) error {
					err := exec("insert into payments values (1)")
					cancel()
					return err
				})
				require.ErrorIs(t, err, context.Canceled)
				require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			}
			require.Zero(t, s.number(payments))
		})
	}
}

// pgx issue 2428: what is safe to retry by pgx's word may be a mistake that stays. A busy
// connection is no reason to send anything twice.
func TestReportedBusyConnection(t *testing.T) {
	t.Parallel()
	s, p, db := clients["pgx"](t, patient)
	err := db.tx(t.Context(), func(ctx context.Context, exec execFunc) error {
		if err := exec("insert into payments values (1)"); err != nil {
			return err
		}
		return errors.Join(exec("select 1 / 0"), exec("select 1"))
	})
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.EqualValues(t, 1, p.Snapshot().Attempts)
	require.Zero(t, s.number(payments))
}

// pgx issue 787 and others: a COMMIT that the server refused must not leave its connection in a
// broken transaction.
func TestReportedConnectionAfterACommitThatFailed(t *testing.T) {
	t.Parallel()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, db := connect(t, patient)
			s.do("create table deferred (id int unique deferrable initially deferred)", "insert into deferred values (1)")
			for range 10 {
				err := db.tx(t.Context(), func(_ context.Context, exec execFunc) error { return exec("insert into deferred values (1)") })
				require.Equal(t, "23505", sqlState(err))
				require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.NoError(t, db.exec(t.Context(), "insert into payments values (1)"))
			}
			require.Equal(t, 10, s.number(payments))
			require.Zero(t, s.number("select count(*) from pg_stat_activity where application_name = $1 and state like 'idle in%'", s.schema))
		})
	}
}
