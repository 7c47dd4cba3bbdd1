package holdfastredis

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A cluster client follows redirects in a loop that also sends a command again when its connection
// broke, whatever the command. There is no option for the one without the other. But the loop asks
// the command, so a command that writes goes there as an onceCmd, and all that is seen of it is one
// attempt: the pipeline repeats those that may be.

// onceCmd is a command for which go-redis's own retries are off.
type onceCmd struct{ redis.Cmder }

// NoRetry returns true.
func (onceCmd) NoRetry() bool { return true }

// once returns cmd as the client is to get it.
func (h *hook) once(ctx context.Context, cmd redis.Cmder) redis.Cmder {
	if !h.sendOnce || isSpread(cmd) || isRead(cmd) && h.mayRepeat(ctx, cmd) {
		return cmd
	}
	return onceCmd{cmd}
}

// allOnce is once for a batch.
func (h *hook) allOnce(ctx context.Context, cmds []redis.Cmder) []redis.Cmder {
	if !h.sendOnce {
		return cmds
	}
	for i, cmd := range cmds {
		if !isFrame(cmd) && !(isRead(cmd) && h.mayRepeat(ctx, cmd)) {
			once := slices.Clone(cmds)
			once[i] = onceCmd{cmd} // one is enough: go-redis sends a batch again if every command may be
			return once
		}
	}
	return cmds
}

// mayResend reports whether the client may have sent cmd more than once in an attempt, of which the
// last error is seen.
func (h *hook) mayResend(cmd redis.Cmder) bool { return h.sendOnce && isSpread(cmd) }

func isSpread(cmd redis.Cmder) bool {
	return spread[cmd.Name()] || strings.HasPrefix(cmd.Name(), "ft.")
}

// spread are the commands that a cluster client may send to many nodes, whose replies it puts
// together. For that it must know their type, so that go-redis has the say about its own retries.
var spread = map[string]bool{
	"del": true, "exists": true, "mget": true, "mset": true, "msetnx": true, "touch": true, "unlink": true,
	"dbsize": true, "flushall": true, "flushdb": true, "info": true, "keys": true, "ping": true, "randomkey": true,
	"scan": true, "wait": true, "waitaof": true, "acl": true, "cluster": true, "config": true, "function": true, "latency": true,
	"memory": true, "script": true, "slowlog": true,
}
