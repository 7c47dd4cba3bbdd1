package holdfastfleet

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/fleet"
)

// The orders of a room are one string, so that an exchange gets them together with the lease, by
// one MGET. Each order is "slot until length\n" and its bytes, where until is the store's time in
// milliseconds. A string that is not of this form, or longer than any that is, counts as one that
// is refused.
//
// luaOrders defines orders(value, now, MaxOrders, MaxOrder), which returns a list of slot,
// milliseconds left and bytes for each order that has not ended, and how many were refused.
const luaOrders = `
local function orders(value, now, slots, most)
	local found, taken, at = {}, {}, 1
	if #value > slots * (most + 64) then
		return {}, 1
	end
	while at <= #value do
		local _, last, slot, ends, length = string.find(value, '^(%d) (%d+) (%d+)\n', at)
		slot, ends, length = tonumber(slot or ''), tonumber(ends or ''), tonumber(length or '')
		if not slot or slot >= slots or taken[slot] or ends > 1e15 or length > most or last + length > #value then
			return found, 1
		end
		taken[slot] = true
		if ends > now then
			found[#found + 1] = slot
			found[#found + 1] = ends - now
			found[#found + 1] = string.sub(value, last + 1, last + length)
		end
		at = last + length + 1
	end
	return found, 0
end
`

// orderScript stores an order, and drops those that have ended. ARGV: slot, order, ttl, MaxOrders,
// MaxOrder.
var orderScript = redis.NewScript(luaNow + luaOrders + `
local slot, ttl = tonumber(ARGV[1]), tonumber(ARGV[3])
local all = orders(redis.call('MGET', KEYS[1])[1] or '', now, tonumber(ARGV[4]), tonumber(ARGV[5]))
all[#all + 1] = slot
all[#all + 1] = ttl
all[#all + 1] = ARGV[2]
local value, longest = {}, 0
for i = 1, #all, 3 do
	if all[i] ~= slot or i + 2 == #all then
		value[#value + 1] = string.format('%d %.0f %d\n', all[i], now + all[i + 1], #all[i + 2]) .. all[i + 2]
		longest = math.max(longest, all[i + 1])
	end
end
redis.call('SET', KEYS[1], table.concat(value), 'PX', string.format('%.0f', longest))
return 1
`)

// lookScript returns what exchangeScript does, and stores nothing. ARGV: MaxDigest, MaxOrders,
// MaxOrder.
var lookScript = redis.NewScript(luaNow + luaOrders + `
local strings = redis.call('MGET', KEYS[2], KEYS[3])
local d = redis.call('HMGET', KEYS[1], 'made', 'body')
local made, body, age = tonumber(d[1] or ''), d[2], -1
if made and made >= 0 and made <= now and body and #body <= tonumber(ARGV[1]) then
	age = now - made
else
	body = ''
end
local found, refused = orders(strings[2] or '', now, tonumber(ARGV[2]), tonumber(ARGV[3]))
return {age, body, 0, refused, strings[1] or '', {}, found}
`)

// Order stores an order.
func (r *redisTransport) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	if err := fleet.CheckOrder(room, slot, order); err != nil {
		return err
	}
	return r.run(ctx, orderScript, []scriptCall{{
		keys: []string{ordersKey(room)}, args: []any{slot, order, millis(ttl), fleet.MaxOrders, fleet.MaxOrder},
	}})
}

// Look returns the room's news.
func (r *redisTransport) Look(ctx context.Context, room string) (news fleet.News, err error) {
	_, digest, lease := keys(room)
	err = r.run(ctx, lookScript, []scriptCall{{
		keys: []string{digest, lease, ordersKey(room)}, args: []any{fleet.MaxDigest, fleet.MaxOrders, fleet.MaxOrder},
		done: func(reply any, err error) { news = newsOf(reply, err) },
	}})
	if err == nil {
		err = news.Err
	}
	return news, err
}

// ordersOf reads the orders in a reply of exchangeScript, which are its last part if there are any.
func ordersOf(parts []any) (all []fleet.StoredOrder, err error) {
	if len(parts) < 7 {
		return nil, nil
	}
	list, _ := parts[6].([]any)
	for i := 0; i+2 < len(list); i += 3 {
		slot, ok1 := list[i].(int64)
		left, ok2 := list[i+1].(int64)
		data, ok3 := list[i+2].(string)
		if !ok1 || !ok2 || !ok3 {
			return nil, errReply
		}
		all = append(all, fleet.StoredOrder{Slot: int(slot), Left: time.Duration(left) * time.Millisecond, Data: []byte(data)})
	}
	return all, nil
}
