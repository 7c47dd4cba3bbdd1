//go:build !race

package deadline_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pins: a deadline that is inherited allocates nothing, one that is created its ctx, and the
// standard library's more where the op asks for Done.
func TestAllocations(t *testing.T) {
	p := newDeadline(t, time.Hour)
	sooner, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n := 0
	require.Zero(t, testing.AllocsPerRun(200, func() {
		_ = p.Do(sooner, func(context.Context) error { n++; return nil })
	}))

	parent, cancelParent := context.WithCancel(context.Background())
	defer cancelParent()
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		_ = p.Do(parent, func(context.Context) error { n++; return nil })
	}), 1.0)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		_ = p.Do(context.Background(), func(ctx context.Context) error { ctx.Done(); return nil })
	}), 2.0)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		_ = p.Do(parent, func(ctx context.Context) error { ctx.Done(); return nil })
	}), 6.0)
}
