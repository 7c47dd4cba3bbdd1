package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/fleet/fleettest"
	"github.com/media-gateway/holdfast/holdfastfleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var key = []byte("the key of the tests, 32 bytes.1")

const ordersKey = "holdfast:{shop/checkout}:orders"

// ordered is a fleet in this process that carries out orders.
type ordered struct {
	t         *testing.T
	redis     *server
	client    *redis.Client
	fleets    []*fleet.Fleet
	pipelines []*holdfast.Pipeline
}

func newOrdered(t *testing.T, pods int) *ordered {
	t.Helper()
	o := &ordered{t: t, redis: newServer(t)}
	o.client = redis.NewClient(&redis.Options{Addr: o.redis.addr})
	t.Cleanup(func() { _ = o.client.Close() })
	for range pods {
		o.join()
	}
	require.Eventually(t, func() bool {
		stats := o.fleets[0].Stats()
		return len(stats.Services) == 1 && stats.Services[0].Pods == uint64(pods)
	}, time.Minute, 100*time.Millisecond, "all have heard of each other")
	return o
}

func (o *ordered) join() {
	o.t.Helper()
	p, err := holdfast.New("checkout", budget.Config{}, retry.Config{}, breaker.Config{})
	require.NoError(o.t, err)
	f, err := holdfastfleet.Join(o.t.Context(), holdfastfleet.Redis(o.client), "shop",
		fleet.WithPod(fmt.Sprint("pod ", len(o.fleets))), fleet.WithKey(key), fleet.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(o.t, err)
	o.t.Cleanup(f.Leave)
	f.Add(p)
	o.fleets, o.pipelines = append(o.fleets, f), append(o.pipelines, p)
}

// isolated returns how many pods keep calls out.
func (o *ordered) isolated() (n int) {
	for _, p := range o.pipelines {
		if p.Breakers()[0].State() == breaker.StateIsolated {
			n++
		}
	}
	return n
}

// until waits until so many pods keep calls out.
func (o *ordered) until(what string, n int) {
	o.t.Helper()
	require.Eventually(o.t, func() bool { return o.isolated() == n }, time.Minute, 50*time.Millisecond, what)
}

func (o *ordered) forged() (sum uint64) {
	for _, f := range o.fleets {
		sum += f.Stats().Forged + f.Stats().Refused
	}
	return sum
}

func order(lasts time.Duration) fleet.Order {
	return fleet.Order{By: "ada", Why: "card scheme down", For: lasts}
}

func TestOrdersOnRedis(t *testing.T) {
	t.Parallel()
	const pods = 5
	o := newOrdered(t, pods)
	ctx := t.Context()
	require.NoError(t, o.fleets[0].Isolate(ctx, "checkout", order(time.Hour)))
	require.NoError(t, o.fleets[1].Tune(ctx, "checkout", fleet.Tuning{Ratio: 0.02}, order(time.Hour)))
	o.until("all pods keep calls out", pods)
	require.Eventually(t, func() bool {
		for _, p := range o.pipelines {
			if p.Budget().Config().Ratio != 0.02 {
				return false
			}
		}
		return true
	}, time.Minute, 50*time.Millisecond)
	ttl, err := o.client.PTTL(ctx, ordersKey).Result()
	require.NoError(t, err)
	require.InDelta(t, 24*time.Hour+10*time.Minute, ttl, float64(time.Minute))
	o.join()
	o.until("a pod that joins later as well", pods+1)

	require.NoError(t, o.client.FlushAll(ctx).Err())
	require.Eventually(t, func() bool { return o.client.Exists(ctx, ordersKey).Val() == 1 }, time.Minute, 50*time.Millisecond,
		"a store that was flushed gets the orders again")
	o.join()
	o.until("so a pod that joins then hears of it", pods+2)

	replay, err := o.client.Get(ctx, ordersKey).Result()
	require.NoError(t, err)
	require.NoError(t, o.fleets[2].Withdraw(ctx, "checkout", fleet.OrderIsolate, order(0)))
	o.until("it was withdrawn", 0)
	before := o.forged()
	for tries := 0; tries < 20 || o.forged() == before; tries++ {
		require.Less(t, tries, 600, "no pod counts what is played back")
		require.NoError(t, o.client.Set(ctx, ordersKey, replay, 0).Err())
		pass(100 * time.Millisecond)
		require.Zero(t, o.isolated(), "what is played back is not carried out")
	}
	require.Eventually(t, func() bool { return o.client.Get(ctx, ordersKey).Val() != replay }, time.Minute, 50*time.Millisecond)

	// Short, but on a busy machine the pods take seconds to hear of it.
	require.NoError(t, o.fleets[0].Isolate(ctx, "checkout", order(20*time.Second)))
	o.until("a short order", pods+2)
	o.redis.kill()
	pass(2 * time.Second)
	require.Equal(t, pods+2, o.isolated(), "it goes on without the store")
	o.until("until its time is over", 0)
	o.redis.restart(t)
	pass(3 * time.Second)
	require.Zero(t, o.isolated())
}

// What somebody without the key can write changes nothing, and stands in the way of no order.
func TestAForgerOnRedis(t *testing.T) {
	const pods, stolen = 3, "of another service"
	o := newOrdered(t, pods)
	ctx := t.Context()
	year := time.Now().Add(365 * 24 * time.Hour).UnixMilli()
	nothing := strings.Repeat("\x00", 100)
	for name, value := range map[string]string{
		stolen: "", "nothing": "", "text": "isolate all\n", "binary": nothing,
		"a year":           fmt.Sprintf("0 %d 100\n%s", year, nothing),
		"all slots":        fmt.Sprintf("0 %d 1\nx1 %d 1\nx2 %d 1\nx3 %d 1\nx", year, year, year, year),
		"a slot twice":     fmt.Sprintf("0 %d 1\nx0 %d 1\nx", year, year),
		"no such slot":     fmt.Sprintf("9 %d 1\nx", year),
		"longer than told": fmt.Sprintf("0 %d 1\nxyz", year), "shorter than told": fmt.Sprintf("0 %d 500\nxyz", year),
		"too long": fmt.Sprintf("0 %d 513\n%s", year, strings.Repeat("x", 513)), "no end": fmt.Sprintf("0 %s 1\nx", strings.Repeat("9", 400)),
		"negative": "0 -5 1\nx", "a million orders": strings.Repeat("0 1 1\nx", 100_000), "a megabyte": strings.Repeat("9", 1<<20),
	} {
		if name == stolen { // later than the pods' orders for checkout: only its signature is wrong
			require.NoError(t, o.fleets[0].Isolate(ctx, "mails", order(time.Hour)))
			var err error
			value, err = o.client.Get(ctx, "holdfast:{shop/mails}:orders").Result()
			require.NoError(t, err)
		}
		before := o.forged()
		require.NoError(t, o.client.Set(ctx, ordersKey, value, 0).Err())
		require.NoError(t, o.client.HSet(ctx, "holdfast:{shop/checkout}:digest", "orders", 1).Err())
		if name != "nothing" {
			require.Eventually(t, func() bool { return o.forged() > before }, time.Minute, 20*time.Millisecond, name)
		}
		require.Zero(t, o.isolated(), name)
		require.NoError(t, o.fleets[0].Isolate(ctx, "checkout", order(time.Hour)), name)
		o.until(name, pods)
		require.NoError(t, o.fleets[0].Reset(ctx, "checkout", order(time.Minute)), name)
		o.until(name, 0)
	}
	require.NoError(t, o.client.Del(ctx, ordersKey).Err())
	require.NoError(t, o.client.HSet(ctx, ordersKey, "0", "another type").Err())
	pass(2 * time.Second) // a pod that cannot read the key would be apart by then
	require.Eventually(t, func() bool {
		for _, f := range o.fleets {
			if f.Stats().Apart { // a pod of a busy machine may be, for a while
				return false
			}
		}
		return true
	}, time.Minute, 50*time.Millisecond)
	require.NoError(t, o.fleets[0].Isolate(ctx, "checkout", order(time.Hour)))
	o.until("a key of another type", pods)
}

// Without orders an exchange has no command for them, but for the few that make a digest.
func TestWhatOrdersCostRedis(t *testing.T) {
	const pods = 30
	o := newOrdered(t, pods)
	count := func() (exchanges, reads int) {
		info, err := o.client.InfoMap(t.Context(), "commandstats").Result()
		require.NoError(t, err)
		calls := func(command string) (n int) {
			_, _ = fmt.Sscanf(info["Commandstats"]["cmdstat_"+command], "calls=%d", &n)
			return n
		}
		return calls("evalsha"), calls("mget")
	}
	for _, orders := range []bool{false, true} {
		if orders {
			require.NoError(t, o.fleets[0].Isolate(t.Context(), "checkout", order(time.Hour)))
			o.until("all pods know that there is one", pods)
		}
		exchanges, reads := count()
		pass(5 * time.Second)
		all, read := count()
		exchanges, reads = all-exchanges, read-reads
		t.Logf("orders: %v; %d scripts, %d reads of orders", orders, exchanges, reads)
		require.Positive(t, reads)
		if orders {
			require.Greater(t, 2*reads, exchanges)
		} else {
			require.Less(t, 2*reads, exchanges)
		}
	}
}

// The commands that the documentation of Redis names are enough.
func TestAUserWithTheCommandsThatAreDocumented(t *testing.T) {
	s := newServer(t)
	admin := redis.NewClient(&redis.Options{Addr: s.addr})
	t.Cleanup(func() { _ = admin.Close() })
	documented := []string{
		"eval", "evalsha", "time", "hset", "hmget", "hgetall", "hlen", "hdel", "unlink", "pexpire", "mget", "get", "set",
	}
	rule := []any{"ACL", "SETUSER", "fleet", "on", ">secret", "~holdfast:*"}
	for _, command := range documented {
		rule = append(rule, "+"+command)
	}
	require.NoError(t, admin.Do(t.Context(), rule...).Err())
	client := redis.NewClient(&redis.Options{Addr: s.addr, Username: "fleet", Password: "secret"})
	t.Cleanup(func() { _ = client.Close() })
	fleettest.Check(t, func() fleet.Transport { return holdfastfleet.Redis(client) })
	f, err := holdfastfleet.Join(context.Background(), holdfastfleet.Redis(client), "shop", fleet.WithKey(key), fleet.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	defer f.Leave()
	require.NoError(t, f.Isolate(t.Context(), "checkout", order(time.Hour)))
	seen, err := f.Look(t.Context(), "checkout")
	require.NoError(t, err)
	require.Len(t, seen.Orders, 1)
}
