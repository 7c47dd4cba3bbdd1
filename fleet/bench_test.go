package fleet_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
)

// waitForNews returns once the fleet has heard of its services.
func waitForNews(tb testing.TB, f *fleet.Fleet) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		s := f.Stats()
		return len(s.Services) > 0 && s.Services[0].Pods > 0
	}, 10*time.Second, 10*time.Millisecond)
}

func nothing(context.Context) error { return nil }

// The two must not differ: nothing of a fleet is on a call's way.
func BenchmarkDo(b *testing.B) {
	for _, mode := range []string{"alone", "in a fleet"} {
		b.Run(mode, func(b *testing.B) {
			p, err := holdfast.New("checkout", holdfast.Critical()...)
			require.NoError(b, err)
			if mode == "in a fleet" {
				f, err := fleet.Join(b.Context(), fleet.InProcess(), "shop")
				require.NoError(b, err)
				defer f.Leave()
				f.Add(p)
				waitForNews(b, f)
			}
			ctx := b.Context()
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := p.Do(ctx, nothing); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
