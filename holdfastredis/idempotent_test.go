package holdfastredis

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestIdempotent(t *testing.T) {
	for _, test := range []struct {
		commands string // one a line
		want     bool
	}{
		{`get k
		MGET k l
		exists k
		hgetall k
		xread STREAMS s 0
		zrange z 0 -1
		set k v
		set k v EX 10
		set k v px 10 XX
		set k v KEEPTTL
		set NX v
		del k
		expire k 10
		hset h f v
		zunionstore z 2 a b`, true},
		{`incr k
		incrby k 2
		append k v
		set k v NX
		set k v EX 10 NX
		set k v GET
		set k v IFEQ w
		set k v EX NX GET
		setnx k v
		getdel k
		getset k v
		expire k 10 NX
		lpush l v
		lpop l
		blpop l 1
		sadd s v
		zrem z v
		xadd s * f v
		xreadgroup GROUP g c STREAMS s >
		sort l STORE k
		eval return 0
		publish c v
		json.set k $ 1
		nosuch`, false},
	} {
		for line := range strings.Lines(test.commands) {
			var args []any
			for arg := range strings.FieldsSeq(line) {
				args = append(args, arg)
			}
			require.Equal(t, test.want, Idempotent(redis.NewCmd(t.Context(), args...)), line)
		}
	}
	require.True(t, Idempotent(redis.NewStatusCmd(t.Context(), "set", "k", []byte("NX"), "ex", 10)), "the value is no flag")
	require.False(t, Idempotent(redis.NewStatusCmd(t.Context(), "set", "k", "v", 10)), "an argument that is none")
	require.False(t, Idempotent(onceCmd{redis.NewCmd(t.Context(), "get", "k")}), "a command that says NoRetry")
	require.False(t, Idempotent(redis.NewCmd(t.Context())), "no command")
}
