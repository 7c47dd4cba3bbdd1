package holdfastredis

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/resilience"
)

// Classify says what an error of go-redis means. The hook uses it on its own; set it as a stage's
// Classify where you call Redis without the hook. It asks, in this order:
//
//  1. a method Verdict() resilience.Verdict anywhere in the error's tree;
//  2. redis.Nil: Success. The key is not there; Redis is well;
//  3. the reply's first word. LOADING, BUSY, CLUSTERDOWN, TRYAGAIN, MASTERDOWN, READONLY (a
//     failover), NOREPLICAS, and MOVED and ASK where go-redis gave up following them: Transient.
//     Too many clients: Overload. WRONGTYPE, NOAUTH, WRONGPASS, NOPERM, NOSCRIPT, EXECABORT, ERR
//     and others that are the caller's doing are Permanent; so are OOM and MISCONF, which take an
//     operator, while reads are answered, and redis.TxFailedErr, since the closure of WATCH has to
//     be run again as a whole. Any other word is Unclassified: that of a proxy, a module or a
//     script of yours;
//  4. a wait for the pool's connections that was too long, a closed client, a connection whose
//     WATCH is lost: Rejected, since Redis was not asked;
//  5. a connection that was closed, or that no Sentinel could tell: Transient;
//  6. resilience.Classify. What that does not know either is Unclassified: a failure, and not
//     retried.
//
// It knows the error alone; the hook judges it together with the ctx, by resilience.Assess.
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

// isCallersFault reports whether the reply says that the server is well, and the command is not, or
// that it takes an operator.
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

// isMaxClients knows both texts: since Redis 7, cluster connections count too.
func isMaxClients(reply string) bool { return strings.HasPrefix(reply, "ERR max number of clients") }

// isBadSession reports whether err says that the connection of a transaction or a redis.Conn is
// gone. go-redis wraps in it why it went, which is not what happened to this command. It exports no
// type for it.
func isBadSession(err error) bool {
	return strings.HasPrefix(err.Error(), "redis: Conn is in a bad state")
}

// isSentinelsUnreachable reports whether the address of the master could not be found out. go-redis
// exports nothing to tell it by, and does not always wrap why.
func isSentinelsUnreachable(err error) bool {
	return strings.Contains(err.Error(), "redis: all sentinels specified in configuration are unreachable")
}

// notExecuted reports whether err proves that cmd, for which it came back, was not executed: it was
// never sent, or the server said so.
func notExecuted(cmd redis.Cmder, err error) bool {
	return resilience.Unsent(err) || isRejected(err) || refused(err) && !runsScript(cmd)
}

// isRejected reports whether go-redis refused the command by itself.
func isRejected(err error) bool {
	return errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted) ||
		errors.Is(err, redis.ErrClosed) || isBadSession(err)
}

// isReply reports whether err is the server's own word.
func isReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// isDefinite reports whether err is the server's own word about a command, and not one that nobody
// knows: a proxy's may come after the command was executed.
func isDefinite(err error) bool { return isReply(err) && Classify(err) == resilience.Permanent }

// refused reports whether err is a reply that says that nothing was done.
func refused(err error) bool {
	reply, ok := errors.AsType[redis.Error](err)
	return ok && (isRefusal(reply.Error()) || isMaxClients(reply.Error()) || redis.IsExecAbortError(err))
}

// runsScript reports whether cmd runs a script or a function. Such a one may have written before it
// came back with a reply that, from a plain command, would prove that nothing was done.
func runsScript(cmd redis.Cmder) bool {
	switch cmd.Name() {
	case "eval", "evalsha", "fcall":
		return true
	}
	return false
}
