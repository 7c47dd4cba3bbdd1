package holdfastfleet

import (
	"context"
	"errors"
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
// fleet that is gone leaves nothing. A user of Redis with ACLs needs "~holdfast:*" and the
// commands eval, evalsha, time, hset, hmget, hgetall, hlen, hdel, unlink and pexpire, and for
// orders mget and set.
//
// With a nil client [Join] fails. Give the fleet a client of its own: one whose pool is empty, or
// that protects a pipeline which the fleet follows, makes the fleet depend on what it watches. It
// needs no short timeouts, as the fleet waits for no answer longer than a tick.
func Redis(client redis.UniversalClient) fleet.Transport { return &redisTransport{client} }

type redisTransport struct{ client redis.UniversalClient }

// Validate returns an error if there is no client.
func (r *redisTransport) Validate() error {
	wrong := &adapter.Check{Package: "holdfastfleet"}
	wrong.NotNil("the client of Redis", r.client, "want a client")
	return wrong.Err()
}

// keys returns the keys of a room. What is between the braces chooses the slot.
func keys(room string) (cells, digest, lease string) {
	slot := slotOf(room)
	return slot + "cells", slot + "digest", slot + "lease"
}

func slotOf(room string) string {
	return "holdfast:{" + strings.ReplaceAll(url.PathEscape(room), "%2F", "/") + "}:"
}

// The store's time in milliseconds. Redis 6 replicates the effects of a script, so it may look at
// the clock.
const luaNow = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// luaNews reads a room's lease and digest, which are at most maxDigest bytes.
const luaNews = `
local l = redis.call('HMGET', KEYS[3], 'holder', 'since', 'until', 'told', 'good', 'at')
local holder, since, till = l[1] or '', tonumber(l[2] or ''), tonumber(l[3] or '')
if not (since and till and since <= now and now < till and till - since <= 60000) then
	holder = ''
end
local told, at = tonumber(l[4] or ''), tonumber(l[6] or '')
if not told or not at or told ~= told or told < 1 or told > 9007199254740992 or at ~= at or at < 0 or at > now then
	told, at = 0, now
end
local good = l[5] == '1' and 1 or 0
local d = redis.call('HMGET', KEYS[2], 'made', 'asked', 'body', 'orders')
local made, asked, body = tonumber(d[1] or ''), tonumber(d[2] or ''), d[3]
local age = -1
if made and made >= 0 and made <= now and body and #body <= maxDigest then
	age = now - made
else
	body = ''
end
`

// exchangeScript stores a cell, before it the time, and returns the news: the age of the digest in
// milliseconds or -1, the digest, whether the caller is asked for one, how many cells were
// refused, the holder, what was told last (its epoch, whether it is good, its age), ages and cells
// if asked, and the orders if there are any. A time that is not of the past is nonsense, or from
// before the server's clock was set back: then the datum is not used. Flooded cells are dropped,
// since the pods that are there write theirs anew at once.
//
// ARGV: pod, cell, ttl, fresh, MaxCells, MaxCell, MaxDigest.
var exchangeScript = redis.NewScript(luaNow + luaOrders + `
local ttl, fresh = tonumber(ARGV[3]), tonumber(ARGV[4])
local mine = string.format('%.0f:', now) .. ARGV[2]
redis.call('HSET', KEYS[1], ARGV[1], mine)
redis.call('PEXPIRE', KEYS[1], ttl)
local maxDigest = tonumber(ARGV[7])
` + luaNews + `
local pending = asked and asked <= now and now - asked < fresh
if (age >= 0 and age < fresh) or pending then
	if d[4] == '1' then
		local found, refused = orders(KEYS[4])
		return {age, body, 0, refused, holder, told, good, now - at, {}, found}
	end
	return {age, body, 0, 0, holder, told, good, now - at}
end
local found, refused = orders(KEYS[4])
redis.call('HSET', KEYS[2], 'asked', string.format('%.0f', now), 'orders', #found > 0 and '1' or '0')
redis.call('PEXPIRE', KEYS[2], ttl)
local n = redis.call('HLEN', KEYS[1])
if n > tonumber(ARGV[5]) then
	redis.call('UNLINK', KEYS[1])
	redis.call('HSET', KEYS[1], ARGV[1], mine)
	redis.call('PEXPIRE', KEYS[1], ttl)
	refused = refused + n - 1
end
local cells, all, most = {}, redis.call('HGETALL', KEYS[1]), tonumber(ARGV[6])
for i = 1, #all, 2 do
	local value = all[i + 1]
	local colon = string.find(value, ':', 1, true)
	local at = colon and colon <= 17 and tonumber(string.sub(value, 1, colon - 1))
	if not at or at ~= at or at > now then
		refused = refused + 1
		redis.call('HDEL', KEYS[1], all[i])
	elseif now - at >= ttl then
		redis.call('HDEL', KEYS[1], all[i])
	elseif #value - colon > most then
		refused = refused + 1
	else
		cells[#cells + 1] = now - at
		cells[#cells + 1] = string.sub(value, colon + 1)
	end
end
return {age, body, 1, refused, holder, told, good, now - at, cells, found}
`)

// digestScript. ARGV: digest, ttl.
var digestScript = redis.NewScript(luaNow + `
redis.call('HSET', KEYS[1], 'made', string.format('%.0f', now), 'body', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)

// memory is how long the store keeps a lease's epoch and what was told, in milliseconds.
const memory = 5 * time.Minute

// luaLease reads the lease: who holds it, since when and until when, its epoch, and that of what
// was told last. One that is not of now, or of more than a minute, is none: somebody else wrote it,
// or the server's clock was set back. An epoch is the time at which the lease was given, unless
// that is not greater than the last.
const luaLease = luaNow + `
local l = redis.call('HMGET', KEYS[1], 'holder', 'since', 'until', 'epoch', 'told')
local holder, since, till = l[1] or '', tonumber(l[2] or ''), tonumber(l[3] or '')
local epoch, told = tonumber(l[4] or '') or 0, tonumber(l[5] or '') or 0
if epoch ~= epoch or epoch < 0 or epoch > 9007199254740991 then
	epoch = 0
end
local held = holder ~= '' and since and till and since <= now and now < till and till - since <= 60000
`

// acquireScript returns the lease's epoch or 0. ARGV: pod, ttl, memory.
var acquireScript = redis.NewScript(luaLease + `
if held and (holder ~= ARGV[1] or told == epoch) then
	return 0
end
if not held then
	epoch = math.max(epoch + 1, now)
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'since', string.format('%.0f', now), 'until', string.format('%.0f', now + ARGV[2]), 'epoch', string.format('%.0f', epoch))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return epoch
`)

// tellScript. ARGV: pod, epoch, 1 for a success or 0, rest, memory.
var tellScript = redis.NewScript(luaLease + `
if epoch == 0 or epoch ~= tonumber(ARGV[2]) or told == epoch then
	return 0
end
holder, till = '', 0
if ARGV[3] == '0' then
	holder, till = ARGV[1], now + ARGV[4]
end
redis.call('HSET', KEYS[1], 'holder', holder, 'since', string.format('%.0f', now), 'until', string.format('%.0f', till), 'told', ARGV[2], 'good', ARGV[3], 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
`)

// releaseScript. ARGV: pod.
var releaseScript = redis.NewScript(`
if redis.call('HMGET', KEYS[1], 'holder')[1] == ARGV[1] then
	redis.call('HSET', KEYS[1], 'holder', '')
end
return 1
`)

// withdrawScript. ARGV: pod.
var withdrawScript = redis.NewScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HMGET', KEYS[2], 'holder')[1] == ARGV[1] then
	redis.call('HSET', KEYS[2], 'holder', '')
end
return 1
`)

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
			e.Pod, post.Cell, millis(e.TTL), millis(e.Fresh), fleet.MaxCells, fleet.MaxCell, fleet.MaxDigest,
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
	commands := make([]*redis.Cmd, len(calls))
	pipe := r.client.Pipeline()
	for i, c := range calls {
		commands[i] = eval(ctx, pipe, c.keys, c.args...)
	}
	_, _ = pipe.Exec(ctx) // the commands have it
	return commands
}

// errReply says that the store answered what no script of this package does.
var errReply = errors.New("holdfastfleet: the store's answer is none of this protocol")

// newsOf reads the reply of exchangeScript.
func newsOf(reply any, err error) (n fleet.News) {
	if err != nil {
		return fleet.News{Err: err}
	}
	parts, _ := reply.([]any)
	if len(parts) < 8 {
		return fleet.News{Err: errReply}
	}
	age, ok1 := parts[0].(int64)
	digest, ok2 := parts[1].(string)
	asked, ok3 := parts[2].(int64)
	refused, ok4 := parts[3].(int64)
	holder, ok5 := parts[4].(string)
	told, ok6 := parts[5].(int64)
	good, ok7 := parts[6].(int64)
	since, ok8 := parts[7].(int64)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || !ok8 {
		return fleet.News{Err: errReply}
	}
	if told > 0 {
		n.Told = fleet.Told{Epoch: uint64(told), Good: good == 1, Age: time.Duration(since) * time.Millisecond}
	}
	n.Asked, n.Refused, n.Holder = asked == 1, int(refused), holder
	if age >= 0 {
		n.Digest, n.Age = []byte(digest), time.Duration(age)*time.Millisecond
	}
	if n.Orders, err = ordersOf(parts); err != nil {
		return fleet.News{Err: err}
	}
	if n.Orders, err = ordersOf(parts); err != nil {
		return fleet.News{Err: err}
	}
	if !n.Asked {
		return n
	}
	if len(parts) < 9 {
		return fleet.News{Err: errReply}
	}
	cells, _ := parts[8].([]any)
	for i := 0; i+1 < len(cells); i += 2 {
		age, ok1 := cells[i].(int64)
		data, ok2 := cells[i+1].(string)
		if !ok1 || !ok2 {
			return fleet.News{Err: errReply}
		}
		n.Cells = append(n.Cells, fleet.Cell{Age: time.Duration(age) * time.Millisecond, Data: []byte(data)})
	}
	return n
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
