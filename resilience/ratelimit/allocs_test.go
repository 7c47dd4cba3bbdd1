//go:build !race

package ratelimit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// A call that finds a token does not allocate, nor does one that is refused while others are.
func TestAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	op := func(context.Context) error { return nil }
	for name, c := range map[string]ratelimit.Config{
		"plenty":    {Rate: 1e9, Burst: 1e9},
		"waits":     {Rate: 1e9, Burst: 1e9, MaxWait: time.Second},
		"unlimited": {Rate: -1},
	} {
		l := newLimiter(t, c)
		call := l.Wrap(op)
		require.Zero(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }), name)
		p, err := holdfast.New("payments", l)
		require.NoError(t, err)
		n := 0
		require.Zero(t, testing.AllocsPerRun(200, func() {
			_ = p.Do(ctx, func(context.Context) error { n++; return nil })
		}), "%s, in a pipeline", name)
		require.Zero(t, l.Stats().Rejected, name)
	}

	for name, c := range map[string]ratelimit.Config{
		"no wait":   {Rate: 1e-6, Burst: 1},
		"too short": {Rate: 1e-6, Burst: 1, MaxWait: time.Second},
	} {
		l := newLimiter(t, c)
		require.NoError(t, l.Acquire(ctx))
		refused := l.Wrap(op)
		most := 0.0
		if c.MaxWait > 0 {
			most = 1 // the waiter
		}
		require.LessOrEqual(t, testing.AllocsPerRun(200, func() { _ = refused(ctx) }), most, name)
		require.EqualValues(t, 201, l.Stats().Rejected, name)
	}
}

// A token that is given back allocates nothing but what the refusal further in does.
func TestGivingBackAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	refusal := resilience.MarkRejected(errFull)
	call := newLimiter(t, ratelimit.Config{Rate: 1e-6, Burst: 1}).Wrap(func(context.Context) error { return refusal })
	require.Zero(t, testing.AllocsPerRun(200, func() { _ = call(ctx) }))
}
