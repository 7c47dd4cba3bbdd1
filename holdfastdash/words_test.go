package holdfastdash

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// The page has a text for every reason.
func TestThePageKnowsEveryReason(t *testing.T) {
	text, err := os.ReadFile("page/format.js")
	require.NoError(t, err)
	for reason := resilience.ReasonNone + 1; reason < resilience.NumReasons; reason++ {
		require.Contains(t, string(text), "\n  "+reason.String()+": \"", "format.js says nothing of it")
	}
}
