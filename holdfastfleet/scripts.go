package holdfastfleet

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/fleet"
)

// The store's time in milliseconds. Redis 6 replicates the effects of a script, so it may look at
// the clock.
const luaNow = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`

// What scripts refuse: a key of a room may hold what a stranger has put there.
var luaLimits = fmt.Sprintf("local maxCells, maxCell, maxDigest, maxPod = %d, %d, %d, %d\n",
	fleet.MaxCells, fleet.MaxCell, fleet.MaxDigest, fleet.MaxPod)

// luaFields defines fields(key, longest, names...), which reads fields of a hash, and removes the
// key if one of them is too long, or if it is of another type. refused counts what was removed. It
// wants luaLimits before it.
const luaFields = `
local refused = 0
local function remove(key)
	redis.call('UNLINK', key)
	refused = refused + 1
end
local function run(command, key, ...)
	local reply = redis.pcall(command, key, ...)
	if type(reply) ~= 'table' or not reply.err then
		return reply
	end
	if string.find(reply.err, 'WRONGTYPE', 1, true) then
		remove(key)
	end
	return redis.call(command, key, ...)
end
local function fields(key, longest, ...)
	local values = run('HMGET', key, ...)
	for i = 1, select('#', ...) do
		if values[i] and #values[i] > longest then
			remove(key)
			return {}
		end
	end
	return values
end
`

// luaNews reads a room's lease and digest. It wants luaNow and luaFields before it.
const luaNews = `
local l = fields(KEYS[3], maxPod, 'holder', 'since', 'until', 'told', 'good', 'at')
local holder, since, till = l[1] or '', tonumber(l[2] or ''), tonumber(l[3] or '')
if not (since and till and since <= now and now < till and till - since <= 60000) then
	holder = ''
end
local told, at = tonumber(l[4] or ''), tonumber(l[6] or '')
if not told or not at or told ~= told or told < 1 or told > 9007199254740992 or at ~= at or at < 0 or at > now then
	told, at = 0, now
end
local good = l[5] == '1' and 1 or 0
local d = fields(KEYS[2], maxDigest, 'made', 'asked', 'body', 'orders')
local made, asked, body = tonumber(d[1] or ''), tonumber(d[2] or ''), d[3]
local age = -1
if made and made >= 0 and made <= now and body then
	age = now - made
elseif d[1] or d[3] then
	remove(KEYS[2])
	asked = nil
end
if age < 0 then
	body = ''
end
`

// exchangeScript stores a cell, before it the time, and returns the news: the age of the digest in
// milliseconds or -1, the digest, whether the caller is asked for one, how much was refused, the
// holder, what was told last (its epoch, whether it is good, its age), ages and cells if asked, and
// the orders if there are any.
//
// A time that is not of the past is nonsense, or from before the server's clock was set back: then
// the datum is not used. Whatever is none of this protocol is removed, so that it is read once at
// most: a key of another type; a name, cell, digest or lease that is too long. Flooded cells are
// dropped, since the pods that are there write theirs anew at once.
//
// ARGV: pod, cell, ttl, fresh.
var exchangeScript = redis.NewScript(luaNow + luaLimits + luaFields + luaOrders + `
local ttl, fresh = tonumber(ARGV[3]), tonumber(ARGV[4])
local mine = string.format('%.0f:', now) .. ARGV[2]
run('HSET', KEYS[1], ARGV[1], mine)
redis.call('PEXPIRE', KEYS[1], ttl)
` + luaNews + `
local pending = asked and asked <= now and now - asked < fresh
if (age >= 0 and age < fresh) or pending then
	if d[4] == '1' then
		local found, more = orders(KEYS[4])
		return {age, body, 0, refused + more, holder, told, good, now - at, {}, found}
	end
	return {age, body, 0, refused, holder, told, good, now - at}
end
local found, more = orders(KEYS[4])
refused = refused + more
redis.call('HSET', KEYS[2], 'asked', string.format('%.0f', now), 'orders', #found > 0 and '1' or '0')
redis.call('PEXPIRE', KEYS[2], ttl)
local cells = {}
local n = redis.call('HLEN', KEYS[1])
if n > maxCells then
	redis.call('UNLINK', KEYS[1])
	redis.call('HSET', KEYS[1], ARGV[1], mine)
	redis.call('PEXPIRE', KEYS[1], ttl)
	refused = refused + n - 1
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
	local value = all[i + 1]
	local colon = string.find(value, ':', 1, true)
	local at = colon and colon <= 17 and tonumber(string.sub(value, 1, colon - 1))
	if not at or at ~= at or at > now or #value - colon > maxCell or #all[i] > maxPod then
		refused = refused + 1
		redis.call('HDEL', KEYS[1], all[i])
	elseif now - at >= ttl then
		redis.call('HDEL', KEYS[1], all[i])
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
