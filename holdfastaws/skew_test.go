package holdfastaws

import (
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/stretchr/testify/require"
)

// A client of an older version has no place for the skew of its clock: then the operation has one,
// so that the second attempt knows what the first has found.
func TestClockSkewOfOlderClients(t *testing.T) {
	require.NotNil(t, withoutLoop(&retry.Attempt{}).ClientSkew)

	loop := &retry.Attempt{ClientSkew: new(atomic.Int64), DisableClockSkewCorrection: true}
	require.Same(t, loop.ClientSkew, withoutLoop(loop).ClientSkew)
	require.True(t, withoutLoop(loop).DisableClockSkewCorrection)
}
