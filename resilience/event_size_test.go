package resilience_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// Every observed call fills several Events, and each of its observers gets a copy. What only one
// kind of event has goes behind a pointer.
func TestAnEventDoesNotGrow(t *testing.T) {
	const words = 22
	require.LessOrEqual(t, unsafe.Sizeof(resilience.Event{}), words*unsafe.Sizeof(uintptr(0)))
}
