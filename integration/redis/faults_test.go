package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/integration/faultproxy"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Every way in which a connection may fail, and what of it the server sees.
var faults = []struct {
	name     string
	stream   faultproxy.Stream
	toxic    toxics.Toxic // nil: the proxy is down
	executed bool         // the server executes the command, and the reply is lost
}{
	{"latency", faultproxy.Downstream, &toxics.LatencyToxic{Latency: 60_000}, true},
	{"bandwidth", faultproxy.Downstream, &toxics.BandwidthToxic{Rate: 1}, true},
	{"timeout", faultproxy.Downstream, &toxics.TimeoutToxic{}, true},
	{"timeout upstream", faultproxy.Upstream, &toxics.TimeoutToxic{}, false},
	{"reset_peer", faultproxy.Upstream, &toxics.ResetToxic{}, false},
	{"down", "", nil, false},
}

// breakIt breaks the proxy, and returns what heals it.
func breakIt(p *faultproxy.Proxy, s faultproxy.Stream, toxic toxics.Toxic) (heal func()) {
	if toxic == nil {
		p.Down()
		return p.Up
	}
	p.Add(s, toxic)
	return p.Heal
}

// A read survives each fault, with one more attempt. The server is the test's own, since it counts
// what others send, too.
func TestReadsAreRetried(t *testing.T) {
	t.Parallel()
	w := worldOf(t, startServer(t))
	value := strings.Repeat("x", 100_000) // more than the slow line carries in an attempt
	require.NoError(t, w.direct.Set(t.Context(), w.key("big"), value, time.Hour).Err())
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			heal := func() {}
			p := healing(t, w, func() { heal() })
			client := w.client(t, p)
			require.NoError(t, client.Ping(t.Context()).Err()) // there is a connection
			before, attempts := calls(t, w.direct, "getrange"), p.Snapshot().Attempts

			heal = breakIt(w.proxy, fault.stream, fault.toxic)
			size := 10
			if fault.name == "bandwidth" {
				size = len(value)
			}
			got, err := client.GetRange(t.Context(), w.key("big"), 0, int64(size-1)).Result()
			require.NoError(t, err)
			require.Len(t, got, size)
			require.EqualValues(t, 2, p.Snapshot().Attempts-attempts)
			want := 1
			if fault.executed {
				want = 2
			}
			require.Equal(t, want, calls(t, w.direct, "getrange")-before, "on the server")
		})
	}
}

// An INCR is sent again only where it was not sent: where no connection came about. Anything else
// is reported unknown, and is executed once at the most.
func TestWritesAreNotRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			heal := func() {}
			p := healing(t, w, func() { heal() })
			client := w.client(t, p)
			require.NoError(t, client.Ping(t.Context()).Err())
			key, attempts := w.key(fmt.Sprint("counter", i)), p.Snapshot().Attempts

			heal = breakIt(w.proxy, fault.stream, fault.toxic)
			err := client.Incr(t.Context(), key).Err()
			made := p.Snapshot().Attempts - attempts
			heal()
			n, getErr := w.direct.Get(t.Context(), key).Int()
			if !errors.Is(getErr, redis.Nil) {
				require.NoError(t, getErr)
			}
			switch {
			case fault.name == "bandwidth": // the reply is small enough to come through
				require.NoError(t, err)
				require.Equal(t, 1, n)
			case fault.toxic == nil && err == nil: // as a rule the pool notices that its connections are closed, and dials
				require.NoError(t, err)
				require.Equal(t, 1, n)
				require.EqualValues(t, 2, made)
			default:
				require.True(t, resilience.NoRetry(err), "%v", err)
				require.EqualValues(t, 1, made)
				if fault.executed {
					require.Equal(t, 1, n)
				} else {
					require.Zero(t, n)
				}
			}
		})
	}
}

// Under faults of every kind, a write that was acknowledged was applied once, one that was reported
// unknown once or never (a SET as often as it likes), and any other never.
func TestNothingIsAppliedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newPipeline(t, retry.Custom(5, time.Millisecond, 20*time.Millisecond, true))
	client := w.client(t, p)

	stop := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() {
		for round := 0; ; round++ {
			select {
			case <-stop:
				w.proxy.Heal()
				w.proxy.Up()
				return
			case <-time.After(10 * time.Millisecond):
			}
			w.proxy.Heal()
			switch round % 5 {
			case 0:
				w.proxy.Cut()
			case 1:
				w.proxy.Add(faultproxy.Downstream, &toxics.ResetToxic{Timeout: 2})
			case 2:
				w.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{Timeout: 3})
			case 3:
				w.proxy.Add(faultproxy.Downstream, &toxics.LatencyToxic{Latency: 3, Jitter: 3})
			case 4:
				w.proxy.Add(faultproxy.Upstream, &toxics.ResetToxic{})
			}
		}
	})

	const callers, each = 8, 150
	kinds := []func(ctx context.Context, key string) error{
		func(ctx context.Context, key string) error { return client.Incr(ctx, key).Err() },
		func(ctx context.Context, key string) error { return client.Set(ctx, key, 1, 0).Err() },
		func(ctx context.Context, key string) error {
			return client.Eval(ctx, "return redis.call('incr', KEYS[1])", []string{key}).Err()
		},
		func(ctx context.Context, key string) error {
			_, err := client.TxPipelined(ctx, func(pipe redis.Pipeliner) error { return pipe.Incr(ctx, key).Err() })
			return err
		},
		func(ctx context.Context, key string) error {
			return client.Watch(ctx, func(tx *redis.Tx) error {
				n, err := tx.Get(ctx, key).Int()
				if err != nil && !errors.Is(err, redis.Nil) {
					return err
				}
				_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error { return pipe.Set(ctx, key, n+1, 0).Err() })
				return err
			}, key)
		},
	}
	results := make([]error, callers*each)
	key := func(i int) string { return w.key(fmt.Sprint("payment", i)) }
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			for i := caller * each; i < (caller+1)*each; i++ {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				results[i] = kinds[i%len(kinds)](ctx, key(i))
				cancel()
			}
		})
	}
	calling.Wait()
	close(stop)
	chaos.Wait()

	acknowledged, unknown := 0, 0
	for i, err := range results {
		n, getErr := w.direct.Get(t.Context(), key(i)).Int()
		if !errors.Is(getErr, redis.Nil) {
			require.NoError(t, getErr)
		}
		switch {
		case err == nil:
			acknowledged++
			require.Equal(t, 1, n, "payment %d was acknowledged", i)
		case errors.Is(err, resilience.ErrOutcomeUnknown):
			unknown++
			require.LessOrEqual(t, n, 1, "payment %d: %v", i, err)
		default:
			require.Zero(t, n, "payment %d: %v", i, err)
		}
	}
	s := p.Snapshot()
	t.Logf("%d calls, %d attempts, %d acknowledged, %d unknown", s.Calls, s.Attempts, acknowledged, unknown)
	require.Positive(t, acknowledged)
}

// A pipeline of reads survives a fault; a transaction with a write in it is reported unknown, and
// applied once.
func TestBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	heal := func() {}
	p := healing(t, w, func() { heal() })
	client := w.client(t, p)
	require.NoError(t, client.Set(t.Context(), w.key("a"), "1", time.Hour).Err())

	heal = breakIt(w.proxy, faultproxy.Downstream, &toxics.TimeoutToxic{})
	cmds, err := client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		pipe.Get(t.Context(), w.key("a"))
		pipe.Get(t.Context(), w.key("missing"))
		return nil
	})
	require.Equal(t, redis.Nil, err)
	require.NoError(t, cmds[0].Err())
	require.Equal(t, redis.Nil, cmds[1].Err())

	remove := w.proxy.Add(faultproxy.Downstream, &toxics.TimeoutToxic{})
	cmds, err = client.TxPipelined(t.Context(), func(pipe redis.Pipeliner) error {
		pipe.Incr(t.Context(), w.key("a"))
		pipe.Get(t.Context(), w.key("a"))
		return nil
	})
	remove()
	require.True(t, resilience.NoRetry(err), "%v", err)
	for _, cmd := range cmds {
		require.Equal(t, err, cmd.Err())
	}
	require.Equal(t, "2", w.direct.Get(t.Context(), w.key("a")).Val())
}

// While Redis is down the breaker keeps calls from it; once it is back, they go through.
func TestBreakerOpensAndCloses(t *testing.T) {
	w := newWorld(t)
	gate := func(openFor time.Duration) breaker.Config {
		return breaker.Config{ConsecutiveFailures: 3, OpenFor: openFor, HalfOpenProbes: 1}
	}
	p := newPipeline(t, gate(time.Hour))
	client := w.client(t, p)
	require.NoError(t, client.Ping(t.Context()).Err())
	accepted := w.proxy.Accepted()

	w.proxy.Down()
	for range 3 {
		require.Error(t, client.Incr(t.Context(), w.key("n")).Err())
	}
	require.ErrorIs(t, client.Incr(t.Context(), w.key("n")).Err(), breaker.ErrOpen)
	w.proxy.Up()
	require.NoError(t, p.Update(gate(time.Millisecond))) // the hour is over
	require.Eventually(t, func() bool { return client.Incr(t.Context(), w.key("n")).Err() == nil }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State)
	require.Greater(t, w.proxy.Accepted(), accepted)
	require.Equal(t, "1", w.direct.Get(t.Context(), w.key("n")).Val())
}
