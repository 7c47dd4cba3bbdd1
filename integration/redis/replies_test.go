package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastredis"
	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// patient retries until the test's own deadline.
func patient(t *testing.T, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	return newPipeline(t, append(stages, retry.Config{MaxRetries: 1000, BaseDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond})...)
}

// A replica refuses a write, which is made once the replica is promoted: a failover, as a client
// sees it.
func TestFailover(t *testing.T) {
	admin := startServer(t)
	require.NoError(t, admin.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err())
	promote := onRetry(func() { require.NoError(t, admin.Do(context.Background(), "replicaof", "no", "one").Err()) })
	p := patient(t, promote)
	client := newClient(t, &redis.Options{Addr: admin.Options().Addr}, p)
	n, err := client.Incr(t.Context(), "k").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.EqualValues(t, 2, p.Snapshot().Attempts)

	require.NoError(t, admin.ConfigSet(t.Context(), "replica-serve-stale-data", "no").Err())
	require.NoError(t, admin.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err())
	p = patient(t, onRetry(func() { require.NoError(t, admin.Do(context.Background(), "replicaof", "no", "one").Err()) }))
	client = newClient(t, &redis.Options{Addr: admin.Options().Addr}, p)
	require.Equal(t, "1", client.Get(t.Context(), "k").Val(), "MASTERDOWN is over")
	require.EqualValues(t, 2, p.Snapshot().Attempts)
}

// A server that is busy with a script refuses everything until the script is killed.
func TestBusy(t *testing.T) {
	admin := startServer(t, "--busy-reply-threshold", "10")
	patiently := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, MaxRetries: -1, ReadTimeout: -1}) // the script runs once
	t.Cleanup(func() { require.NoError(t, patiently.Close()) })
	var script sync.WaitGroup
	script.Go(func() { patiently.Eval(context.Background(), "while true do end", nil) })
	require.Eventually(t, func() bool {
		return admin.Ping(t.Context()).Err() != nil
	}, 20*time.Second, 10*time.Millisecond)

	p := patient(t, onRetry(func() { require.NoError(t, admin.ScriptKill(context.Background()).Err()) }))
	client := newClient(t, &redis.Options{Addr: admin.Options().Addr}, p)
	n, err := client.Incr(t.Context(), "k").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Greater(t, p.Snapshot().Attempts, uint64(1))
	script.Wait()
}

// A server that has no room for another client says so, and is asked later.
func TestMaxClients(t *testing.T) {
	admin := startServer(t)
	require.NoError(t, admin.ConfigSet(t.Context(), "maxclients", "1").Err())
	full := newClient(t, &redis.Options{Addr: admin.Options().Addr}, newPipeline(t, retry.Custom(1, time.Millisecond, time.Millisecond, false)))
	err := full.Incr(t.Context(), "k").Err()
	require.Equal(t, resilience.Overload, resilience.Classify(err), "%v", err)
	require.False(t, resilience.NoRetry(err))

	room := onRetry(func() { require.NoError(t, admin.ConfigSet(context.Background(), "maxclients", "100").Err()) })
	client := newClient(t, &redis.Options{Addr: admin.Options().Addr}, patient(t, room))
	require.EqualValues(t, 1, client.Incr(t.Context(), "k").Val())
}

// CLIENT KILL in the middle of a command: a blocked read goes on, a blocked pop does not, and pops
// nothing.
func TestKilledWhileBlocked(t *testing.T) {
	w := newWorld(t)
	name := "holdfast-" + strings.Trim(w.prefix[len("holdfast:"):], ":")
	opt := *w.direct.Options()
	blocked := func() (id string) {
		clients, err := w.direct.ClientList(context.Background()).Result()
		require.NoError(t, err)
		for line := range strings.Lines(clients) {
			if strings.Contains(line, "name="+name) && strings.Contains(line, "flags=b") {
				id, _, _ = strings.Cut(strings.TrimPrefix(line, "id="), " ")
			}
		}
		return id
	}
	kill := func() {
		require.Eventually(t, func() bool { return blocked() != "" }, 20*time.Second, 10*time.Millisecond)
		require.NoError(t, w.direct.ClientKillByFilter(context.Background(), "ID", blocked()).Err())
	}
	client := func(p *holdfast.Pipeline) *redis.Client {
		return newClient(t, &redis.Options{
			Addr: w.proxy.Addr(), Username: opt.Username, Password: opt.Password, DB: opt.DB, ClientName: name,
		}, p)
	}

	p := newPipeline(t, onRetry(func() {
		require.NoError(t, w.direct.XAdd(context.Background(), &redis.XAddArgs{Stream: w.key("s"), ID: "1-1", Values: []string{"f", "v"}}).Err())
	}), retry.Custom(2, time.Millisecond, time.Millisecond, false))
	var killing sync.WaitGroup
	killing.Go(kill)
	streams, err := client(p).XRead(t.Context(), &redis.XReadArgs{Streams: []string{w.key("s"), "0"}, Block: time.Minute}).Result()
	killing.Wait()
	require.NoError(t, err)
	require.Equal(t, "1-1", streams[0].Messages[0].ID)
	require.EqualValues(t, 2, p.Snapshot().Attempts)

	p = newPipeline(t, retry.Custom(2, time.Millisecond, time.Millisecond, false))
	killing.Go(kill)
	err = client(p).BLPop(t.Context(), time.Minute, w.key("l")).Err()
	killing.Wait()
	require.True(t, resilience.NoRetry(err), "%v", err)
	require.EqualValues(t, 1, p.Snapshot().Attempts)
}

// Transfers that contend for an account all come through, each once.
func TestWatch(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, patient(t))
	from, to := w.key("from"), w.key("to")
	require.NoError(t, client.MSet(t.Context(), from, 100, to, 0).Err())
	contended := retry.Config{
		MaxRetries: 1000, BaseDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond,
		RetryIf: func(err error) bool { return errors.Is(err, redis.TxFailedErr) },
	}
	var transfers sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		transfers.Go(func() {
			errs[i] = retry.Do(t.Context(), contended, func(ctx context.Context) error {
				return client.Watch(ctx, func(tx *redis.Tx) error {
					balance, err := tx.Get(ctx, from).Int()
					if err != nil {
						return err
					}
					_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
						pipe.Set(ctx, from, balance-1, 0)
						pipe.Incr(ctx, to)
						return nil
					})
					return err
				}, from)
			})
		})
	}
	transfers.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, []any{"80", "20"}, w.direct.MGet(t.Context(), from, to).Val())
}

// A cluster of two nodes divides a batch. If the answer of one of them is lost, its part is not
// sent again.
func TestABatchOverTwoNodes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	high, low := startServer(t, "--cluster-enabled", "yes"), startServer(t, "--cluster-enabled", "yes")
	lossy := faultproxy.NewLossy(t, low.Options().Addr)
	_, announced, err := net.SplitHostPort(lossy.Addr())
	require.NoError(t, err)
	require.NoError(t, low.ConfigSet(ctx, "cluster-announce-port", announced).Err())
	require.NoError(t, low.ClusterAddSlotsRange(ctx, 0, 8191).Err())
	require.NoError(t, high.ClusterAddSlotsRange(ctx, 8192, 16383).Err())
	_, port, err := net.SplitHostPort(low.Options().Addr)
	require.NoError(t, err)
	require.NoError(t, high.ClusterMeet(ctx, "127.0.0.1", port).Err())
	for _, admin := range []*redis.Client{high, low} {
		require.Eventually(t, func() bool {
			return strings.Contains(admin.ClusterInfo(ctx).Val(), "cluster_state:ok") &&
				strings.Contains(fmt.Sprint(admin.Do(ctx, "cluster", "slots").Val()), "127.0.0.1 "+announced)
		}, 30*time.Second, 50*time.Millisecond, "the nodes make no cluster")
	}
	client, err := holdfastredis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{high.Options().Addr}, IsClusterMode: true}, patient(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	carriedOut := func() bool { return low.Get(context.Background(), "b").Val() != "" }
	lossy.LoseOnceIf(carriedOut)
	cmds, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "a") // slot 15495
		pipe.Incr(ctx, "b") // slot 3300
		return nil
	})
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.True(t, resilience.NoRetry(err))
	require.NoError(t, cmds[0].Err())
	require.ErrorIs(t, cmds[1].Err(), resilience.ErrOutcomeUnknown)
	require.Equal(t, "1", low.Get(ctx, "b").Val(), "counted once")
	require.Equal(t, "1", high.Get(ctx, "a").Val())
}

// A cluster of one node: what is routed by key, what is spread over nodes, batches and
// transactions.
func TestCluster(t *testing.T) {
	t.Parallel()
	admin := startServer(t, "--cluster-enabled", "yes")
	require.NoError(t, admin.ClusterAddSlotsRange(t.Context(), 0, 16383).Err())
	addr := admin.Options().Addr
	p := patient(t)
	client, err := holdfastredis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{addr}, IsClusterMode: true}, p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	ctx := t.Context()
	require.NoError(t, client.Set(ctx, "a", "1", 0).Err(), "after CLUSTERDOWN: the slots are new")
	require.EqualValues(t, 2, client.Incr(ctx, "a").Val())
	require.NoError(t, client.MSet(ctx, "{b}", "2", "{b}c", "3").Err())
	cluster := client.(*redis.ClusterClient)
	cluster.SetCommandInfoResolver(cluster.NewDynamicResolver()) // go-redis splits commands over nodes, and joins the replies
	for _, ctx := range []context.Context{ctx, resilience.MarkOnce(ctx)} {
		values, err := client.MGet(ctx, "a", "{b}", "{b}c").Result()
		require.NoError(t, err)
		require.Equal(t, []any{"2", "2", "3"}, values)
	}
	require.EqualValues(t, 3, client.DBSize(ctx).Val())
	_, err = client.ScriptLoad(ctx, "return 1").Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, client.Eval(ctx, "return 1", []string{"a"}).Val())
	cmds, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "a")
		pipe.Get(ctx, "{b}")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "get {b}: 2", fmt.Sprint(cmds[1]))
	_, err = client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "a")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "4", client.Get(ctx, "a").Val())
	require.NoError(t, client.FlushAll(ctx).Err())
}
