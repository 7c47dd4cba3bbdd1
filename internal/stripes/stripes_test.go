package stripes_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/stripes"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGoroutinesAreSpread(t *testing.T) {
	const callers = 64
	var mu sync.Mutex
	picked := map[int]int{}
	var all, wg sync.WaitGroup
	all.Add(callers)
	for range callers {
		wg.Go(func() {
			var local [16]byte
			i, again := stripes.Of(&local), stripes.Of(&local)
			all.Done()
			all.Wait() // all alive at once: each on a stack of its own
			mu.Lock()
			defer mu.Unlock()
			picked[i]++
			if i != again || i < 0 || i >= stripes.Count {
				t.Errorf("%d, and then %d", i, again)
			}
		})
	}
	wg.Wait()
	require.Greater(t, len(picked), stripes.Count/2)
}
