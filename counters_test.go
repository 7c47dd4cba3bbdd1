package holdfast

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGoroutinesSpreadOverTheStripes(t *testing.T) {
	var s counters
	s.split()
	var mu sync.Mutex
	picked := map[*stripe]int{}
	var all, wg sync.WaitGroup
	all.Add(64)
	for range 64 {
		wg.Go(func() {
			var c call
			stripe := s.pick(&c)
			all.Done()
			all.Wait() // all alive at once: each on a stack of its own
			mu.Lock()
			defer mu.Unlock()
			picked[stripe]++
		})
	}
	wg.Wait()
	require.Greater(t, len(picked), numStripes/2)
}
