package holdfastredis

import "strings"

// rule says that some commands may be executed twice.
type rule struct {
	names string           // the commands, in lower case
	reads bool             // the commands change no data
	holds func([]any) bool // whether the rule holds for the arguments; nil: for all
}

// table is the specification of Idempotent. A test runs every command of it once and twice on a
// real Redis, on the same data, and compares the data and the replies
// (integration/redis/idempotent_test.go).
var table = []rule{
	{
		// They only read.
		names: `bitcount bitfield_ro bitpos dbsize dump echo exists expiretime geodist geohash geopos geosearch
			georadius_ro georadiusbymember_ro get getbit getrange hexists hexpiretime hget hgetall hkeys hlen hmget
			hpexpiretime hstrlen hvals keys lcs lindex llen lpos lrange mget pexpiretime pfcount ping scard
			sdiff sinter sintercard sismember smembers smismember sort_ro strlen substr sunion touch type xlen
			xrange xrevrange zcard zcount zdiff zinter zintercard zlexcount zmscore zrange zrangebylex zrangebyscore
			zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscore zunion`,
		reads: true,
	},
	{
		// They only read. The reply depends on the time or on chance: a later reply is as good as
		// an earlier one.
		names: `hpttl hrandfield hscan httl info lastsave lolwut memory object pttl randomkey role scan srandmember sscan time
			ttl xinfo xpending zrandmember zscan`,
		reads: true,
	},
	{
		// It only reads. But $ asks for entries that arrive from now on: a second run would skip
		// those in the lost reply.
		names: "xread", reads: true, holds: withoutWord("$"),
	},
	{
		// Redis does not let such a script write.
		names: "eval_ro evalsha_ro fcall_ro", reads: true,
	},
	{
		// They change no data. If the connection is lost, the watch and the transaction end with
		// it.
		names: "watch unwatch", reads: true,
	},
	{
		// The key has the given value. With NX, GET, IFEQ and the like, a second run sees the value
		// that the first run set.
		names: "set", holds: flagsFrom(3, setFlags),
	},
	{
		// The key, field or element has the given value, whatever it had before.
		names: "setex psetex mset hmset lset setrange",
	},
	{
		// The fields have the given values. The reply counts new fields: a second run has none.
		names: "hset",
	},
	{
		// The keys or fields are gone. The reply counts those that existed: a second run finds
		// none.
		names: "del unlink hdel",
	},
	{
		// The key expires at the given time, or the given duration after the last run. NX, XX, GT
		// and LT depend on what the first run set. A time in the past deletes the key: the reply of
		// a second run says that there is no key.
		names: "expire pexpire expireat pexpireat", holds: noMoreThan(3),
	},
	{
		// It reads, and the key expires the given duration after the last run. A time in the past
		// deletes the key, so a second run would reply that there is none.
		names: "getex", holds: getexHolds,
	},
	{
		// A list that was cut to its first n or last n elements is not cut again. Any other range
		// counts from an end that the first run has moved.
		names: "ltrim", holds: trimsToLength,
	},
	{
		// Union and intersection are idempotent, even if the destination is also a source. So is
		// the merge of HyperLogLogs.
		names: "sunionstore sinterstore pfmerge",
	},
	{
		// A difference is idempotent even if the destination is the first source. But if the
		// destination is one of the sets that are subtracted, the first run changes it.
		names: "sdiffstore", holds: destinationNotIn(1, 3),
	},
	{
		// The destination depends only on the sources. It may be one of them for AND and OR, since
		// x AND x and x OR x are x.
		names: "bitop", holds: bitopHolds,
	},
	{
		// The destination depends only on the sources. If it were one of them, a second run would
		// apply weights and sums again.
		names: "zunionstore zinterstore zdiffstore", holds: destinationNotAmongCounted,
	},
	{
		// The destination depends only on the source. If it were the source, a second run would cut
		// a range by rank again.
		names: "zrangestore", holds: destinationNotIn(1, 2),
	},
	{
		// The destination depends only on the source. But ANY takes the members that are found
		// first.
		names: "geosearchstore", holds: and(destinationNotIn(1, 2), withoutWord("any")),
	},
}

// rules is the table by name.
var rules = func() map[string]*rule {
	m := make(map[string]*rule)
	for i := range table {
		for name := range strings.FieldsSeq(table[i].names) {
			m[name] = &table[i]
		}
	}
	return m
}()

// setFlags are the flags with which SET stays idempotent. The map's value says whether an argument
// follows the flag.
var setFlags = map[string]bool{"ex": true, "px": true, "exat": true, "pxat": true, "keepttl": false, "xx": false}
