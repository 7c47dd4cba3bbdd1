package holdfast_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestBreakersOfAPipeline(t *testing.T) {
	names := func(p *holdfast.Pipeline) (names []string) {
		for _, b := range p.Breakers() {
			names = append(names, b.Config().Name)
		}
		return names
	}
	require.Nil(t, names(nil))
	require.Nil(t, names(new(holdfast.Pipeline)))
	require.Nil(t, (*holdfast.Pipeline)(nil).Breakers())

	none, err := holdfast.New("none", retry.Default())
	require.NoError(t, err)
	require.Empty(t, none.Breakers())

	shared, err := breaker.New(breaker.Config{Name: "shared"})
	require.NoError(t, err)
	two, err := holdfast.New("two", breaker.Config{}, retry.Default(), shared)
	require.NoError(t, err)
	require.Equal(t, []string{"two", "shared"}, names(two))
	shared.Isolate()
	require.Equal(t, breaker.StateIsolated, two.Breakers()[1].State())

	keyed, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, breaker.Config{}, shared)
	require.NoError(t, err)
	require.Equal(t, []string{"shared"}, names(keyed.Total()))
	require.Equal(t, []string{"hosts[a]", "shared"}, names(keyed.Get("a")))
}
