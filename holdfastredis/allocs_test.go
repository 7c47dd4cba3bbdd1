//go:build !race

package holdfastredis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// A command that succeeds does not allocate; nor does a missing key or a batch.
func TestAllocs(t *testing.T) {
	p := newPipeline(t, budget.Config{}, twice(), breaker.Config{})
	h := mustHook(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	get, cmds := redis.NewCmd(ctx, "get", "k"), commandsOf(t, "get incr set")
	for _, answer := range []error{nil, redis.Nil} {
		process := h.ProcessHook(func(context.Context, redis.Cmder) error { return answer })
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = process(ctx, get) }), "%v", answer)
		run := h.ProcessPipelineHook(func(context.Context, []redis.Cmder) error { return answer })
		require.Zero(t, testing.AllocsPerRun(1000, func() { _ = run(ctx, cmds) }), "%v", answer)
	}
}
