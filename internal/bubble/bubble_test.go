package bubble_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/bubble"
	"github.com/media-gateway/holdfast/internal/mono"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An hour passes at once, with a test and without one.
func TestRunInVirtualTime(t *testing.T) {
	for _, tb := range []testing.TB{t, nil} {
		passed, inside := time.Duration(0), false
		bubble.Run(tb, func() {
			start := time.Now()
			<-time.After(time.Hour)
			passed, inside = time.Since(start), mono.Bubbled()
		})
		require.Equal(t, time.Hour, passed)
		require.True(t, inside)
	}
	require.False(t, mono.Bubbled())
}

// An f that ends its goroutine, as require does, ends the caller's; the next bubble runs.
func TestRunEndsItsCaller(t *testing.T) {
	for _, tb := range []testing.TB{t, nil} {
		ended := make(chan bool)
		go func() {
			returned := false
			defer func() { ended <- !returned }()
			bubble.Run(tb, runtime.Goexit)
			returned = true
		}()
		require.True(t, <-ended)
	}
	ran := false
	bubble.Run(nil, func() { ran = true })
	require.True(t, ran)
}
