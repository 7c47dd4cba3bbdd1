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

// sameValue says so too of funcs with the same code, also in interfaces. Nothing is the same as
// nothing only.
func TestSameValues(t *testing.T) {
	one, two := func() {}, func() { panic("two") }
	for _, c := range []struct {
		a, b any
		want bool
	}{
		{nil, nil, true}, {nil, one, false}, {one, nil, false}, {one, one, true}, {one, two, false},
		{one, 1, false}, {1, one, false}, {1, 1, true}, {1, 2, false}, {1, "1", false},
	} {
		require.Equal(t, c.want, sameValue(reflect.ValueOf(&c.a).Elem(), reflect.ValueOf(&c.b).Elem()), "%T %T", c.a, c.b)
		require.Equal(t, c.want, sameValue(reflect.ValueOf(c.a), reflect.ValueOf(c.b)), "%T %T", c.a, c.b)
	}
	held := any(1)
	require.False(t, sameValue(reflect.ValueOf(1), reflect.ValueOf(&held).Elem()))
	require.False(t, sameValue(reflect.ValueOf(&held).Elem(), reflect.ValueOf(1)))
}
