package benchmarks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// sizes are the numbers of services that a registry is measured with.
var sizes = []int{1, 100, 10_000}

// registry returns a registry of n services, and their names.
func registry(n int) (*holdfast.Registry, []string) {
	set, names := holdfast.Services{}, make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("service-%05d", i)
		set[names[i]] = []resilience.Stage{retry.Config{}}
	}
	r := holdfast.NewRegistry()
	if err := r.Apply(set); err != nil {
		panic(err)
	}
	return r, names
}

// BenchmarkRegistryGet measures lookups of one name, as a call site makes them.
func BenchmarkRegistryGet(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, names := registry(n)
			name := names[n/2]
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := r.Get(name); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}

// BenchmarkRegistryGetParallel is the same on all processors: nothing is written, so it scales.
func BenchmarkRegistryGetParallel(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, names := registry(n)
			name := names[n/2]
			b.ReportAllocs()
			b.ResetTimer() // b.Loop does so by itself
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, ok := r.Get(name); !ok {
						b.Error("not found")
					}
				}
			})
		})
	}
}

// BenchmarkRegistryGetAny measures lookups of all names in an order that no cache foresees.
func BenchmarkRegistryGetAny(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r, names := registry(n)
			rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { names[i], names[j] = names[j], names[i] })
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := r.Get(names[i]); !ok {
					b.Fatal("not found")
				}
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkRegistryCall is a call through the six stages that looks its pipeline up.
func BenchmarkRegistryCall(b *testing.B) {
	set := holdfast.Services{}
	for _, s := range stages {
		set["bench"] = append(set["bench"], s.stage)
	}
	r := holdfast.NewRegistry()
	if err := r.Apply(set); err != nil {
		b.Fatal(err)
	}
	ctx := caller(b)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		p, _ := r.Get("bench")
		_ = p.Do(ctx, func(context.Context) error { n++; return nil })
	}
}

// BenchmarkRegistryApply is a reload in which nothing changed, and one in which one service of 100
// did.
func BenchmarkRegistryApply(b *testing.B) {
	set := func(retries int) holdfast.Services {
		s := holdfast.Services{}
		for i := range 100 {
			s[fmt.Sprint(i)] = holdfast.Critical()
		}
		s["0"] = []resilience.Stage{retry.Config{MaxRetries: retries}}
		return s
	}
	apply := func(sets ...holdfast.Services) func(b *testing.B) {
		return func(b *testing.B) {
			r := holdfast.NewRegistry()
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Apply(sets[i%len(sets)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		}
	}
	b.Run("same", apply(set(1)))
	b.Run("one changed", apply(set(1), set(2)))
}
