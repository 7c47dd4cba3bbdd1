package holdfast_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// The observers that hear of a change get the ctx of whoever asked for it, even if it has ended,
// and none of their own if nobody gave one.
func TestTheContextOfAReconcileReachesObservers(t *testing.T) {
	type key struct{}
	var heard []any
	r := holdfast.NewRegistry(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Kind == resilience.EventUpdate {
			heard = append(heard, ctx.Value(key{}))
		}
	}))
	set := func(retries int) holdfast.Services {
		return holdfast.Services{"a": {retry.Config{MaxRetries: retries}}, "b": {retry.Config{MaxRetries: retries}}}
	}
	require.NoError(t, r.Apply(set(1)))
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "mary"))
	cancel()
	c, err := r.ReconcileContext(ctx, set(2))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, c.Changed)
	_, err = r.Reconcile(set(3))
	require.NoError(t, err)
	require.Equal(t, []any{"mary", "mary", nil, nil}, heard)
}

func ExampleRegistry_ReconcileContext() {
	type by struct{}
	r := holdfast.NewRegistry(resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
		if e.Kind == resilience.EventUpdate {
			fmt.Println(e.Pipeline, "was changed by", ctx.Value(by{}))
		}
	}))
	ctx := context.WithValue(context.Background(), by{}, "mary")
	_, _ = r.ReconcileContext(ctx, holdfast.Services{"payments": {retry.Config{}}})
	_, _ = r.ReconcileContext(ctx, holdfast.Services{"payments": {retry.Config{MaxRetries: 5}}})
	// Output:
	// payments was changed by mary
}
