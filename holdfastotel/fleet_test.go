package holdfastotel_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// fleetStore is a fleet's store that can be out of order.
type fleetStore struct {
	fleet.Transport
	gone atomic.Bool
}

func (s *fleetStore) Exchange(ctx context.Context, e fleet.Exchange) ([]fleet.News, error) {
	if s.gone.Load() {
		return nil, errors.New("no store")
	}
	return s.Transport.Exchange(ctx, e)
}

// join makes a pod of the fleet shop that reports to o and follows a breaker called checkout. It
// leaves when the test ends.
func join(t *testing.T, store fleet.Transport, o *holdfastotel.Observer) *fleet.Fleet {
	t.Helper()
	f, err := fleet.Join(context.Background(), store, "shop", fleet.WithKey([]byte("a key of the fleet, of 32 bytes!")), fleet.WithLogger(slog.New(slog.DiscardHandler)), fleet.WithObserver(o))
	require.NoError(t, err)
	t.Cleanup(f.Leave)
	f.Add(holdfast.Must(holdfast.New("checkout", budget.Config{Fleet: true}, retry.Default(), breaker.Config{})))
	return f
}

// followed makes a fleet that o follows, and waits until there are news.
func followed(t *testing.T, o *holdfastotel.Observer) {
	t.Helper()
	f := join(t, fleet.InProcess(), o)
	require.Eventually(t, func() bool {
		s := f.Stats().Services
		return len(s) > 0 && s[0].Age >= 0
	}, 10*time.Second, 10*time.Millisecond)
}

// A fleet that is given an Observer is reported, until it is left.
func TestAFleetIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSDK(t)
		o := s.observer(t)
		store := &fleetStore{Transport: fleet.InProcess()}
		f := join(t, store, o)
		o.Follow(f) // twice is once
		o.Follow(nil)
		<-time.After(5 * time.Second)
		const checkout = "{fleet.name=shop,fleet.service=checkout}"
		requirePoints(t, points{
			"fleet.apart{fleet.name=shop}": 0, "fleet.misses{fleet.name=shop}": 0, "fleet.pods" + checkout: 1,
			"fleet.pods_open" + checkout: 0, "fleet.probing" + checkout: 0, "fleet.banned" + checkout: 0,
		}, s.read(t))
		require.Len(t, s.read(t), 7+7+3+5)

		store.gone.Store(true)
		<-time.After(5 * time.Second)
		requirePoints(t, points{"fleet.apart{fleet.name=shop}": 1, "fleet.troubles{fleet.name=shop}": 1}, s.read(t))
		require.Len(t, s.read(t), 7+1+3+5, "the age of the news, what orders there are, what the pool has done, and nothing of a pipeline without a name")

		f.Leave()
		for name := range s.read(t) {
			require.False(t, strings.HasPrefix(name, "fleet."), name)
		}
	})
}

// A fleet's event adds nothing to a span: it is of no call.
func TestAFleetsEventIsInNoTrace(t *testing.T) {
	s := newSDK(t)
	o := s.observer(t)
	bound := o.ForPipeline(holdfast.Must(holdfast.New("payments", breaker.Config{})))
	require.Empty(t, s.events(t, func(ctx context.Context) {
		e := resilience.Event{Kind: resilience.EventFleet, Why: errDown, Fleet: &resilience.FleetChange{Name: "shop", Apart: true}}
		o.Observe(ctx, e)
		bound.Observe(ctx, e)
	}))
}

// After Close a fleet is not read any more.
func TestCloseEndsTheFleetsMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSDK(t)
		o := s.observer(t)
		followed(t, o)
		require.Contains(t, s.read(t), "fleet.apart{fleet.name=shop}")
		require.NoError(t, o.Close())
		require.NotContains(t, s.read(t), "fleet.apart{fleet.name=shop}")
	})
}
