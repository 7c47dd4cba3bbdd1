package holdfastredis

import "github.com/redis/go-redis/v9"

// Idempotent is the default of [WithIdempotent]. It reports whether executing cmd twice has the
// same effect as executing it once, if nobody else writes in between. It looks up the command and
// its arguments in a table (rules.go), whose rows are tested on a real Redis. A command that is not
// in the table is not idempotent.
//
// It is true for commands that only read, and for these writes:
//
//   - SET without NX, GET and the IF… conditions, SETEX, PSETEX, MSET, HSET, HMSET, LSET, SETRANGE;
//   - DEL, UNLINK, HDEL, EXPIRE and its kin without a condition, GETEX with a duration;
//   - LTRIM 0 n and LTRIM -n -1: a list that is cut to a length, not from a position;
//   - SUNIONSTORE, SINTERSTORE, PFMERGE; SDIFFSTORE, BITOP, ZRANGESTORE, GEOSEARCHSTORE and the
//     other Z…STORE commands if their destination is not also a source, or if a second run still
//     gives the same result.
//
// After a retry, DEL, UNLINK, HSET, HDEL and EXPIRE return the result of the last run: 0 if an
// earlier run, whose reply was lost, did the work.
//
// It is false for INCR, APPEND, LPUSH, the POPs, XADD, GETSET, GETDEL, scripts and functions
// (except their _RO forms) and modules' commands. It is also false for SETNX, HSETNX, SADD, SREM,
// ZADD, ZREM, PERSIST and SETBIT: a second run changes nothing, but its reply says that this call
// changed nothing, and callers rely on that. And it is false for every command that it does not
// know. It is safe for concurrent use.
func Idempotent(cmd redis.Cmder) bool {
	if cmd.NoRetry() {
		return false
	}
	r, ok := rules[cmd.Name()]
	return ok && (r.holds == nil || r.holds(cmd.Args()))
}

// isRead reports whether cmd changes no data. Then it does not matter whether it was executed.
func isRead(cmd redis.Cmder) bool {
	r, ok := rules[cmd.Name()]
	return ok && r.reads
}
