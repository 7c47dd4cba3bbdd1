package mysql_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

// What users of the driver have reported: each test names where.

// go-sql-driver/mysql issue 582: the read timeout ends an INSERT that is still at work, and it is
// sent again.
func TestReportedInsertSentTwice(t *testing.T) {
	t.Parallel()
	for name, change := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := newServer(t), patient(t)
			db := s.connect(p, change) // with timeouts of a second
			require.NoError(t, db.exec(resilience.MarkIdempotent(t.Context()), "do 1"), "no connection")
			before := p.Snapshot().Attempts
			err := db.exec(t.Context(), "insert into payments select ? from (select sleep(3)) pause", 1)
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.EqualValues(t, 1, p.Snapshot().Attempts-before)
			s.eventually(1, payments)
			s.eventually(0, active)
			require.Equal(t, 1, s.number(payments))
		})
	}
}

// go-sql-driver/mysql issue 1690: a cancel in a transaction ends as "invalid connection", as it
// happens. It is the caller's all the same, and nothing is left.
func TestReportedCancelInATransaction(t *testing.T) {
	t.Parallel()
	each(t, patient, func(t *testing.T, s *server, p *holdfast.Pipeline, db client) {
		t.Helper()
		for i := range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			err := db.tx(ctx, func(exec execFunc) error {
				if err := exec("insert into payments values (?)", 1); err != nil {
					return err
				}
				time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancel)
				return exec("do sleep(30)")
			})
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.Equal(t, resilience.Canceled, resilience.Classify(err))
		}
		require.Zero(t, failures(p))
		s.eventually(0, payments)
	})
}
