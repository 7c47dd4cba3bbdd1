package lazyctx

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/mono"
)

// If a later version of package context no longer asks for a value, a Ctx is a standard one from
// the beginning.
func TestWithoutTheKeyOfPackageContext(t *testing.T) {
	require.NotNil(t, cancelKey)
	known := cancelKey
	cancelKey = nil
	defer func() { cancelKey = known }()
	limit := errors.New("limit")
	synctest.Test(t, func(t *testing.T) {
		c := New(context.Background(), mono.Now().Add(time.Second), limit)
		child, cancel := context.WithCancel(c)
		defer cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, limit, context.Cause(c))
		require.Equal(t, limit, context.Cause(child))
		require.True(t, c.Expired())
		c.End()
		c = New(context.Background(), mono.Now().Add(time.Second), limit)
		c.End()
		require.Equal(t, context.Canceled, context.Cause(c))
	})
}
