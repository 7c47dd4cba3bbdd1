//go:build !race

package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A health check may call Err and Status at any rate.
func TestErrAndStatusAllocateNothing(t *testing.T) {
	s := plainSite(t)
	s.replace("broken")
	require.Error(t, s.next().Err)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if s.watcher.Err() == nil || s.watcher.Status().Err == nil {
			t.Error("it is in force")
		}
	}))
}
