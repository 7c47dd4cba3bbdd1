// Package holdfastredis protects calls to Redis made with go-redis (github.com/redis/go-redis/v9).
//
//	client, err := holdfastredis.NewClient(&redis.Options{Addr: "localhost:6379"}, cache)
//
// Every command and every pipeline of commands that goes through such a client goes through the
// Holdfast pipeline, and go-redis's own retries are off, so that the two do not multiply. [Protect]
// does the same for a client that is there already: a *redis.Client (a Sentinel failover client
// too), a *redis.ClusterClient or a *redis.Ring.
//
// # What is retried
//
// What an error means is [Classify]'s to say. An error that is worth a retry is retried if that can
// do no harm:
//
//   - the command is idempotent: it reads, or doing it twice leaves what doing it once leaves. GET
//     is, INCR is not, LTRIM depends on its arguments; see [Idempotent] for all of them, and
//     [WithIdempotent], resilience.MarkIdempotent and resilience.MarkOnce for your own word on it;
//   - or it was provably not executed: no connection came about, or the server refused it (LOADING,
//     READONLY, CLUSTERDOWN, …).
//
// Any other failure ends the call at once: nobody knows whether the command was executed.
// resilience.NoRetry is true of its error, no RetryIf overrules it, and breakers count it. If data
// may have been changed, the error is resilience.ErrOutcomeUnknown. That stays with the call: a
// later attempt that was not sent does not cover an earlier one that may have been executed.
//
// A pipeline of commands, and a transaction (MULTI … EXEC), is rerun as a whole or not at all: if
// every command in it is idempotent, or if not one of them was executed. A transaction of which
// nobody knows whether it was executed must not be made again by its caller: what it writes may
// have been computed from what was read under WATCH.
//
// # What is left alone
//
// redis.Nil is a success, and comes back untouched. So do the replies to a command that asked for
// the impossible (WRONGTYPE, NOAUTH, a missing script). What go-redis sends of its own to set up a
// connection is no call of yours, and is not retried by itself. Pub/Sub and the autopipeliner,
// experimental in go-redis, do not go through hooks in a way that a pipeline could protect: they
// are as they are.
//
// A blocking command (BLPOP, XREAD BLOCK) holds its attempt as long as it blocks: block for less
// than the attempt's deadline, or give such commands a client and a pipeline of their own.
package holdfastredis
