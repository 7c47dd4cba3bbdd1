package benchmarks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What a call costs as there are more stages, more keys and more callers. peers/growth.sh makes the
// tables of docs/benchmarks.md from it, where what is not flat is explained.

// row is that many stages: the six, and a bulkhead and a breaker that count calls.
func row(stages int) []resilience.Stage {
	outer, inner := deadline.In(3*time.Hour), deadline.In(2*time.Hour)
	all := map[int][]resilience.Stage{
		1: {retry.Config{}},
		2: {retry.Config{}, breaker.Config{}},
		4: {outer, retry.Config{}, breaker.Config{}, inner},
		8: {outer, bulkhead.Config{}, bulkhead.Config{}, breaker.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, inner},
	}
	return all[stages]
}

// BenchmarkGrowStages is a call through more and more stages: of each kind, and all of one.
func BenchmarkGrowStages(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("mixed/%d", n), func(b *testing.B) { do(b, caller(b), must(holdfast.New("bench", row(n)...))) })
		b.Run(fmt.Sprintf("bulkheads/%d", n), func(b *testing.B) {
			var row []resilience.Stage
			for range n {
				row = append(row, bulkhead.Config{})
			}
			do(b, caller(b), must(holdfast.New("bench", row...)))
		})
	}
}

// BenchmarkGrowKeys is a call for one key of many, in an order that no cache foresees: what it
// takes to find the key's pipeline, and the whole call.
func BenchmarkGrowKeys(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10_000, 100_000} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("host-%06d.example.com", i)
		}
		rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { names[i], names[j] = names[j], names[i] })
		keyed := must(holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{Size: 2 * n}, row(4)...))
		for _, name := range names {
			keyed.Get(name)
		}
		next := 0
		key := func() string {
			if next++; next >= n {
				next = 0
			}
			return names[next]
		}
		b.Run(fmt.Sprintf("Get/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keyed.Get(key())
			}
		})
		b.Run(fmt.Sprintf("Do/%d", n), func(b *testing.B) {
			ctx := caller(b)
			b.ReportAllocs()
			for b.Loop() {
				_ = keyed.Do(ctx, key(), func(context.Context) error { return nil })
			}
		})
	}
}

// BenchmarkGrowCallers is a call among so many that are in flight at once: the op lets the others
// run, so that all of them are inside. What the op takes by itself stands in the first rows.
func BenchmarkGrowCallers(b *testing.B) {
	op := func(context.Context) error { runtime.Gosched(); return nil }
	room := bulkhead.Config{MaxConcurrent: 1 << 20}
	for _, c := range []struct {
		name  string
		stage func() resilience.Func
	}{
		{"the op alone", func() resilience.Func { return op }},
		{"the op, under 1.8 KB of stack", func() resilience.Func { return func(ctx context.Context) error { return deeper(ctx, op) } }},
		{"six stages", func() resilience.Func {
			p := must(holdfast.New("bench", deadline.In(3*time.Hour), room, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(2*time.Hour)))
			return func(ctx context.Context) error { return p.Do(ctx, op) }
		}},
		{"bulkhead", func() resilience.Func { return must(bulkhead.New(room)).Wrap(op) }},
		{"bulkhead of 64, the rest waits", func() resilience.Func {
			return must(bulkhead.New(bulkhead.Config{MaxConcurrent: 64, MaxWait: -1})).Wrap(op)
		}},
		{"bulkhead of 64, the rest is refused", func() resilience.Func {
			return must(bulkhead.New(bulkhead.Config{MaxConcurrent: 64})).Wrap(op)
		}},
		{"budget", func() resilience.Func {
			bank := must(budget.New(budget.Config{}))
			return func(ctx context.Context) error {
				bank.OnSuccess()
				bank.Refund(bank.Withdraw())
				return op(ctx)
			}
		}},
		{"breaker", func() resilience.Func {
			p := must(breaker.New(breaker.Config{}))
			return func(ctx context.Context) error { return p.Do(ctx, op) }
		}},
	} {
		for _, n := range []int{1, 10, 100, 1000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) { crowd(b, n, c.stage()) })
		}
	}
}

// deeper runs op with as much of the stack in use as six stages take. A goroutine that comes
// back to the processor after thousands of others finds none of that in the caches.
//
//go:noinline
func deeper(ctx context.Context, op resilience.Func) error {
	var used [1792]byte
	for i := 0; i < len(used); i += 64 {
		used[i] = byte(i)
	}
	err := op(ctx)
	if used[512] != 0 {
		return ctx.Err()
	}
	return err
}

// crowd divides b.N calls among n goroutines.
func crowd(b *testing.B, n int, call resilience.Func) {
	ctx := caller(b)
	begin := make(chan struct{})
	var ready, wg sync.WaitGroup
	ready.Add(n)
	for i := range n {
		share := b.N/n + min(1, max(0, b.N%n-i))
		wg.Go(func() {
			_ = call(ctx) // so that its stack has grown
			ready.Done()
			<-begin
			for range share {
				_ = call(ctx)
			}
		})
	}
	ready.Wait()
	b.ReportAllocs()
	b.ResetTimer()
	close(begin)
	wg.Wait()
}
