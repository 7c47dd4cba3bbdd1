package holdfastredis

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// BenchmarkHook measures the hook and the pipeline alone, around a next hook that does nothing.
func BenchmarkHook(b *testing.B) {
	p := newPipeline(b, budget.Config{}, retry.Config{}, breaker.Config{})
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	next := func(context.Context, redis.Cmder) error { return nil }
	get := redis.NewCmd(ctx, "get", "k")
	cmds := []redis.Cmder{get, redis.NewCmd(ctx, "incr", "k"), redis.NewCmd(ctx, "set", "k", "v")}

	b.Run("pipeline", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = p.Do(ctx, func(ctx context.Context) error { return next(ctx, get) })
		}
	})
	b.Run("command", func(b *testing.B) {
		process := mustHook(b, p).ProcessHook(next)
		b.ReportAllocs()
		for b.Loop() {
			_ = process(ctx, get)
		}
	})
	b.Run("batch of 3", func(b *testing.B) {
		run := mustHook(b, p).ProcessPipelineHook(func(context.Context, []redis.Cmder) error { return nil })
		b.ReportAllocs()
		for b.Loop() {
			_ = run(ctx, cmds)
		}
	})
}
