//go:build !race

package holdfast_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func TestAKeyThatIsFoundCostsNoAllocation(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	type shard struct {
		zone string
		n    int
	}
	hosts := newKeyed[string](t, holdfast.KeyedConfig{}, sixStages()...)
	shards := newKeyed[shard](t, holdfast.KeyedConfig{}, append([]resilience.Stage{holdfast.Observe(deaf{})}, sixStages()...)...)
	anything := newKeyed[any](t, holdfast.KeyedConfig{}, sixStages()...)
	n := 0
	for name, f := range map[string]func(){
		"Get":  func() { hosts.Get("api.example.com") },
		"Peek": func() { hosts.Peek("api.example.com") },
		"Do":   func() { _ = hosts.Do(ctx, "api.example.com", func(context.Context) error { n++; return nil }) },
		"Value": func() {
			v, _ := holdfast.Value(ctx, hosts.Get("api.example.com"), func(context.Context) (int, error) { n++; return n, nil })
			n += v
		},
		"a struct, observed": func() { _ = shards.Do(ctx, shard{"eu", 7}, func(context.Context) error { n++; return nil }) },
		"an interface":       func() { _ = anything.Do(ctx, 7, func(context.Context) error { n++; return nil }) },
	} {
		require.Zero(t, testing.AllocsPerRun(1000, f), name)
	}
}

// A flood of keys without room does not allocate either, nor does a refusal by an open breaker.
func TestAKeyThatIsRefusedCostsNoAllocation(t *testing.T) {
	k := newKeyed[int](t, holdfast.KeyedConfig{Size: 100}, openFor(time.Hour))
	for key := range 101 {
		_ = k.Do(t.Context(), key, flake)
	}
	key := 1000
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_ = k.Do(context.Background(), key, succeed)
		key++
	}))
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = k.Do(context.Background(), 7, succeed) }))
}
