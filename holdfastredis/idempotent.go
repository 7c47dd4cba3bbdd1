package holdfastredis

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// commands are the idempotent ones: those that read (TIME and RANDOMKEY too: no reply of theirs is more right than
// another), and the writes that come to the same when they are done twice. How a flag changes that is said by
// idempotentWrite. A command that is not here, one of a module for example, is not idempotent.
var commands = func() map[string]bool {
	const reads = `
		bitcount bitfield_ro bitpos dbsize dump echo exists expiretime geodist geohash geopos geosearch georadius_ro
		georadiusbymember_ro get getbit getrange hexists hexpiretime hget hgetall hkeys hlen hmget hpexpiretime hpttl
		hrandfield hscan hstrlen httl hvals info keys lastsave lcs lindex llen lolwut lpos lrange memory mget object
		pexpiretime pfcount ping pttl randomkey role scan scard sdiff sinter sintercard sismember smembers smismember
		sort_ro srandmember sscan strlen substr sunion time touch ttl type wait xinfo xlen xpending xrange xread xrevrange
		zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank
		zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion
		eval_ro evalsha_ro fcall_ro watch unwatch multi exec`
	const writes = `
		bitop del expire expireat geosearchstore getex hdel hmset hset lset ltrim mset pexpire pexpireat pfmerge psetex
		sdiffstore set setbit setex setrange sinterstore sunionstore unlink zdiffstore zinterstore zrangestore zunionstore`
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(reads) {
		m[name] = true
	}
	for name := range strings.FieldsSeq(writes) {
		m[name] = true
	}
	return m
}()

// Idempotent is the rule by which the hook judges commands, unless it is told otherwise. It is true for commands
// that only read, and for writes that may be done twice: SET (without NX, GET and the IF… conditions), MSET, SETEX, DEL, UNLINK,
// EXPIRE and its kin (without a condition), HSET, HDEL, LSET, LTRIM, BITOP, the …STORE commands of sets and sorted sets, and a few more.
//
// It is false for INCR, APPEND, LPUSH, the POPs, XADD, GETSET, GETDEL, scripts and functions (not their _RO forms),
// modules' commands, and all it does not know; and for SETNX, HSETNX, SADD, SREM, ZADD, ZREM and PERSIST, whose second run changes
// nothing, but answers "it was not I", which callers take for the truth. The counts that DEL, UNLINK, HSET and HDEL
// return are of the last run.
func Idempotent(cmd redis.Cmder) bool {
	if cmd.NoRetry() {
		return false
	}
	name := cmd.Name()
	if !commands[name] {
		return false
	}
	args := cmd.Args()
	switch name {
	case "set":
		return onlyFlags(args, 3, setFlags)
	case "expire", "pexpire", "expireat", "pexpireat":
		return len(args) <= 3
	}
	return true
}

// setFlags are those of SET that leave it idempotent. Each but XX and KEEPTTL has a value, which is none of the others.
var setFlags = map[string]bool{"EX": true, "PX": true, "EXAT": true, "PXAT": true, "KEEPTTL": false, "XX": false}

// onlyFlags reports whether all args from the given one on are flags that are known, with the values of those that
// have one (which the map says).
func onlyFlags(args []any, from int, known map[string]bool) bool {
	for i := from; i < len(args); i++ {
		flag, ok := args[i].(string)
		if !ok {
			return false
		}
		hasValue, ok := known[strings.ToUpper(flag)]
		if !ok {
			return false
		}
		if hasValue {
			i++
		}
	}
	return true
}

type idempotentKey struct{}

// MarkIdempotent returns a ctx under which every command may be executed twice: the caller's word, which overrules
// the rules for commands. Give it to commands whose second run does no harm: an INCR of a counter that need
// not be exact, a script that checks for itself whether it ran.
func MarkIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// MarkOnce returns a ctx under which no command may be executed twice: the opposite of [MarkIdempotent].
func MarkOnce(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, false)
}
