//go:build !race

package holdfastpgx_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A DB allocates nothing for a call that succeeds: the call allocates as much as on the pool
// itself. The allocations of the server at the other end of the pipe are the same in both.
func TestDBAllocatesNothing(t *testing.T) {
	_, pool := newPool(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	all := calls(ctx, pool, newDB(t, pool, unhurried(t)))
	for _, what := range []string{"exec", "tx"} {
		allocs := func(name string) float64 {
			return testing.AllocsPerRun(2000, func() { _ = all[what+name]() })
		}
		require.LessOrEqual(t, allocs("/DB"), allocs("/plain"), what)
	}
}
