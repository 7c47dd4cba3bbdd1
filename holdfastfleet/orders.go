package holdfastfleet

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/fleet"
)

// The orders of a room are one string. Each is "slot until length\n" and its bytes, where until is
// the store's time in milliseconds. What is not of this form counts as one that is refused, and so
// does a string that is longer than any of this form.
//
// An exchange reads the string only if the digest's field "orders" says that there is one. Whoever
// is asked for a digest looks for the string, and sets the field: so without orders an exchange
// costs no command, and orders are found also if the digest has expired.
//
// luaOrders defines orders(key), which returns a list of slot, milliseconds left and bytes for each
// order that has not ended, and how many were refused. It wants luaNow before it.
var luaOrders = fmt.Sprintf(`
local maxOrders, maxOrder = %d, %d
local function orders(key)
	local found, taken, value, start = {}, {}, redis.call('MGET', key)[1] or '', 1
	if #value > maxOrders * (maxOrder + 64) then
		return {}, 1
	end
	while start <= #value do
		local _, last, slot, ends, length = string.find(value, '^(%%d) (%%d+) (%%d+)\n', start)
		slot, ends, length = tonumber(slot or ''), tonumber(ends or ''), tonumber(length or '')
		if not slot or slot >= maxOrders or taken[slot] or ends > 1e15 or length > maxOrder or last + length > #value then
			return found, 1
		end
		taken[slot] = true
		if ends > now then
			found[#found + 1] = slot
			found[#found + 1] = ends - now
			found[#found + 1] = string.sub(value, last + 1, last + length)
		end
		start = last + length + 1
	end
	return found, 0
end
`, fleet.MaxOrders, fleet.MaxOrder)

// orderScript stores an order, and drops those that have ended. KEYS: orders, digest. ARGV: slot,
// order, ttl, digestTTL.
var orderScript = redis.NewScript(luaNow + luaOrders + `
local slot, ttl = tonumber(ARGV[1]), tonumber(ARGV[3])
local all = orders(KEYS[1])
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
redis.call('HSET', KEYS[2], 'orders', '1')
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
`)

// lookScript returns what exchangeScript does, and stores nothing. ARGV: MaxDigest.
var lookScript = redis.NewScript(luaNow + luaOrders + `
local maxDigest = tonumber(ARGV[1])
` + luaNews + `
local found, refused = orders(KEYS[4])
return {age, body, 0, refused, holder, told, good, now - at, {}, found}
`)

// allKeys returns the keys of a room, the orders' last.
func allKeys(room string) []string {
	cells, digest, lease := keys(room)
	return []string{cells, digest, lease, slotOf(room) + "orders"}
}

// Order stores an order.
func (r *redisTransport) Order(ctx context.Context, room string, slot int, order []byte, ttl time.Duration) error {
	if err := fleet.CheckOrder(room, slot, order); err != nil {
		return err
	}
	all := allKeys(room)
	return r.run(ctx, orderScript, []scriptCall{{
		keys: []string{all[3], all[1]}, args: []any{slot, order, millis(ttl), millis(digestTTL)},
	}})
}

// Look returns the room's news.
func (r *redisTransport) Look(ctx context.Context, room string) (news fleet.News, err error) {
	err = r.run(ctx, lookScript, []scriptCall{{
		keys: allKeys(room), args: []any{fleet.MaxDigest},
		done: func(reply any, err error) { news = newsOf(reply, err) },
	}})
	if err == nil {
		err = news.Err
	}
	return news, err
}

// ordersOf reads the orders in a reply of exchangeScript, which are its last part if there are any.
func ordersOf(parts []any) (all []fleet.StoredOrder, err error) {
	if len(parts) < 10 {
		return nil, nil
	}
	list, _ := parts[9].([]any)
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
