package holdfast

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Names come and go: of those whose pipelines are gone, nothing is left.
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
