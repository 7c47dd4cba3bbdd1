package resilience_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// A number that is not a value of its type has a name as well, and does not panic.
func TestNamesOfAllNumbers(t *testing.T) {
	for number := range 256 {
		for _, name := range []string{
			resilience.Kind(number).String(), resilience.Verdict(number).String(), resilience.Reason(number).String(),
			resilience.EventKind(max(number, 1)).String(), resilience.State(number).String(),
		} {
			require.NotEmpty(t, name, number)
		}
	}
}
