//go:build !race

package holdfast_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestALookupAllocatesNothing(t *testing.T) {
	r := newRegistry(t, two())
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, ok := r.Get("orders"); ok {
			t.Error("found what is not there")
		}
		p, ok := r.Get("payments")
		if !ok || r.MustGet("search") == p {
			t.Error("not found")
		}
	}))
}

// A call through Get allocates as little as one through a pipeline that was kept.
func TestACallThroughARegistryAllocatesNothing(t *testing.T) {
	r := newRegistry(t, holdfast.Services{"payments": {retry.Config{}}}, &deaf{})
	n := 0
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p, _ := r.Get("payments")
		_ = p.Do(context.Background(), func(context.Context) error { n++; return nil })
	}))
}
