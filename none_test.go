package holdfast_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

// None always returns the same pointer, and it runs no calls.
func TestNone(t *testing.T) {
	once, again := holdfast.None(), holdfast.None()
	require.Same(t, once, again)
	require.Empty(t, holdfast.None().Name())
	require.ErrorContains(t, holdfast.None().Do(t.Context(), func(context.Context) error { return nil }), "nil or zero")
}
