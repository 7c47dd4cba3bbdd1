package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

func quick() retry.Config { return retry.Custom(3, time.Millisecond, 5*time.Millisecond, false) }

// A command whose reply is lost is sent again if that comes to the same, and else reported as
// unknown. Either way what is there is what one run leaves.
func TestLostReplies(t *testing.T) {
	w := newWorld(t)
	between := faultproxy.NewLossy(t, w.direct.Options().Addr)
	p := newPipeline(t, quick())
	client := w.through(t, between, p)
	for _, test := range []struct {
		before, command, look string
		repeated              bool
	}{
		{"rpush @q 1 2 3 4 5 6", "ltrim @q 2 -1", "lrange @q 0 -1", false}, // a batch was popped
		{"rpush @q 1 2 3 4 5", "ltrim @q 0 -2", "lrange @q 0 -1", false},
		{"rpush @q 1 2 3 4 5", "ltrim @q 0 2", "lrange @q 0 -1", true},
		{"rpush @q 1 2 3 4 5", "ltrim @q -2 -1", "lrange @q 0 -1", true},
		{"zadd @total 100 a|zadd @today 7 a", "zunionstore @total 2 @total @today", "zrange @total 0 -1 withscores", false},
		{"zadd @total 100 a|zadd @today 7 a", "zunionstore @sum 2 @total @today", "zrange @sum 0 -1 withscores", true},
		{"zadd @z 1 a 2 b 3 c", "zrangestore @z @z 1 -1", "zrange @z 0 -1", false},
		{"zadd @z 1 a", "zinterstore @z 1 @z weights 2", "zrange @z 0 -1 withscores", false},
		{"sadd @a 1 2|sadd @b 2 3", "sunionstore @a @a @b", "scard @a", true},
		{"sadd @a 1 2|sadd @b 2 3", "sdiffstore @a @b @a", "smembers @a", false},
		{"sadd @a 1 2|sadd @b 2 3", "sdiffstore @a @a @b", "smembers @a", true},
		{"set @x abc|set @y q", "bitop xor @x @x @y", "get @x", false},
		{"set @x abc|set @y q", "bitop or @x @x @y", "get @x", true},
		{"set @x abc", "bitop not @x @x", "get @x", false},
		{"set @x a", "setbit @x 7 0", "get @x", false}, // its reply is what was there before
		{"set @x a", "getex @x exat 1000", "get @x", false},
		{"set @x 1", "incr @x", "get @x", false},
		{"set @x a", "append @x b", "get @x", false},
		{"rpush @q 1 2", "lpop @q", "lrange @q 0 -1", false},
		{"sadd @a 1", "sadd @a 2", "smembers @a", false},
		{"set @x a", "set @x b nx", "get @x", false},
		{"set @x a", "set @x b", "get @x", true},
		{"hset @h f 1", "hset @h g 2", "hgetall @h", true},
		{"set @x a", "expire @x 1000", "ttl @x", true},
		{"set @x a", "del @x", "exists @x", true},
		{"set @x a", "get @x", "get @x", true},
	} {
		t.Run(test.command, func(t *testing.T) {
			do := func(via *redis.Client, command string) (string, error) {
				args := argsOf(command)
				for i, arg := range args[1:] {
					if key, ok := strings.CutPrefix(arg.(string), "@"); ok {
						args[i+1] = w.key(key)
					}
				}
				reply, err := via.Do(t.Context(), args...).Result()
				return fmt.Sprint(reply), err
			}
			prepare := func() {
				w.clean()
				for _, command := range split(test.before) {
					_, err := do(w.direct, command)
					require.NoError(t, err)
				}
				require.NoError(t, client.Ping(t.Context()).Err())
			}
			prepare()
			reply, err := do(w.direct, test.command)
			require.True(t, err == nil || errors.Is(err, redis.Nil), "%v", err)
			want, _ := do(w.direct, test.look)

			prepare()
			attempts := p.Snapshot().Attempts
			between.Lose(1)
			again, err := do(client, test.command)
			got, _ := do(w.direct, test.look)
			require.Equal(t, want, got)
			if !test.repeated {
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.True(t, resilience.NoRetry(err))
				require.EqualValues(t, 1, p.Snapshot().Attempts-attempts)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, 2, p.Snapshot().Attempts-attempts)
			if name, _, _ := strings.Cut(test.command, " "); name != "hset" && name != "del" { // see Idempotent
				require.Equal(t, reply, again)
			}
		})
	}
}

// A withdrawal under WATCH whose EXEC was carried out, and its reply lost, is unknown, whatever the
// write is; so whoever runs the closure again on errors that allow it withdraws once.
func TestLostExec(t *testing.T) {
	w := newWorld(t)
	between := faultproxy.NewLossy(t, w.direct.Options().Addr)
	balance := w.key("balance")
	for name, p := range map[string]*holdfast.Pipeline{
		"retries": newPipeline(t, quick()), "none": newPipeline(t, retry.Config{MaxRetries: retry.None}),
	} {
		client := w.through(t, between, p)
		for _, write := range []string{"SET", "INCRBY", "SET without MULTI"} {
			t.Run(name+" "+write, func(t *testing.T) {
				require.NoError(t, w.direct.Set(t.Context(), balance, 100, 0).Err())
				runs := 0
				withdraw := func(ctx context.Context) error {
					return client.Watch(ctx, func(tx *redis.Tx) error {
						n, err := tx.Get(ctx, balance).Int()
						if err != nil {
							return err
						}
						if runs++; runs == 1 {
							between.Lose(1)
						}
						if write == "SET without MULTI" {
							return tx.Set(ctx, balance, n-10, 0).Err()
						}
						_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
							if write == "SET" {
								return pipe.Set(ctx, balance, n-10, 0).Err()
							}
							return pipe.IncrBy(ctx, balance, -10).Err()
						})
						return err
					}, balance)
				}
				again := quick()
				again.RetryIf = func(err error) bool { return !errors.Is(err, resilience.ErrOutcomeUnknown) }
				err := retry.Do(t.Context(), again, withdraw)
				require.Equal(t, "90", w.direct.Get(t.Context(), balance).Val())
				require.Equal(t, 1, runs)
				require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
				require.NotEqual(t, resilience.Rejected, resilience.Classify(err))
				require.Equal(t, resilience.Transient, resilience.Judge(t.Context(), holdfastredis.Classify, err))
				if write != "SET without MULTI" || name == "retries" {
					require.True(t, resilience.NoRetry(err))
				}
			})
		}
	}
}

// What was only read under WATCH when the connection was lost leaves no doubt: nothing was written.
func TestLostReadUnderWatch(t *testing.T) {
	w := newWorld(t)
	between := faultproxy.NewLossy(t, w.direct.Options().Addr)
	client := w.through(t, between, newPipeline(t, quick()))
	err := client.Watch(t.Context(), func(tx *redis.Tx) error {
		between.Lose(1)
		return tx.Get(t.Context(), w.key("n")).Err()
	}, w.key("n"))
	require.Error(t, err)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.False(t, resilience.NoRetry(err))
}

// A script that writes, and then fails, has written: its error says that the outcome is unknown, by
// itself and in a pipeline. Redis does not undo it.
func TestFailedScriptHasWritten(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, newPipeline(t, quick()))
	const script = `redis.call('INCR', KEYS[1]); return redis.call('LPUSH', KEYS[1], 'x')`
	alone, batched := w.key("alone"), w.key("batched")
	err := client.Eval(t.Context(), script, []string{alone}).Err()
	require.ErrorContains(t, err, "WRONGTYPE")
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	_, err = client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		return p.Eval(t.Context(), script, []string{batched}).Err()
	})
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	for _, key := range []string{alone, batched} {
		got, err := w.direct.Get(t.Context(), key).Int()
		require.NoError(t, err)
		require.Equal(t, 1, got)
	}

	absent := client.EvalSha(t.Context(), "0000000000000000000000000000000000000000", nil).Err()
	require.True(t, redis.HasErrorPrefix(absent, "NOSCRIPT"))
	require.NotErrorIs(t, absent, resilience.ErrOutcomeUnknown)
}

// A lock script that counts its holder's locks (as many clients have it) is run once, if its reply
// is lost.
func TestLostLockScript(t *testing.T) {
	w := newWorld(t)
	between := faultproxy.NewLossy(t, w.direct.Options().Addr)
	client := w.through(t, between, newPipeline(t, quick()))
	require.NoError(t, client.Ping(t.Context()).Err())
	between.Lose(1)
	err := client.Eval(t.Context(), "return redis.call('hincrby', KEYS[1], ARGV[1], 1)", []string{w.key("lock")}, "me").Err()
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Equal(t, "1", w.direct.HGet(t.Context(), w.key("lock"), "me").Val())
}

// The docs' word on a repeat beside other writers: somebody who gets the lock between two runs of a
// DEL loses it by the second. Under MarkOnce there is no second.
func TestRepeatBesideOtherWriters(t *testing.T) {
	w := newWorld(t)
	between := faultproxy.NewLossy(t, w.direct.Options().Addr)
	lock := w.key("lock")
	for _, ctx := range []context.Context{t.Context(), resilience.MarkOnce(t.Context())} {
		got := false
		p := newPipeline(t, onRetry(func() {
			got = w.direct.SetNX(context.Background(), lock, "another's", time.Minute).Val()
		}), quick())
		client := w.through(t, between, p)
		require.NoError(t, w.direct.Set(t.Context(), lock, "mine", time.Minute).Err())
		require.NoError(t, client.Ping(t.Context()).Err())
		between.Lose(1)
		err := client.Del(ctx, lock).Err()
		once := resilience.RepetitionOf(ctx) == resilience.Once
		require.Equal(t, once, errors.Is(err, resilience.ErrOutcomeUnknown))
		require.Equal(t, !once, got)
		require.Zero(t, w.direct.Exists(t.Context(), lock).Val())
	}
}

// Under each preset, what is marked as to be done once is done once, also where the table would
// allow a second time.
func TestOncePerPreset(t *testing.T) {
	w := newWorld(t)
	between := faultproxy.NewLossy(t, w.direct.Options().Addr)
	for name, preset := range map[string]func() []resilience.Stage{
		"critical": holdfast.Critical, "standard": holdfast.Standard, "background": holdfast.Background,
	} {
		onlyUnsent := preset()
		for i, stage := range onlyUnsent {
			if loop, ok := stage.(retry.Config); ok {
				loop.OnlyUnsent = true
				onlyUnsent[i] = loop
			}
		}
		for kind, run := range map[string]func(client *redis.Client) error{
			"MarkOnce": func(client *redis.Client) error {
				return client.HSet(resilience.MarkOnce(t.Context()), w.key("h"), "f", 1).Err()
			},
			"OnlyUnsent": func(client *redis.Client) error {
				return client.HSet(t.Context(), w.key("h"), "f", 1).Err()
			},
		} {
			t.Run(name+" "+kind, func(t *testing.T) {
				stages := preset()
				if kind == "OnlyUnsent" {
					stages = onlyUnsent
				}
				p := newPipeline(t, stages...)
				client := w.through(t, between, p)
				require.NoError(t, client.Ping(t.Context()).Err())
				before := p.Snapshot().Attempts
				between.Lose(1)
				require.ErrorIs(t, run(client), resilience.ErrOutcomeUnknown)
				require.EqualValues(t, 1, p.Snapshot().Attempts-before)
			})
		}
	}
}

// through returns a protected client that goes through a lossy proxy.
func (w *world) through(t *testing.T, between *faultproxy.Lossy, p *holdfast.Pipeline) *redis.Client {
	t.Helper()
	opt := *w.direct.Options()
	return newClient(t, &redis.Options{
		Addr: between.Addr(), Username: opt.Username, Password: opt.Password, DB: opt.DB,
	}, p)
}
