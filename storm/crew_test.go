package storm

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Each function runs once, at once, however many there are at a time; the bubble, which ends only
// when all of its goroutines have, says that none is left.
func TestCrew(t *testing.T) {
	for _, atATime := range []int{1, 2, mostIdle, mostIdle + 1, 3 * mostIdle} {
		synctest.Test(t, func(t *testing.T) {
			var c crew
			var ran atomic.Int64
			start := time.Now()
			for range 3 {
				for range atATime {
					c.run(func() {
						<-time.After(time.Second)
						ran.Add(1)
					})
				}
				<-time.After(2 * time.Second)
				c.mu.Lock()
				require.Len(t, c.idle, min(atATime, mostIdle))
				c.mu.Unlock()
			}
			c.wait()
			require.EqualValues(t, 3*atATime, ran.Load())
			require.Equal(t, 6*time.Second, time.Since(start))
		})
	}
}
