package holdfastfleet_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/holdfastfleet"
)

func TestJoinWantsAClient(t *testing.T) {
	for _, none := range []redis.UniversalClient{nil, (*redis.Client)(nil), (*redis.ClusterClient)(nil)} {
		f, err := holdfastfleet.Join(t.Context(), holdfastfleet.Redis(none), "shop/eu")
		require.Nil(t, f)
		require.ErrorContains(t, err, "the client of Redis")
		require.ErrorContains(t, err, `"shop/eu"`)
	}
}
