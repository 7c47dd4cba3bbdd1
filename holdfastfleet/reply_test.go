package holdfastfleet

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
)

// answer is what the script returns to a pod that is asked for a digest.
func answer() []any {
	return []any{
		int64(250), "digest", int64(1), int64(3), "holder", int64(7), int64(1), int64(1500),
		[]any{int64(0), "mine", int64(4999), "other"}, []any{int64(1), int64(60_000), "order"},
	}
}

func TestNewsOf(t *testing.T) {
	want := fleet.News{
		Digest: []byte("digest"), Age: 250 * time.Millisecond, Asked: true, Refused: 3, Holder: "holder",
		Told:  fleet.Told{Epoch: 7, Good: true, Age: 1500 * time.Millisecond},
		Cells: []fleet.Cell{{Data: []byte("mine")}, {Age: 4999 * time.Millisecond, Data: []byte("other")}},

		Orders: []fleet.StoredOrder{{Slot: 1, Left: time.Minute, Data: []byte("order")}},
	}
	require.Equal(t, want, newsOf(answer(), nil))
	require.Equal(t, want, newsOf(append(answer(), "what a later version adds"), nil))

	unordered := answer()[:9]
	want.Orders = nil
	require.Equal(t, want, newsOf(unordered, nil), "no orders")

	quiet := answer()[:8]
	quiet[2] = int64(0)
	want.Asked, want.Cells = false, nil
	require.Equal(t, want, newsOf(quiet, nil), "no cells for a pod that is not asked")
	quiet[0], quiet[5] = int64(-1), int64(0)
	require.Equal(t, fleet.News{Refused: 3, Holder: "holder"}, newsOf(quiet, nil), "no digest, and nothing told")

	gone := errors.New("gone")
	require.Equal(t, fleet.News{Err: gone}, newsOf(answer(), gone))
}

// What no script returns is not used in part.
func TestNewsOfNonsense(t *testing.T) {
	nonsense := []any{nil, "", "x", int64(math.MinInt64), int64(math.MaxInt64), math.NaN(), true, []any{}, []any{int64(1)}, []any{"x", int64(1)}, errors.New("x")}
	fits := map[int][]any{ // what may stand there
		0: {}, 1: {"", "x"}, 2: {}, 3: {}, 4: {"", "x"}, 5: {}, 6: {}, 7: {}, 8: {[]any{}}, 9: {[]any{}},
	}
	for i := range answer() {
		for _, element := range nonsense {
			if slices.ContainsFunc(fits[i], func(fit any) bool { return reflect.DeepEqual(fit, element) }) {
				continue
			}
			reply := answer()
			reply[i] = element
			require.Equal(t, fleet.News{Err: errReply}, newsOf(reply, nil), "element %d is %T %v", i, element, element)
		}
		if i < 9 { // a pod that is asked gets nine at least
			require.Equal(t, fleet.News{Err: errReply}, newsOf(answer()[:i], nil), "%d elements", i)
		}
	}
	for _, reply := range nonsense {
		require.Equal(t, fleet.News{Err: errReply}, newsOf(reply, nil))
	}
	for _, cells := range [][]any{{int64(0)}, {int64(0), "x", int64(1)}, {int64(-1), "x"}, {"x", "x"}, {int64(0), nil}} {
		reply := answer()
		reply[8] = cells
		require.Equal(t, fleet.News{Err: errReply}, newsOf(reply, nil), "%v", cells)
	}
	for _, orders := range [][]any{
		{int64(0)}, {int64(0), int64(1)}, {int64(-1), int64(1), "x"}, {int64(fleet.MaxOrders), int64(1), "x"}, {int64(0), int64(-1), "x"}, {int64(0), int64(1), nil},
	} {
		reply := answer()
		reply[9] = orders
		require.Equal(t, fleet.News{Err: errReply}, newsOf(reply, nil), "%v", orders)
	}
	for i, most := range map[int]int64{0: maxMillis, 2: 1, 3: math.MaxInt32, 5: 1 << 53, 6: 1, 7: maxMillis} {
		reply := answer()
		reply[i] = most
		require.NoError(t, newsOf(reply, nil).Err, "element %d", i)
		reply[i] = most + 1
		require.ErrorIs(t, newsOf(reply, nil).Err, errReply, "element %d", i)
	}
}
