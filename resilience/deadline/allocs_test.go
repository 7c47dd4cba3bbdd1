//go:build !race

package deadline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Pins: a deadline that is inherited costs nothing, one that is created what the standard library's costs.
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
	cause := errors.New("cause")
	standard := testing.AllocsPerRun(200, func() {
		_, cancel := context.WithTimeoutCause(parent, time.Hour, cause)
		cancel()
	})
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		_ = p.Do(parent, func(context.Context) error { n++; return nil })
	}), standard)
}
