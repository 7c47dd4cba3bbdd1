package stage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/stage"
)

func TestChangedKeepsWhatOthersChanged(t *testing.T) {
	type config struct {
		A, B int
		C    bool
	}
	require.Equal(t, config{7, 2, true}, stage.Changed(config{1, 2, true}, config{1, 1, false}, config{7, 1, false}))
	require.Equal(t, config{1, 2, false}, stage.Changed(config{1, 2, true}, config{1, 1, true}, config{1, 1, false}))
	require.Equal(t, config{1, 2, true}, stage.Changed(config{1, 2, true}, config{}, config{}))
}
