package migrating_test

import (
	"testing"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	retrygo "github.com/avast/retry-go/v5"
	"github.com/cenkalti/backoff/v7"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"
)

// The defaults of other libraries that stand on the pages, and that the libraries let us read. What
// gobreaker and failsafe-go do with no settings, their tests show.
func TestTheirDefaults(t *testing.T) {
	require.Equal(t, 500*time.Millisecond, backoff.DefaultInitialInterval)
	require.InDelta(t, 1.5, backoff.DefaultMultiplier, 0)
	require.InDelta(t, 0.5, backoff.DefaultRandomizationFactor, 0)
	require.Equal(t, time.Minute, backoff.DefaultMaxInterval)
	require.Equal(t, 15*time.Minute, backoff.DefaultMaxElapsedTime)

	require.Equal(t, 100*time.Millisecond, retrygo.New().Delay())
	require.Equal(t, 100*time.Millisecond, retrygo.New().MaxJitter())
	require.Zero(t, retrygo.New().MaxDelay())

	c := retryablehttp.NewClient()
	require.Equal(t, 4, c.RetryMax)
	require.Equal(t, time.Second, c.RetryWaitMin)
	require.Equal(t, 30*time.Second, c.RetryWaitMax)
	require.Zero(t, c.HTTPClient.Timeout)

	require.Equal(t, 1000, hystrix.DefaultTimeout)
	require.Equal(t, 10, hystrix.DefaultMaxConcurrent)
	require.Equal(t, 20, hystrix.DefaultVolumeThreshold)
	require.Equal(t, 50, hystrix.DefaultErrorPercentThreshold)
	require.Equal(t, 5000, hystrix.DefaultSleepWindow)
}
