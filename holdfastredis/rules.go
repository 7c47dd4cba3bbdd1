package holdfastredis

import "strings"

// rule says of some commands that they may be executed twice.
type rule struct {
	names string           // the commands, in lower case
	reads bool             // they change no data
	holds func([]any) bool // of a command with its arguments; nil: whatever they are
}

// table is the specification of Idempotent. A test runs every command of it once and twice on a
// real Redis, on the same data, and compares what is left and what was answered
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
		// They only read, and tell of the moment or by chance: a later reply is as right as an
		// earlier one.
		names: `hpttl hrandfield hscan httl info lastsave lolwut memory object pttl randomkey role scan srandmember sscan time
			ttl xinfo xpending zrandmember zscan`,
		reads: true,
	},
	{
		// It only reads. But $ asks for what comes from now on: a repeat would pass over what the
		// lost reply had.
		names: "xread", reads: true, holds: withoutWord("$"),
	},
	{
		// Redis keeps such a script from writing.
		names: "eval_ro evalsha_ro fcall_ro", reads: true,
	},
	{
		// They change no data. What is watched ends with the connection, and the transaction with
		// it.
		names: "watch unwatch", reads: true,
	},
	{
		// The key has the value given. After NX, GET, IFEQ and the like a repeat finds what the
		// first run left.
		names: "set", holds: flagsFrom(3, setFlags),
	},
	{
		// What is named has the value given, whatever it had.
		names: "setex psetex mset hmset lset setrange",
	},
	{
		// The fields have the values given. The reply counts new ones: in a repeat there are none.
		names: "hset",
	},
	{
		// What is named is gone. The reply counts what was there: in a repeat nothing is.
		names: "del unlink hdel",
	},
	{
		// The key ends at the time given, or so long after the last run; NX, XX, GT and LT ask
		// what was set. A time that has passed deletes the key: in a repeat there is none, and the
		// reply says so.
		names: "expire pexpire expireat pexpireat", holds: noMoreThan(3),
	},
	{
		// It reads, and sets how long the key lives from the last run. A time that has passed
		// deletes the key, so that a repeat would answer that there is none.
		names: "getex", holds: getexHolds,
	},
	{
		// A list that was cut to its first n, or its last n, has no more to cut. Any other range
		// counts from an end that the first run has moved.
		names: "ltrim", holds: trimsToLength,
	},
	{
		// A set that was united with others contains them, and one that was cut with others is in
		// them, also if it is the destination. The same goes for the registers of HyperLogLog.
		names: "sunionstore sinterstore pfmerge",
	},
	{
		// What was taken away is away, also if the destination is what it is taken from. But a
		// destination that is taken away from another set is not what it was.
		names: "sdiffstore", holds: destinationNotIn(1, 3),
	},
	{
		// The destination depends on the sources alone. If it is one of them: x AND x and x OR x
		// are x.
		names: "bitop", holds: bitopHolds,
	},
	{
		// The destination depends on the sources alone. If it is one of them, weights and sums are
		// applied again.
		names: "zunionstore zinterstore zdiffstore", holds: destinationNotAmongCounted,
	},
	{
		// The destination depends on the source alone. If it is the source, a range by rank is cut
		// again.
		names: "zrangestore", holds: destinationNotIn(1, 2),
	},
	{
		// The destination depends on the source alone. ANY takes whichever are found first.
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

// setFlags are those of SET that leave it idempotent, with whether a value follows. None of the
// values is a flag.
var setFlags = map[string]bool{"ex": true, "px": true, "exat": true, "pxat": true, "keepttl": false, "xx": false}
