package holdfast

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// Slices are the same if their elements are. An empty slice is not the same as nil.
func TestSameSlices(t *testing.T) {
	type stage struct{ limits []int }
	for name, c := range map[string]struct {
		a, b []int
		want bool
	}{
		"both nil":      {nil, nil, true},
		"nil and empty": {nil, []int{}, false},
		"empty and nil": {[]int{}, nil, false},
		"both empty":    {[]int{}, []int{}, true},
		"equal":         {[]int{1, 2}, []int{1, 2}, true},
		"another":       {[]int{1, 2}, []int{1, 3}, false},
		"shorter":       {[]int{1, 2}, []int{1}, false},
		"longer":        {[]int{1}, []int{1, 2}, false},
	} {
		require.Equal(t, c.want, same(reflect.ValueOf(stage{c.a}), reflect.ValueOf(stage{c.b})), name)
	}
}
