package holdfastfleet

import (
	"context"
	"math"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/fleet"
)

// poolKeys returns the keys of a room's bucket, and of what is remembered of a session.
func poolKeys(room, session string) []string {
	slot := slotOf(room)
	return []string{slot + "pool", slot + "pool:" + session}
}

// poolScript gives and takes tokens: see fleet.PoolRequest. A session is remembered as
// "seq:ticket:granted:accepted". What is no such text, or no number of tokens, counts as nothing,
// and so makes no token: the bucket is empty then, and the session is not known. NaN is neither
// above nor below 0. A key of another type is removed. A ticket is the time at which it is given,
// in microseconds. Both keys end by the server's time.
//
// ARGV: seq, ticket, give, take, cap, ttl.
var poolScript = redis.NewScript(`
local function get(key)
	local reply = redis.pcall('GET', key)
	if type(reply) ~= 'table' or not reply.err then
		return reply or ''
	elseif string.find(reply.err, 'WRONGTYPE', 1, true) then
		redis.call('UNLINK', key)
		return ''
	end
	return redis.call('GET', key)
end
local seq, give, take = tonumber(ARGV[1]), tonumber(ARGV[3]), tonumber(ARGV[4])
local cap, ttl = tonumber(ARGV[5]), ARGV[6]
local level = math.floor(tonumber(get(KEYS[1])) or 0)
if not (level >= 0) then
	level = 0
elseif level > cap then
	level = cap
end
local last, ticket, granted, accepted = string.match(get(KEYS[2]), '^(%d+):(%d+):(%d+):(%d+)$')
last, ticket = tonumber(last or ''), tonumber(ticket or '')
if last and seq == last then
	return {ticket, tonumber(granted), tonumber(accepted), level}
elseif last and seq < last then
	return {ticket, 0, give, level}
elseif not last then
	local t = redis.call('TIME')
	ticket = t[1] * 1000000 + t[2]
end
accepted = give
if ticket == tonumber(ARGV[2]) then
	accepted = math.min(give, cap - level)
	level = level + accepted
end
granted = math.min(take, level)
level = level - granted
redis.call('SET', KEYS[1], string.format('%.0f', level), 'PX', ttl)
redis.call('SET', KEYS[2], string.format('%.0f:%.0f:%.0f:%.0f', seq, ticket, granted, accepted), 'PX', ttl)
return {ticket, granted, accepted, level}
`)

// Pool gives tokens to a room's bucket, or takes some out.
func (r *redisTransport) Pool(ctx context.Context, room string, p fleet.PoolRequest) (reply fleet.PoolReply, err error) {
	if err := p.Check(); err != nil {
		return fleet.PoolReply{}, err
	}
	var foreign error
	err = r.run(ctx, poolScript, []scriptCall{{
		keys: poolKeys(room, p.Session), args: []any{p.Seq, p.Ticket, p.Give, p.Take, p.Cap, millis(p.Keep)},
		done: func(answer any, err error) {
			if err == nil {
				reply, foreign = replyOf(answer)
			}
		},
	}})
	if err == nil {
		err = foreign
	}
	return reply, err
}

// replyOf reads the answer of poolScript.
func replyOf(answer any) (reply fleet.PoolReply, err error) {
	elements, _ := answer.([]any)
	r := reader{rest: elements}
	number := func() int64 { return r.number(math.MinInt64, math.MaxInt64) }
	reply = fleet.PoolReply{Ticket: number(), Granted: number(), Accepted: number(), Level: number()}
	if r.bad || len(r.rest) > 0 {
		return fleet.PoolReply{}, errReply
	}
	return reply, nil
}
