package holdfastredis

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A cluster client follows redirects in a loop that also resends any command after its connection
// broke. No option turns that off alone. But the loop asks the command's NoRetry method. So a
// command that writes is passed to it as an onceCmd: then go-redis sends it once, and only the
// pipeline repeats it, if that is safe.

// onceCmd is a command for which go-redis's own retries are off.
type onceCmd struct{ redis.Cmder }

// NoRetry returns true: go-redis must not resend the command.
func (onceCmd) NoRetry() bool { return true }

// once returns cmd in the form to pass to go-redis: as an onceCmd if go-redis must not resend it.
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
	once := cmds
	for i, cmd := range cmds {
		if isFrame(cmd) || isRead(cmd) && h.mayRepeat(ctx, cmd) {
			continue
		}
		if &once[0] == &cmds[0] {
			once = slices.Clone(cmds)
		}
		once[i] = onceCmd{cmd} // each: go-redis divides a batch among nodes, and resends a part by its own commands
	}
	return once
}

// mayResend reports whether the client may send cmd more than once in one attempt. Then the error
// of the attempt proves nothing about the earlier sends.
func (h *hook) mayResend(cmd redis.Cmder) bool { return h.sendOnce && isSpread(cmd) }

func isSpread(cmd redis.Cmder) bool {
	return spread[cmd.Name()] || strings.HasPrefix(cmd.Name(), "ft.")
}

// spread are the commands that a cluster client may send to several nodes, and whose replies it
// merges. For the merge go-redis needs the command's own type, so they cannot be wrapped in an
// onceCmd, and go-redis may resend them.
var spread = map[string]bool{
	"del": true, "exists": true, "mget": true, "mset": true, "msetnx": true, "touch": true, "unlink": true,
	"dbsize": true, "flushall": true, "flushdb": true, "info": true, "keys": true, "ping": true, "randomkey": true,
	"scan": true, "wait": true, "waitaof": true, "acl": true, "cluster": true, "config": true, "function": true, "latency": true,
	"memory": true, "script": true, "slowlog": true,
}
