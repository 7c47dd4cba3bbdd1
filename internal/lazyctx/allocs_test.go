//go:build !race

package lazyctx_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pins what each use of a Ctx allocates, from when it is made to its End. (The race detector
// allocates by itself.)
func TestAllocations(t *testing.T) {
	canEnd, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, c := range map[string]struct {
		parent context.Context
		use    func(context.Context)
		most   float64
	}{
		"not used":                        {canEnd, func(context.Context) {}, 1},
		"Err":                             {canEnd, func(ctx context.Context) { _ = ctx.Err() }, 1},
		"Deadline":                        {canEnd, func(ctx context.Context) { _, _ = ctx.Deadline() }, 1},
		"Done, under a bare parent":       {context.Background(), func(ctx context.Context) { ctx.Done() }, 2},
		"Done, under one that can end":    {canEnd, func(ctx context.Context) { ctx.Done() }, 6},
		"a child, under a bare parent":    {context.Background(), child, 9},
		"a child, under one that can end": {canEnd, child, 11},
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
			ctx := in(c.parent, time.Hour)
			c.use(ctx)
			ctx.End()
		}), c.most, name)
	}
}

func child(ctx context.Context) {
	child, cancel := context.WithCancel(ctx)
	child.Done()
	cancel()
}
