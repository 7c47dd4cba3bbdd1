package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/integration/money"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// hasty makes up to three attempts of at most 300 ms, or longer on a machine that is slow to
// connect.
func hasty(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments",
		holdfast.SilenceUnclassified(),
		deadline.In(patience),
		retry.Custom(2, 5*time.Millisecond, 40*time.Millisecond, true),
		breaker.Config{ConsecutiveFailures: 1_000_000, MinRequests: 1_000_000},
		deadline.In(faultproxy.Limit(300*time.Millisecond, 5*time.Second, connect(t))),
	)
	require.NoError(t, err)
	return p
}

// connect returns a func that connects to the server, and leaves.
func connect(t *testing.T) func() error {
	t.Helper()
	return func() error {
		pool, err := sql.Open("mysql", address())
		if err != nil {
			return err
		}
		return errors.Join(pool.PingContext(t.Context()), pool.Close())
	}
}

// storms are what happens to the connections, in turn.
var storms = []func(s *server){
	func(s *server) { s.proxy.Cut() },
	func(s *server) { s.terminate() },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{}) }, // carried out, but nobody hears of it
	func(s *server) { s.proxy.Down() },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.ResetToxic{}) },
	func(s *server) { s.proxy.Add(faultproxy.Upstream, &toxics.LatencyToxic{Latency: 200, Jitter: 200}) },
	func(s *server) { s.proxy.Add(faultproxy.Upstream, &toxics.ResetToxic{}) },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.BandwidthToxic{Rate: 1}) },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.LimitDataToxic{Bytes: 100}) },
}

// kind is a way to make a payment.
type kind struct {
	pay     func(ctx context.Context, db client, id int) error
	refused bool // every tenth is a mistake that the server refuses
	key     bool // marked, and with a key in the table
	several bool // several transactions behind one call: the server's word proves nothing
}

func mistake(id int) bool { return id%10 == 3 }

// amount is a text that the column does not take, where id is a mistake.
func amount(id int) string {
	if mistake(id) {
		return "no number"
	}
	return fmt.Sprint(id)
}

var kinds = map[string]kind{
	"statements": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(ctx, "insert into payments values (?)", amount(id))
	}},
	"statements without arguments": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(ctx, fmt.Sprintf("insert into payments values ('%s')", amount(id)))
	}},
	"returning": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		var paid int
		err := db.QueryRow(ctx, "insert into payments values (?) returning id", amount(id)).Scan(&paid)
		if err == nil && paid != id {
			return fmt.Errorf("%w: paid %d for %d", resilience.ErrOutcomeUnknown, paid, id)
		}
		return err
	}},
	"transactions": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		return db.tx(ctx, func(exec execFunc) error {
			if err := exec("insert into attempts values (1)"); err != nil {
				return err
			}
			return exec("insert into payments values (?)", amount(id))
		})
	}},
	"marked statements": {key: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(resilience.MarkIdempotent(ctx), "insert ignore into payments values (?)", id)
	}},
	"procedures": {several: true, pay: func(ctx context.Context, db client, id int) error {
		if id%7 == 0 {
			return db.exec(ctx, "call pay(?, 1213)", id)
		}
		return db.exec(ctx, "call pay(?, 0)", id)
	}},
	"several statements": {refused: true, several: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(ctx, fmt.Sprintf("insert into payments values (%d); insert into orders values ('%s')", id, amount(id)))
	}},
}

func number(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// proven reports whether an error proves that an unmarked call of one transaction changed nothing.
func (k kind) proven(err error) bool {
	if k.key { // an earlier attempt may have been carried out
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED) || !k.several && number(err) == 1366
}

func (k kind) isRefused(id int) bool { return k.refused && mistake(id) }

// Whatever happens to the connections: a payment that was acknowledged is there, once; one that is
// there without having been acknowledged was reported as unknown; and one that failed otherwise is
// not there.
func TestPaymentsUnderFaults(t *testing.T) {
	t.Parallel()
	calls, every := 180, 20
	if suite.Nightly() {
		calls, every = 2400, 80 // of 7 kinds and 3 clients
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, change := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p := newServer(t), hasty(t)
					db := s.connect(p, change, func(c *mysql.Config) { c.MultiStatements = k.several })
					if k.key {
						s.do("alter table payments add unique (id)")
					}
					run := money.Run{
						Calls: calls, Workers: 6, Every: every, Lasts: every / 2,
						Pay:     func(ctx context.Context, id int) error { return k.pay(ctx, db, id) },
						Heal:    s.heal,
						Refused: k.isRefused, Proven: k.proven,
					}
					for _, storm := range storms {
						run.Faults = append(run.Faults, func() { storm(s) })
					}
					ledger := run.Do(t.Context())
					s.eventually(0, active) // what was given up may still be at work
					ledger.Check(t, s.payments())
					require.Greater(t, p.Snapshot().Attempts, uint64(calls), "nothing was retried")
				})
			}
		})
	}
}

// payments returns the ids of all payments.
func (s *server) payments() (all []int) {
	s.t.Helper()
	rows, err := s.admin.QueryContext(s.t.Context(), "select id from payments")
	require.NoError(s.t, err)
	defer rows.Close() //nolint:errcheck // Err has what matters
	for rows.Next() {
		var id int
		require.NoError(s.t, rows.Scan(&id))
		all = append(all, id)
	}
	require.NoError(s.t, rows.Err())
	return all
}
