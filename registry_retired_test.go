package holdfast

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Names come and go. Nothing is left of those whose pipelines were collected.
func TestARegistryForgetsRetiredNames(t *testing.T) {
	r := NewRegistry()
	for i := range 100 {
		require.NoError(t, r.Apply(Services{fmt.Sprint(i): Standard()}))
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		return r.Apply(Services{"last": Standard()}) == nil && len(r.now().retired) == 0
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, r.Apply(Services{}))
	require.Len(t, r.now().retired, 1)
}

// A service that was removed and has returned does not drain.
func TestAServiceThatIsBackDoesNotDrain(t *testing.T) {
	r := NewRegistry()
	set := Services{"a": Standard()}
	require.NoError(t, r.Apply(set))
	p, ok := r.Get("a")
	require.True(t, ok)
	require.NoError(t, r.Apply(Services{}))
	require.NoError(t, p.Do(t.Context(), func(context.Context) error {
		require.Equal(t, []*Pipeline{p}, r.Draining())
		require.NoError(t, r.Apply(set))
		require.Empty(t, r.Draining())
		return nil
	}))
	require.Empty(t, r.Draining())
}
