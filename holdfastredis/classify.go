package holdfastredis

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for go-redis. The hook uses it by itself; set it as a
// stage's Classify only if you call Redis without the hook. It asks, in this order:
//
//  1. a method Verdict() resilience.Verdict anywhere in the error's tree;
//  2. redis.Nil: Success. A missing key is an answer, not a failure;
//  3. the reply's first word. LOADING, BUSY, CLUSTERDOWN, TRYAGAIN, MASTERDOWN, READONLY (a
//     failover), NOREPLICAS, and MOVED and ASK that go-redis no longer follows: Transient. Too many
//     clients: Overload. WRONGTYPE, NOAUTH, WRONGPASS, NOPERM, NOSCRIPT, EXECABORT, ERR and others
//     are the caller's fault: Permanent. OOM and MISCONF are Permanent too: an operator has to fix
//     them, and reads still work. So is redis.TxFailedErr, since the func of WATCH has to run again
//     as a whole. Any other word, from a proxy, a module or your script, is Unclassified;
//  4. a timeout while waiting for a connection of the pool, a closed client, a connection whose
//     WATCH is lost: Rejected, since the command was not sent;
//  5. a closed connection, or no Sentinel that knows the address of the master: Transient;
//  6. resilience.Classify. Any other error is Unclassified: a failure, and not retried.
//
// Classify looks at the error only. The hook judges the error together with the ctx, by
// [resilience.Assess].
//
// It is safe for concurrent use.
func Classify(err error) resilience.Verdict {
	switch {
	case err == nil:
		return resilience.Success
	case resilience.Explains(err):
		return resilience.Classify(err)
	case errors.Is(err, redis.Nil):
		return resilience.Success
	}
	if reply, ok := errors.AsType[redis.Error](err); ok {
		if errors.Is(err, redis.TxFailedErr) {
			return resilience.Permanent
		}
		return classifyReply(reply.Error())
	}
	switch {
	case isRejected(err):
		return resilience.Rejected
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), isSentinelsUnreachable(err):
		return resilience.Transient
	}
	return resilience.Classify(err)
}

func classifyReply(reply string) resilience.Verdict {
	switch {
	case isRefusal(reply):
		return resilience.Transient
	case isMaxClients(reply):
		return resilience.Overload
	case isCallersFault(reply):
		return resilience.Permanent
	}
	return resilience.Unclassified
}

// isCallersFault reports whether the reply says that the command is wrong, or that an operator has
// to act. A retry does not help.
func isCallersFault(reply string) bool {
	word, _, _ := strings.Cut(reply, " ")
	switch word {
	case "ERR", "WRONGTYPE", "NOAUTH", "WRONGPASS", "NOPERM", "NOSCRIPT", "EXECABORT", "CROSSSLOT", "BUSYGROUP",
		"BUSYKEY", "NOGROUP", "NOTBUSY", "UNKILLABLE", "NOPROTO", "DENIED", "OOM", "MISCONF":
		return true
	}
	return false
}

// isRefusal reports whether the reply says that the server could not execute the command now, and
// did not.
func isRefusal(reply string) bool {
	word, _, _ := strings.Cut(reply, " ")
	switch word {
	case "LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY", "NOREPLICAS", "MOVED", "ASK":
		return true
	}
	return false
}

// isMaxClients compares only the beginning: since Redis 7, the text continues with "+ cluster
// connections".
func isMaxClients(reply string) bool { return strings.HasPrefix(reply, "ERR max number of clients") }

// isBadSession reports whether err says that the connection of a transaction or a redis.Conn is
// lost. It must be checked before the error that it wraps, which says why an earlier command lost
// the connection. go-redis exports no type for it, so it is recognized by its text.
func isBadSession(err error) bool {
	return strings.HasPrefix(err.Error(), "redis: Conn is in a bad state")
}

// isSentinelsUnreachable reports whether no Sentinel could be asked for the address of the master.
// go-redis exports no error for it, and does not always wrap the cause, so it is recognized by its
// text.
func isSentinelsUnreachable(err error) bool {
	return strings.Contains(err.Error(), "redis: all sentinels specified in configuration are unreachable")
}

// notExecuted reports whether err, the error of cmd, proves that cmd was not executed: it was never
// sent, or the server refused it.
func notExecuted(cmd redis.Cmder, err error) bool {
	return resilience.Unsent(err) || isRejected(err) || refused(err) && !runsScript(cmd)
}

// isRejected reports whether go-redis refused the command by itself.
func isRejected(err error) bool {
	return errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) ||
		errors.Is(err, redis.ErrClosed) || isBadSession(err)
}

// isReply reports whether err is a reply of the server.
func isReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// isDefinite reports whether err is a known reply of the server that the command failed. An unknown
// reply does not count: a proxy may send one after the command was executed.
func isDefinite(err error) bool { return isReply(err) && Classify(err) == resilience.Permanent }

// isSettled reports whether it does not matter, or is known, whether cmd changed data: it reads, or
// the server replied that it failed. A script may have written before it failed, and an error that
// is not a reply may have been made of one.
func isSettled(cmd redis.Cmder, err error) bool {
	return isRead(cmd) || isDefinite(err) && (!runsScript(cmd) || isNoScript(err))
}

// isNoScript reports whether err is the server's reply that it does not have the script.
func isNoScript(err error) bool { return redis.HasErrorPrefix(err, "NOSCRIPT No matching script") }

// refused reports whether err is a reply which says that the command was not executed.
func refused(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	return ok && (isRefusal(reply.Error()) || isMaxClients(reply.Error()) || redis.IsExecAbortError(err))
}

// runsScript reports whether cmd runs a script or a function. A script may write first, and then
// return an error reply that would prove, for any other command, that nothing was executed.
func runsScript(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "eval", "evalsha", "fcall":
		return true
	}
	return false
}
