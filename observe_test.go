package holdfast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// diary records events in words.
type diary []string

func (d *diary) Observe(_ context.Context, e resilience.Event) {
	line := fmt.Sprintf("%v attempt=%d %v", e.Kind, e.Attempt, e.Verdict)
	if e.Kind == resilience.EventGiveUp || e.Kind == resilience.EventCall {
		line = fmt.Sprintf("%v attempts=%d %v", e.Kind, e.Attempts, e.Verdict)
	}
	if e.Reason != resilience.ReasonNone {
		line += " " + e.Reason.String()
	}
	if e.Kind == resilience.EventBreaker {
		line = fmt.Sprintf("breaker %v→%v", e.From, e.To)
	}
	if e.Delay > 0 {
		line += " delay=" + e.Delay.String()
	}
	if e.Elapsed > 0 {
		line += " elapsed=" + e.Elapsed.String()
	}
	*d = append(*d, line)
}

func (d *diary) take() []string {
	lines := *d
	*d = nil
	return lines
}

func TestEventsTellTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		p := newPipeline(t, holdfast.Observe(&d), budget.Config{Floor: -1}, plain(3),
			breaker.Config{ConsecutiveFailures: 3, OpenFor: time.Second})
		do := func(op resilience.Func) error { return p.Do(t.Context(), op) }

		require.NoError(t, do(func(context.Context) error { time.Sleep(20 * time.Millisecond); return nil }))
		require.Equal(t, []string{"attempt attempt=1 success elapsed=20ms", "call attempts=1 success elapsed=20ms"}, d.take())

		op, _ := failing(1, errFlaky)
		require.NoError(t, do(op))
		require.Equal(t, []string{
			"attempt attempt=1 transient", "retry attempt=1 transient delay=100ms",
			"attempt attempt=2 success", "call attempts=2 success elapsed=100ms",
		}, d.take())

		op, _ = failing(99, errFlaky)
		err := do(op)
		require.ErrorIs(t, err, breaker.ErrOpen)
		require.ErrorIs(t, err, errFlaky)
		require.Equal(t, []string{
			"attempt attempt=1 transient", "retry attempt=1 transient delay=100ms",
			"attempt attempt=2 transient", "retry attempt=2 transient delay=200ms",
			"attempt attempt=3 transient", "breaker closed→open",
			"give_up attempts=3 transient breaker_open elapsed=300ms",
			"call attempts=3 rejected breaker_open elapsed=300ms",
		}, d.take())

		require.ErrorIs(t, do(op), breaker.ErrOpen)
		require.Equal(t, []string{
			"reject attempt=0 rejected breaker_open", "call attempts=0 rejected breaker_open",
		}, d.take())
		require.Equal(t, map[resilience.Reason]uint64{resilience.ReasonBreakerOpen: 2}, p.Snapshot().Denials)

		time.Sleep(p.Snapshot().Breakers[0].RetryAfter)
		for range 3 {
			require.NoError(t, do(func(context.Context) error { return nil }))
		}
		require.Equal(t, []string{
			"breaker open→half-open", "attempt attempt=1 success", "call attempts=1 success",
			"attempt attempt=1 success", "call attempts=1 success",
			"attempt attempt=1 success", "breaker half-open→closed", "call attempts=1 success",
		}, d.take())

		require.NoError(t, p.Update(holdfast.Observe(&d), retry.Config{}))
		require.Equal(t, []string{"update attempt=0 success"}, d.take())
	})
}

func TestAbortedCallIsReported(t *testing.T) {
	var d diary
	p := newPipeline(t, holdfast.Observe(&d), retry.Config{})
	require.Panics(t, func() { _ = p.Do(t.Context(), func(context.Context) error { panic("op") }) })
	require.Len(t, d, 1)
	require.Contains(t, d[0], "call attempts=1 unclassified aborted")
}

func TestSnapshotInJSON(t *testing.T) {
	p := newPipeline(t, budget.Config{Initial: -1, Floor: -1}, retry.Config{}, breaker.Config{})
	require.Error(t, p.Do(t.Context(), func(context.Context) error { return errFlaky }))
	require.Equal(t, uint64(1), p.Snapshot().Failed)
	text, err := json.Marshal(p.Snapshot())
	require.NoError(t, err)
	require.Contains(t, string(text), `"denials":{"budget_exhausted":1}`)
	require.Contains(t, string(text), `"state":"closed"`)
}

func TestSnapshotAmplification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, plain(2))
		require.Zero(t, p.Snapshot().Amplification)
		op, _ := failing(2, errFlaky)
		require.NoError(t, p.Do(t.Context(), op))
		require.Equal(t, errors.ErrUnsupported, p.Do(t.Context(), func(context.Context) error { return errors.ErrUnsupported }))
		s := p.Snapshot()
		require.Equal(t, uint64(2), s.Calls)
		require.Equal(t, uint64(4), s.Attempts)
		require.InDelta(t, 2, s.Amplification, 0)
		require.Empty(t, s.Denials)

		started, finish := make(chan struct{}), make(chan struct{})
		go func() {
			_ = p.Do(context.Background(), func(context.Context) error { close(started); <-finish; return nil })
		}()
		<-started
		require.Equal(t, uint64(1), p.Snapshot().Live)
		close(finish)
		synctest.Wait()
		require.Zero(t, p.Snapshot().Live)
	})
}
