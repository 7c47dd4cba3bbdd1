//go:build !race

package bulkhead_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

func TestAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	b := newBulkhead(t, bulkhead.Config{})
	call := b.Wrap(func(context.Context) error { return nil })
	require.Zero(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }))

	adapts := newBulkhead(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}})
	call = adapts.Wrap(func(context.Context) error { return nil })
	require.Zero(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }))

	limited := newBulkhead(t, bulkhead.Config{Adaptive: &bulkhead.Adaptive{SlowFailures: 1, CalmFor: -1}})
	require.NoError(t, limited.Acquire(ctx))
	limited.Release(ctx, context.DeadlineExceeded)
	call = limited.Wrap(func(context.Context) error { return nil })
	require.Zero(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }))
	var err error
	for err == nil { // fill it
		err = limited.Acquire(ctx)
	}
	require.Zero(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }))

	full := newBulkhead(t, bulkhead.Config{MaxConcurrent: 1})
	require.NoError(t, full.Acquire(ctx))
	refused := full.Wrap(func(context.Context) error { return nil })
	require.Zero(t, testing.AllocsPerRun(200, func() { _ = refused(ctx) }))
}
