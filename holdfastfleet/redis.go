package holdfastfleet

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/fleet"
)

// Redis returns a Transport of package fleet on Redis 6 or later, or a server that speaks like it,
// such as Valkey. The client may be one of a single node (*redis.Client), of Sentinel
// (redis.NewFailoverClient) or of a cluster (*redis.ClusterClient). It goes on belonging to the
// caller, who closes it after [fleet.Fleet.Leave].
//
// Each room has three keys: "holdfast:{checkout/payments}:cells", ":digest" and ":lease", and for
// a day after an order ":orders". They are in one hash slot, as scripts need it, and all expire: a
// fleet that is gone leaves nothing. Pooled budgets have "holdfast:{/checkout/payments}:pool" for
// the bucket, and ":pool:" with the name of a session for a pod's latest request; they expire ten
// minutes after the latest. A user of Redis with ACLs needs "~holdfast:*" and the commands eval,
// evalsha, time, hset, hmget, hgetall, hlen, hdel, unlink and pexpire, for orders mget and set, and
// for pooled budgets get and set.
//
// With a nil client [Join] fails. Give the fleet a client of its own: one whose pool is empty, or
// that protects a pipeline which the fleet follows, makes the fleet depend on what it watches. It
// needs no short timeouts, as the fleet waits for no answer longer than a tick. The client of a
// cluster waits for its ReadTimeout, unless ContextTimeoutEnabled is set: make that short.
//
// A client that dials five times before it gives up, as is go-redis's default, takes longer for it
// than a tick. With DialerRetries 1 and MaxRetries -1 the fleet can say why a Redis is gone.
// go-redis itself logs each failed dial, several times a second in each pod: see redis.SetLogger.
func Redis(client redis.UniversalClient) fleet.Transport { return &redisTransport{client} }

type redisTransport struct{ client redis.UniversalClient }

// Validate returns an error if there is no client.
func (r *redisTransport) Validate() error {
	wrong := &adapter.Check{Package: "holdfastfleet"}
	wrong.NotNil("the client of Redis", r.client, "want a client")
	return wrong.Err()
}

// keys returns the keys of a room.
func keys(room string) (cells, digest, lease string) {
	slot := slotOf(room)
	return slot + "cells", slot + "digest", slot + "lease"
}

// slotOf returns what all keys of a room begin with. What is between the braces chooses the slot.
func slotOf(room string) string {
	return "holdfast:{" + strings.ReplaceAll(url.PathEscape(room), "%2F", "/") + "}:"
}

// digestTTL is how long a digest is kept without a newer one. Nobody goes by one that old.
const digestTTL = 5 * time.Second

// Exchange sends one pipeline with a script for each room.
func (r *redisTransport) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	news := make([]fleet.News, len(e.Posts))
	var calls []scriptCall
	for i, post := range e.Posts {
		if err := e.Check(post); err != nil {
			news[i].Err = err
			continue
		}
		calls = append(calls, scriptCall{keys: allKeys(post.Room), done: func(reply any, err error) {
			news[i] = newsOf(reply, err)
		}, args: []any{
			e.Pod, post.Cell, millis(e.TTL), millis(e.Fresh),
		}})
	}
	return news, r.run(ctx, exchangeScript, calls)
}

// millis returns d in milliseconds, the least that Redis counts in.
func millis(d time.Duration) int64 { return max(1, d.Milliseconds()) }

// scriptCall is one run of a script.
type scriptCall struct {
	keys []string
	args []any
	done func(reply any, err error)
}

// run runs the script once for each call, all in one pipeline. It returns an error if every call
// failed. A server that does not know the script yet gets its text.
func (r *redisTransport) run(ctx context.Context, script *redis.Script, calls []scriptCall) error {
	if len(calls) == 0 {
		return nil
	}
	commands := r.pipeline(ctx, calls, script.EvalSha)
	var unknown []scriptCall
	var at []int
	for i, c := range commands {
		if redis.HasErrorPrefix(c.Err(), "NOSCRIPT") {
			unknown, at = append(unknown, calls[i]), append(at, i)
		}
	}
	if len(unknown) > 0 {
		for i, c := range r.pipeline(ctx, unknown, script.Eval) {
			commands[at[i]] = c
		}
	}
	var errs []error
	for i, c := range commands {
		reply, err := c.Result()
		if err != nil {
			errs = append(errs, err)
		}
		if calls[i].done != nil {
			calls[i].done(reply, err)
		}
	}
	if len(errs) == len(calls) {
		return errs[0]
	}
	return nil
}

// pipeline sends the calls. Each command has its own error.
func (r *redisTransport) pipeline(ctx context.Context, calls []scriptCall, eval func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) []*redis.Cmd {
	client, ctx, cancel := r.within(ctx)
	defer cancel()
	commands := make([]*redis.Cmd, len(calls))
	pipe := client.Pipeline()
	for i, c := range calls {
		commands[i] = eval(ctx, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // the commands have it
	return commands
}

// Digest stores a digest.
func (r *redisTransport) Digest(ctx context.Context, room string, digest []byte) error {
	if err := fleet.CheckDigest(room, digest); err != nil {
		return err
	}
	_, key, _ := keys(room)
	return r.run(ctx, digestScript, []scriptCall{{keys: []string{key}, args: []any{digest, millis(digestTTL)}}})
}

// Acquire takes or extends the lease.
func (r *redisTransport) Acquire(ctx context.Context, room, pod string, ttl time.Duration) (epoch uint64, err error) {
	_, _, key := keys(room)
	err = r.run(ctx, acquireScript, []scriptCall{{
		keys: []string{key}, args: []any{pod, millis(ttl), millis(memory)},
		done: func(reply any, _ error) {
			if n, ok := reply.(int64); ok && n > 0 {
				epoch = uint64(n)
			}
		},
	}})
	return epoch, err
}

// Tell stores what a holder tells.
func (r *redisTransport) Tell(ctx context.Context, room string, t fleet.Told) error {
	_, _, key := keys(room)
	good := "0"
	if t.Good {
		good = "1"
	}
	return r.run(ctx, tellScript, []scriptCall{{
		keys: []string{key}, args: []any{t.Pod, t.Epoch, good, max(0, t.Rest.Milliseconds()), millis(memory)},
	}})
}

// Release ends the lease if the pod holds it.
func (r *redisTransport) Release(ctx context.Context, room, pod string) error {
	_, _, key := keys(room)
	return r.run(ctx, releaseScript, []scriptCall{{keys: []string{key}, args: []any{pod}}})
}

// Withdraw removes what the pod has stored.
func (r *redisTransport) Withdraw(ctx context.Context, pod string, rooms []string) error {
	calls := make([]scriptCall, len(rooms))
	for i, room := range rooms {
		cells, _, lease := keys(room)
		calls[i] = scriptCall{keys: []string{cells, lease}, args: []any{pod}}
	}
	return r.run(ctx, withdrawScript, calls)
}
