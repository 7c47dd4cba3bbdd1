package breaker_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

func TestAnotherSharesNoState(t *testing.T) {
	first, err := breaker.New(breaker.Config{Name: "a", ConsecutiveFailures: 1})
	require.NoError(t, err)
	second := first.Another("b")
	want := first.Config()
	want.Name = "b"
	require.Equal(t, want, second.Config())
	second.Isolate()
	require.ErrorContains(t, second.Ready(), "b: circuit breaker is isolated")
	require.NoError(t, first.Ready())
	first.Isolate()
	second.Reset()
	require.ErrorContains(t, first.Ready(), "a: circuit breaker is isolated")
	require.NoError(t, second.Ready())
}

func ExampleBreaker_Another() {
	a, err := breaker.New(breaker.Config{Name: "a", ConsecutiveFailures: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := a.Another("b") // the same numbers
	_ = a.Do(context.Background(), func(context.Context) error {
		return resilience.MarkTransient(fmt.Errorf("down"))
	})
	fmt.Println(a.State(), b.State())
	// Output:
	// open closed
}
