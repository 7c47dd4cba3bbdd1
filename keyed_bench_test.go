//go:build !race

package holdfast_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func hostNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("host-%06d.example.com", i)
	}
	return names
}

// finders are ways to find a key's pipeline. Each pipeline exists already.
func finders(b *testing.B, names []string) map[string]func(string) *holdfast.Pipeline {
	b.Helper()
	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, sixStages()...)
	require.NoError(b, err)
	var plain sync.Map
	for _, host := range names {
		hosts.Get(host)
		plain.Store(host, holdfast.Must(holdfast.New(host, sixStages()...)))
	}
	return map[string]func(string) *holdfast.Pipeline{
		"Keyed": hosts.Get,
		"sync.Map": func(host string) *holdfast.Pipeline {
			p, _ := plain.Load(host)
			return p.(*holdfast.Pipeline)
		},
	}
}

// BenchmarkKeyedHit measures how long it takes to find a key's pipeline, and to make a call through
// it. It compares that with the simplest map of pipelines: a sync.Map, which never evicts.
func BenchmarkKeyedHit(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour) // ends before the deadlines, which derive no ctx then
	defer cancel()
	for _, n := range []int{1, 1000} {
		names := hostNames(n)
		for name, find := range finders(b, names) {
			get := func(i int) { find(names[i%n]) }
			do := func(i int) { _ = find(names[i%n]).Do(ctx, succeed) }
			for what, each := range map[string]func(int){"Get": get, "Do": do} {
				b.Run(fmt.Sprintf("%s/%d keys/%s", what, n, name), func(b *testing.B) {
					b.ReportAllocs()
					i := 0
					for b.Loop() {
						each(i)
						i++
					}
				})
				b.Run(fmt.Sprintf("%s/%d keys/%s/parallel", what, n, name), func(b *testing.B) {
					b.ReportAllocs()
					b.RunParallel(func(pb *testing.PB) {
						for i := 0; pb.Next(); i++ {
							each(i)
						}
					})
				})
			}
		}
	}
}

// BenchmarkKeyedMiss measures what a new key costs: in a Keyed with room, in a full one, and in one
// where no key may be evicted.
func BenchmarkKeyedMiss(b *testing.B) {
	for name, size := range map[string]int{"room": 1 << 22, "full": 10_000} {
		b.Run(name, func(b *testing.B) {
			numbers, err := holdfast.NewKeyed[int]("numbers", holdfast.KeyedConfig{Size: size}, holdfast.Critical()...)
			require.NoError(b, err)
			fill(numbers, min(size, 10_000), nil)
			b.ReportAllocs()
			i := 10_000
			for b.Loop() {
				numbers.Get(i)
				i++
			}
		})
	}
	b.Run("full/parallel", func(b *testing.B) {
		numbers, err := holdfast.NewKeyed[int]("numbers", holdfast.KeyedConfig{}, holdfast.Critical()...)
		require.NoError(b, err)
		fill(numbers, 10_000, nil)
		var last atomic.Int64
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				numbers.Get(10_000 + int(last.Add(1)))
			}
		})
	})
	b.Run("no room", func(b *testing.B) {
		numbers, err := holdfast.NewKeyed[int]("numbers", holdfast.KeyedConfig{}, opensAtOnce()...)
		require.NoError(b, err)
		fill(numbers, 10_000, errFlaky)
		b.ReportAllocs()
		i := 10_000
		for b.Loop() {
			numbers.Get(i)
			i++
		}
	})
}

// fill makes a call, which ends with err, for each of the first n numbers.
func fill(numbers *holdfast.Keyed[int], n int, err error) {
	for i := range n {
		_ = numbers.Do(context.Background(), i, func(context.Context) error { return err })
	}
}

// BenchmarkKeyedHostile measures a call for an existing key while another goroutine calls with a
// new key each time.
func BenchmarkKeyedHostile(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	hosts, err := holdfast.NewKeyed[int]("hosts", holdfast.KeyedConfig{}, sixStages()...)
	require.NoError(b, err)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; !stop.Load(); i++ {
			_ = hosts.Do(ctx, i, func(context.Context) error { return errFlaky })
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		_ = hosts.Do(ctx, -1, succeed)
	}
	stop.Store(true)
	wg.Wait()
}

func opensAtOnce() []resilience.Stage { return []resilience.Stage{openFor(time.Hour)} }

// BenchmarkKeyedLook measures a scrape of the Total, which looks at every key: with all breakers
// closed, and with all open.
func BenchmarkKeyedLook(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		for name, err := range map[string]error{"well": nil, "open": errFlaky} {
			b.Run(fmt.Sprintf("%d keys/%s", n, name), func(b *testing.B) {
				numbers, wrong := holdfast.NewKeyed[int]("numbers", holdfast.KeyedConfig{Size: n}, opensAtOnce()...)
				require.NoError(b, wrong)
				fill(numbers, n, err)
				b.ReportAllocs()
				for b.Loop() {
					numbers.Total().Snapshot()
				}
			})
		}
	}
}
