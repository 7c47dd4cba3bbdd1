//go:build !race

package cache

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkHit finds one of n keys, and compares that with a sync.Map, which has no bound.
func BenchmarkHit(b *testing.B) {
	for _, n := range []int{1, 100, 10_000, 100_000} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("host-%06d.example.com", i)
		}
		c := newCacheOf(n, time.Hour, func(string) (*value, error) { return new(value), nil })
		var unbounded sync.Map
		for _, name := range names {
			_, _ = c.Get(name)
			unbounded.Store(name, new(value))
		}
		for what, find := range map[string]func(string){
			"cache":    func(name string) { _, _ = c.Get(name) },
			"sync.Map": func(name string) { unbounded.Load(name) },
		} {
			b.Run(fmt.Sprintf("%d keys/%s", n, what), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					find(names[i%n])
				}
			})
			b.Run(fmt.Sprintf("%d keys/%s/parallel", n, what), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						find(names[i%n])
					}
				})
			})
		}
	}
}

// BenchmarkMiss asks for a new key each time: if there is a victim, and if all keys are pinned.
func BenchmarkMiss(b *testing.B) {
	for what, cost := range map[string]Cost{"evicts": Cheap, "full": Pinned} {
		for _, n := range []int{1, 100, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d keys", what, n), func(b *testing.B) {
				c := newCache(n, time.Hour)
				for key := range n {
					get(b, c, key).cost.Store(uint32(cost))
				}
				b.ReportAllocs()
				for key := n; b.Loop(); key++ {
					_, _ = c.Get(key)
				}
			})
		}
	}
}
