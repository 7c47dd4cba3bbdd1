package docs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/fleet"
)

// A file takes the names and the numbers of pods that a fleet takes, and no others.
func TestAFileTakesWhatAFleetTakes(t *testing.T) {
	for _, name := range []string{"a", strings.Repeat("n", 128), strings.Repeat("n", 129), strings.Repeat("ö", 64), strings.Repeat("ö", 65), "a/b", "a b", "a:b"} {
		f, joins := fleet.Join(t.Context(), fleet.InProcess(), name)
		if joins == nil {
			f.Leave()
		}
		_, err := parseNamed(fmt.Sprintf("fleet: {name: %q}\nservices: {}", name))
		require.Equal(t, joins == nil, err == nil, "%q: %v, %v", name, joins, err)
	}
	file, err := parseNamed(fmt.Sprintf("fleet: {pods: %d}\nservices: {}", fleet.MaxCells))
	require.NoError(t, err)
	require.Equal(t, config.Fleet{Pods: fleet.MaxCells}, file.Fleet())
	_, err = parseNamed(fmt.Sprintf("fleet: {pods: %d}\nservices: {}", fleet.MaxCells+1))
	require.Error(t, err)
}
