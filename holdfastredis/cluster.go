package holdfastredis

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// A cluster client follows redirects in a loop that also sends a command again when its connection broke, whatever the
// command. There is no option for the one without the other. But the loop asks the command, so what must not be
// sent twice goes there as an onceCmd.

// onceCmd is a command for which go-redis's own retries are off.
type onceCmd struct{ redis.Cmder }

// NoRetry returns true.
func (onceCmd) NoRetry() bool { return true }

// once returns cmd as the client is to get it.
func (h *hook) once(ctx context.Context, cmd redis.Cmder) redis.Cmder {
	if !h.sendOnce || spread[cmd.Name()] || strings.HasPrefix(cmd.Name(), "ft.") || h.isIdempotent(ctx, cmd) {
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
		if !isFrame(cmd) && !h.isIdempotent(ctx, cmd) {
			once := slices.Clone(cmds)
			once[i] = onceCmd{cmd} // one is enough: go-redis sends a batch again if every command may be
			return once
		}
	}
	return cmds
}

// spread are the commands that a cluster client sends to many nodes and puts the replies of together, for which it
// must know their type. Of those that are not idempotent (MSETNX, and commands of administrators) go-redis has
// the say.
var spread = map[string]bool{
	"del": true, "exists": true, "mget": true, "mset": true, "msetnx": true, "touch": true, "unlink": true,
	"dbsize": true, "flushall": true, "flushdb": true, "info": true, "keys": true, "ping": true, "randomkey": true,
	"scan": true, "wait": true, "waitaof": true, "acl": true, "cluster": true, "config": true, "function": true, "latency": true,
	"memory": true, "script": true, "slowlog": true,
}
