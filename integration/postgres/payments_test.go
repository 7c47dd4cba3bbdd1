package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastpgx"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// hasty makes up to three attempts of at most 300 ms.
func hasty(t *testing.T) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("payments",
		deadline.In(patience),
		retry.Custom(2, 5*time.Millisecond, 40*time.Millisecond, true),
		breaker.Config{ConsecutiveFailures: 1_000_000, MinRequests: 1_000_000},
		deadline.In(300*time.Millisecond),
	)
	require.NoError(t, err)
	return p
}

// storms are what happens to the connections, in turn. Each lasts until the next step of heals.
var storms = []func(s *server){
	func(s *server) { s.proxy.Cut() },
	func(s *server) { s.terminate() },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{}) }, // carried out, but nobody hears of it
	func(s *server) { s.proxy.Down() },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.ResetToxic{}) },
	func(s *server) { s.proxy.Add(faultproxy.Upstream, &toxics.LatencyToxic{Latency: 200, Jitter: 200}) },
	func(s *server) { s.proxy.Add(faultproxy.Upstream, &toxics.ResetToxic{}) },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.BandwidthToxic{Rate: 1}) },
	func(s *server) { s.proxy.Add(faultproxy.Downstream, &toxics.LimitDataToxic{Bytes: 200}) },
}

// Whatever happens to the connections: a payment that was acknowledged is there, once; one that is there without
// having been acknowledged was reported as unknown; and one that failed otherwise is not there. But for the marked
// calls, no constraint of the table helps with that.
func TestPaymentsUnderFaults(t *testing.T) {
	for name, c := range map[string]struct {
		pay func(ctx context.Context, db client, id int) error
		key bool // two attempts of one call may overlap, which takes a key to be idempotent
	}{
		"statements": {pay: func(ctx context.Context, db client, id int) error {
			return db.exec(ctx, "insert into payments values ($1)", id)
		}},
		"statements by the simple protocol": {pay: func(ctx context.Context, db client, id int) error {
			return db.exec(ctx, "insert into payments values ($1)", pgx.QueryExecModeSimpleProtocol, id)
		}},
		"transactions": {pay: func(ctx context.Context, db client, id int) error {
			return db.tx(ctx, func(_ context.Context, exec execFunc) error {
				if err := exec("select nextval('attempts')"); err != nil {
					return err
				}
				return exec("insert into payments values ($1)", id)
			})
		}},
		"marked statements": {key: true, pay: func(ctx context.Context, db client, id int) error {
			return db.exec(holdfastpgx.MarkIdempotent(ctx), "insert into payments select $1 where not exists (select from payments where id = $1)", id)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for name, connect := range clients {
				t.Run(name, func(t *testing.T) {
					s, p, db := connect(t, hasty)
					const workers, calls = 6, 180
					if c.key {
						s.do("alter table payments add unique (id)")
					}
					var acknowledged, unknown, failed []int
					ids, done, ended := make(chan int), make(chan int), make(chan struct{})
					go func() {
						defer close(ended)
						for n := range done {
							switch n % 20 {
							case 5:
								storms[n/20%len(storms)](s)
							case 15:
								s.heal()
							}
						}
					}()
					var mu sync.Mutex
					var wg sync.WaitGroup
					for range workers {
						wg.Go(func() {
							for id := range ids {
								err := c.pay(t.Context(), db, id)
								mu.Lock()
								switch {
								case err == nil:
									acknowledged = append(acknowledged, id)
								case errors.Is(err, holdfastpgx.ErrOutcomeUnknown):
									unknown = append(unknown, id)
								default:
									failed = append(failed, id)
								}
								mu.Unlock()
								done <- id
							}
						})
					}
					for id := range calls {
						ids <- id
					}
					close(ids)
					wg.Wait()
					close(done)
					<-ended
					s.heal()
					s.eventually(0, active, s.schema) // what was given up may still be at work
					t.Logf("%d acknowledged, %d unknown, %d failed; %d attempts", len(acknowledged), len(unknown), len(failed), p.Snapshot().Attempts)

					require.Zero(t, s.number("select count(*) - count(distinct id) from payments"), "made twice")
					require.Equal(t, len(acknowledged), s.number("select count(*) from payments where id = any($1)", acknowledged), "acknowledged")
					require.Zero(t, s.number("select count(*) from payments where id = any($1)", failed), "failed, but made")
					require.Zero(t, s.number("select count(*) from payments where id <> all($1)", append(acknowledged, unknown...)), "made by nobody")

					require.NotEmpty(t, acknowledged, "nothing came through")
					require.Greater(t, p.Snapshot().Attempts, uint64(calls), "nothing was retried")
				})
			}
		})
	}
}
