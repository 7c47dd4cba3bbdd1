// Package holdfastredis protects calls to Redis made with go-redis (github.com/redis/go-redis/v9).
//
//	client, err := holdfastredis.NewClient(&redis.Options{Addr: "localhost:6379"}, cache)
//
// Such a client sends every command and every pipeline of commands through the Holdfast pipeline.
// go-redis's own retries are off, so that the two do not multiply. [Protect] does the same for an
// existing client: a *redis.Client (a Sentinel failover client too), a *redis.ClusterClient or a
// *redis.Ring.
//
// # What is retried
//
// [Classify] says what an error means. After an error that is Transient or Overload, the command is
// retried if that is safe:
//
//   - the command is idempotent: it only reads, or executing it twice has the same effect as
//     executing it once. GET is idempotent, INCR is not, LTRIM depends on its arguments.
//     [Idempotent] has the full list; [WithIdempotent], resilience.MarkIdempotent and
//     resilience.MarkOnce override it;
//   - or the command was provably not executed: no connection was made, or the server refused it
//     (LOADING, READONLY, CLUSTERDOWN, …).
//
// Any other failure ends the call at once, since the command may have been executed. Then
// resilience.NoRetry returns true for the error, no RetryIf overrules it, and breakers count the
// failure. If data may have been changed, the error is resilience.ErrOutcomeUnknown. This is so
// even if a later attempt was provably not executed: an earlier one may have been.
//
// A pipeline of commands, or a transaction (MULTI … EXEC), is retried as a whole or not at all:
// only if each of its commands is idempotent or was not executed. If the outcome of a transaction
// is unknown, its caller must not repeat it either: what it writes may have been computed from what
// was read under WATCH.
//
// # What is left alone
//
// redis.Nil is a success, and is returned unchanged. Replies that blame the command (WRONGTYPE,
// NOAUTH, a missing script) are returned unchanged too. The commands that go-redis sends to set up
// a connection are part of an attempt, and are not retried by themselves. Pub/Sub and the
// autopipeliner (experimental in go-redis) are not protected, since they do not use hooks in a
// suitable way. Nor are the transactions of Watch in a cluster or a ring, which go-redis runs on a
// node's own client: if the answer to EXEC is lost, the error does not say that the outcome is
// unknown.
//
// A hook that is added to the client later runs inside an attempt. It must call the next one only
// once: if it gets no connection the second time, that is taken for proof that nothing was sent.
// Add a hook that repeats commands before [Protect].
//
// A blocking command (BLPOP, XREAD BLOCK) lasts as long as it blocks. Let it block for less than
// the attempt's deadline, or use a separate client and pipeline for such commands.
package holdfastredis
