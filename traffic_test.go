package holdfast_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/advice"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// What a fleet reads of a pipeline's calls is what its Snapshot says, and costs no allocation,
// however many keys there are.
func TestTrafficIsThatOfTheSnapshot(t *testing.T) {
	keyed, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, bulkhead.Config{})
	require.NoError(t, err)
	one, err := holdfast.New("one", bulkhead.Config{})
	require.NoError(t, err)
	same := func(p *holdfast.Pipeline) {
		t.Helper()
		s := p.Snapshot()
		begun, ended, failed := advice.Traffic(p)
		require.Equal(t, []uint64{s.Calls, s.Calls - s.Live, s.Failed}, []uint64{begun, ended, failed})
		require.Zero(t, testing.AllocsPerRun(10, func() { advice.Traffic(p) }))
	}
	same(one)
	same(keyed.Total())
	down := resilience.MarkTransient(context.DeadlineExceeded)
	for i := range 100 {
		op := func(context.Context) error {
			same(one)
			if i%3 == 0 {
				return down
			}
			return nil
		}
		_ = one.Do(t.Context(), op)
		_ = keyed.Do(t.Context(), strconv.Itoa(i), op)
	}
	same(one)
	same(keyed.Total())
	begun, ended, failed := advice.Traffic(one)
	require.Equal(t, []uint64{100, 100, 34}, []uint64{begun, ended, failed})
	for _, none := range []any{nil, (*holdfast.Pipeline)(nil), new(holdfast.Pipeline), "one"} {
		begun, ended, failed = advice.Traffic(none)
		require.Zero(t, begun+ended+failed)
	}
}
