package holdfastotel_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
)

// What docs/observability.md shows.
func TestTheGuidesExample(t *testing.T) {
	require.NoError(t, observeCritical(t.Context(), succeed))
}

func observeCritical(ctx context.Context, charge resilience.Func) error {
	observer, err := holdfastotel.New()
	if err != nil {
		return err
	}
	payments, err := holdfast.New("payments", append([]resilience.Stage{holdfast.Observe(observer)}, holdfast.Critical()...)...)
	if err != nil {
		return err
	}
	defer observer.Close() //nolint:errcheck // the program ends
	return payments.Do(ctx, charge)
}
