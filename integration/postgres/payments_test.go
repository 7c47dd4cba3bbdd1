package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/jackc/pgx/v5"
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
		conn, err := pgx.Connect(t.Context(), address())
		if err != nil {
			return err // who asks for a server skips, or says why there is none
		}
		return conn.Close(t.Context())
	}
}

// storms are what happens to the connections, in turn. Each lasts until the next step of heals.
var storms = []func(s *server){
	func(s *server) { s.proxy.Cut() },
	func(s *server) { s.terminate() },
	func(s *server) { s.proxy.Down() },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.ResetToxic{}) },
	func(s *server) { s.proxy.Add(faultproxy.Upstream, &toxics.LatencyToxic{Latency: 200, Jitter: 200}) },
	func(s *server) { s.proxy.Add(faultproxy.Upstream, &toxics.ResetToxic{}) },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.LimitDataToxic{Bytes: 200}) },
}

// silences are those in which the network says nothing. lib/pq waits through them, whatever its ctx
// says.
var silences = []func(s *server){
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{}) }, // carried out, but nobody hears of it
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.BandwidthToxic{Rate: 1}) },
}

// kind is a way to make a payment.
type kind struct {
	pay     func(ctx context.Context, db client, id int) error
	refused bool // every tenth is a mistake that the server refuses
	key     bool // two attempts of one call may overlap, which takes a key to be idempotent
	several bool // several transactions behind one call: the server's word proves nothing
}

func mistake(id int) bool { return id%10 == 3 }

var kinds = map[string]kind{
	"statements": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(ctx, "insert into payments select $1::bigint / $2::bigint", id, divisor(id))
	}},
	"statements by the simple protocol": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(ctx, fmt.Sprintf("insert into payments values (%d / %d)", id, divisor(id)))
	}},
	"returning": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		var paid int
		err := db.row(ctx, &paid, "insert into payments select $1::bigint / $2::bigint returning id", id, divisor(id))
		if err == nil && paid != id {
			return fmt.Errorf("%w: paid %d for %d", resilience.ErrOutcomeUnknown, paid, id)
		}
		return err
	}},
	"transactions": {refused: true, pay: func(ctx context.Context, db client, id int) error {
		return db.tx(ctx, func(_ context.Context, exec execFunc) error {
			if err := exec("select nextval('attempts')"); err != nil {
				return err
			}
			return exec("insert into payments select $1::bigint / $2::bigint", id, divisor(id))
		})
	}},
	"marked statements": {key: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(resilience.MarkIdempotent(ctx), "insert into payments select $1 where not exists (select from payments where id = $1)", id)
	}},
	"procedures": {several: true, pay: func(ctx context.Context, db client, id int) error {
		state := ""
		if id%7 == 0 {
			state = "40001"
		}
		return db.exec(ctx, "call pay($1, $2)", id, state)
	}},
	"several statements": {refused: true, several: true, pay: func(ctx context.Context, db client, id int) error {
		return db.exec(ctx, fmt.Sprintf("insert into payments values (%d); commit; select 1 / %d", id, divisor(id)))
	}},
}

func divisor(id int) int {
	if mistake(id) {
		return 0
	}
	return 1
}

// proven reports whether an error proves that an unmarked call of one transaction changed nothing.
func (k kind) proven(err error) bool {
	if k.key { // an earlier attempt may have been carried out
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED) || !k.several && sqlState(err) == "22012"
}

func (k kind) isRefused(id int) bool { return k.refused && mistake(id) }

// Whatever happens to the connections: a payment that was acknowledged is there, once; one that is
// there without having been acknowledged was reported as unknown; and one that failed otherwise is
// not there. But for the marked calls, no constraint of the table helps with that.
func TestPaymentsUnderFaults(t *testing.T) {
	t.Parallel()
	calls, every := 180, 20
	if suite.Nightly() {
		calls, every = 2400, 80 // of 7 kinds and 3 clients
	}
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					s, p, db := connect(t, hasty)
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
					if name != "pq" {
						for _, silence := range silences {
							run.Faults = append(run.Faults, func() { silence(s) })
						}
					}
					ledger := run.Do(t.Context())
					s.eventually(0, active, s.schema) // what was given up may still be at work
					ledger.Check(t, s.payments())
					require.Greater(t, p.Snapshot().Attempts, uint64(calls), "nothing was retried")
				})
			}
		})
	}
}

// payments returns the ids of all payments.
func (s *server) payments() []int {
	s.t.Helper()
	rows, err := s.admin.Query(s.t.Context(), "select id from payments")
	require.NoError(s.t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[int])
	require.NoError(s.t, err)
	return all
}
