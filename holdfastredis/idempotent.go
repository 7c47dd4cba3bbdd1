package holdfastredis

import "github.com/redis/go-redis/v9"

// Idempotent is the rule by which the hook judges commands, unless it is told otherwise: whether
// doing cmd twice leaves what doing it once leaves, as long as nobody else writes in between. It
// goes by the command and its arguments, row by row of one table (rules.go), and every row is tried
// on a real Redis, once against twice, with other data present. A command that is not in the table
// is not idempotent.
//
// It is true for commands that only read, and for these writes:
//
//   - SET without NX, GET and the IF… conditions, SETEX, PSETEX, MSET, HSET, HMSET, LSET, SETRANGE;
//   - DEL, UNLINK, HDEL, EXPIRE and its kin without a condition, GETEX with a duration;
//   - LTRIM 0 n and LTRIM -n -1: a list that is cut to a length, not from a position;
//   - SUNIONSTORE, SINTERSTORE, PFMERGE; SDIFFSTORE, BITOP, ZRANGESTORE, GEOSEARCHSTORE and the
//     other Z…STORE commands if they do not take their destination for a source as well, or take it
//     in a way that is the same twice.
//
// What DEL, UNLINK, HSET, HDEL and EXPIRE return is of the last run: 0, where a run whose reply was
// lost did the work.
//
// It is false for INCR, APPEND, LPUSH, the POPs, XADD, GETSET, GETDEL, scripts and functions (not
// their _RO forms), modules' commands; for SETNX, HSETNX, SADD, SREM, ZADD, ZREM, PERSIST and
// SETBIT, whose second run changes nothing, but answers "it was not I", which callers take for the
// truth; and for all it does not know.
func Idempotent(cmd redis.Cmder) bool {
	if cmd.NoRetry() {
		return false
	}
	r, ok := rules[cmd.Name()]
	return ok && (r.holds == nil || r.holds(cmd.Args()))
}

// isRead reports whether cmd changes no data, so that nobody needs to know whether it was executed.
func isRead(cmd redis.Cmder) bool {
	r, ok := rules[cmd.Name()]
	return ok && r.reads
}
