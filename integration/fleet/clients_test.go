package fleet_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/internal/suite"
)

// usual are those options that are tried even if only a part is.
var usual = []string{"as it comes", "heeds ctx", "waits for ever", "one connection"}

// options are ways in which programs make their clients.
var options = map[string]func(*redis.Options){
	"as it comes":              nil,
	"heeds ctx":                func(o *redis.Options) { o.ContextTimeoutEnabled = true },
	"waits for ever":           func(o *redis.Options) { o.ReadTimeout, o.WriteTimeout = -1, -1 },
	"waits for ever, heeds it": func(o *redis.Options) { o.ReadTimeout, o.ContextTimeoutEnabled = -1, true },
	"waits for a minute":       func(o *redis.Options) { o.ReadTimeout, o.PoolTimeout = time.Minute, time.Minute },
	"waits for a moment":       func(o *redis.Options) { o.ReadTimeout, o.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond },
	"tries 20 times":           func(o *redis.Options) { o.MaxRetries = 20 },
	"tries once":               func(o *redis.Options) { o.MaxRetries = -1 },
	"RESP2":                    func(o *redis.Options) { o.Protocol = 2 },
	"RESP3":                    func(o *redis.Options) { o.Protocol = 3 },
	"without an identity":      func(o *redis.Options) { o.DisableIdentity = true },
	"one connection":           func(o *redis.Options) { o.PoolSize, o.PipelinePoolSize = 1, -1 }, // else pipelines have some of their own
}

// longest is more than any request may take, on a busy machine too, and less than the minute for
// which some clients wait.
const longest = 30 * time.Second

// Whatever the client's options are, a pod is one of the fleet, also over a long way; and where the
// way swallows all bytes, no request takes longer than a fleet waits.
func TestClients(t *testing.T) {
	t.Parallel()
	for name, change := range options {
		if suite.Partly() && !slices.Contains(usual, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			far := p.proxy.Add(faultproxy.Downstream, &toxics.LatencyToxic{Latency: 200})
			var clients []redis.UniversalClient
			for range shopPods {
				clients = append(clients, p.client(change))
			}
			s := newShop(t, clients...)
			s.together(shopPods)
			far()
			store := holdfastfleet.Redis(clients[0])
			requests := map[string]func(context.Context) error{
				"Exchange": func(ctx context.Context) error {
					_, err := store.Exchange(ctx, fleet.Exchange{Pod: "a", Posts: []fleet.Post{{Room: "other"}}, TTL: time.Second, Fresh: time.Second})
					return err
				},
				"Digest": func(ctx context.Context) error { return store.Digest(ctx, "other", nil) },
				"Acquire": func(ctx context.Context) error {
					_, err := store.Acquire(ctx, "other", "a", time.Second)
					return err
				},
				"Tell":     func(ctx context.Context) error { return store.Tell(ctx, "other", fleet.Told{Pod: "a"}) },
				"Release":  func(ctx context.Context) error { return store.Release(ctx, "other", "a") },
				"Withdraw": func(ctx context.Context) error { return store.Withdraw(ctx, "a", []string{"other"}) },
			}
			p.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{})
			for name, request := range requests {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				began := time.Now()
				require.Error(t, request(ctx), name)
				require.Less(t, time.Since(began), longest, name)
				cancel()
			}
			s.apart()
			p.proxy.Heal()
			s.together(shopPods)
			s.works()
		})
	}
}

// The program holds the only connection of the client that it shares with the fleet. Neither spoils
// it for the other.
func TestASharedConnection(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	client := p.client(func(o *redis.Options) { o.PoolSize, o.PipelinePoolSize = 1, -1 })
	s := newShop(t, client)
	s.together(shopPods)
	got := make(chan error, 1)
	go func() { got <- client.BLPop(context.Background(), 0, "list").Err() }()
	s.apart()
	s.byThemselves()
	require.NoError(t, p.admin.LPush(t.Context(), "list", 1).Err())
	require.NoError(t, <-got)
	s.together(shopPods)
	s.works()
}

// The program has closed the client before it left the fleet.
func TestAClosedClient(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: newServer(t).addr})
	s := newShop(t, client)
	s.together(shopPods)
	require.NoError(t, client.Close())
	s.well(s.apart)
	s.until("they say why", func(p *insidePod) bool { return p.fleet.Stats().Why == "redis: client is closed" })
	s.byThemselves()
}
