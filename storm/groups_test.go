package storm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

func ExampleClient() {
	odd := storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
		if client, ok := storm.Client(ctx); ok && client%2 == 1 {
			return errors.New("odd clients do not call")
		}
		return op(ctx)
	})
	_ = odd // a Doer for storm.Run

	_, ok := storm.Client(context.Background())
	fmt.Println(ok)
	// Output: false
}

// Four clients take turns: two of newDoer's, who do not retry, and two who make three attempts. All
// attempts fail for the middle second of three.
func TestGroups(t *testing.T) {
	s := storm.Scenario{
		Name: "mixed", Load: storm.Constant(100), For: 3 * time.Second, Clients: 2,
		Server:   storm.Server{Service: storm.Fixed(time.Millisecond)},
		Triggers: []storm.Trigger{{At: time.Second, For: time.Second, ErrorRatio: 1}},
		Groups: []storm.Group{{Name: "three tries", Clients: 2, NewDoer: func() storm.Doer {
			return holdfast.Must(holdfast.New("p", retry.Config{MaxRetries: 2, BaseDelay: time.Millisecond, Jitter: retry.NoJitter}))
		}}},
	}
	r := storm.Run(t, s, bare)
	require.Equal(t, 300, r.Total.Calls)
	require.Len(t, r.Groups, 2)
	once, thrice := r.Groups[0], r.Groups[1]
	require.Equal(t, "mixed", once.Scenario.Name)
	require.Equal(t, "three tries", thrice.Scenario.Name)
	require.Nil(t, once.Groups)
	for i, g := range r.Groups {
		require.Equal(t, 150, g.Total.Calls, "group %d", i)
		require.InDelta(t, 100, g.Total.Good, 1, "group %d", i)
		require.Len(t, g.Series, len(r.Series), "group %d", i)
		require.Zero(t, g.Total.Works, "the server is everybody's")
		_, ok := g.Recovered()
		require.False(t, ok, "not steady for 5 s")
	}
	require.Equal(t, 150, once.Total.Attempts)
	require.InDelta(t, 250, thrice.Total.Attempts, 3)
	require.Equal(t, r.Total.Attempts, once.Total.Attempts+thrice.Total.Attempts)
	require.Equal(t, r.Total.Good, once.Total.Good+thrice.Total.Good)
	require.Empty(t, once.Total.Denials)
	require.Equal(t, r.Total.Denials, thrice.Total.Denials)
	require.InDelta(t, 50, thrice.Total.Denials[resilience.ReasonExhausted], 2)
	for i := range r.Series {
		require.Equal(t, r.Series[i].Calls, once.Series[i].Calls+thrice.Series[i].Calls)
		require.Equal(t, r.Series[i].Attempts, once.Series[i].Attempts+thrice.Series[i].Attempts)
	}

	s.Groups = nil
	require.Nil(t, storm.Run(t, s, bare).Groups)
}

// A pipeline that both groups share is asked once for the whole, and once for each of them.
func TestGroupsThatShareADoer(t *testing.T) {
	shared := budgetedOnce()
	s := outage
	s.Groups = []storm.Group{{Name: "others", NewDoer: func() storm.Doer { return shared() }}}
	r := storm.Run(t, s, func() storm.Doer { return shared() })
	require.Equal(t, 6010, r.Total.Attempts)
	require.Equal(t, r.Total.Denials, r.Groups[0].Total.Denials)
	require.Equal(t, r.Total.Denials, r.Groups[1].Total.Denials)
}

// Each client's Doer gets the client's number, in the op too, and in every kind of load.
func TestClientNumbers(t *testing.T) {
	for _, load := range []storm.Load{storm.Constant(60), storm.Poisson(60), storm.Closed(6, storm.Fixed(100*time.Millisecond))} {
		made := 0
		calls := make([]int, 6)
		numbered := func() storm.Doer {
			number := made
			made++
			return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
				client, ok := storm.Client(ctx)
				if !ok || client != number {
					return fmt.Errorf("client %d, want %d", client, number)
				}
				calls[client]++
				return op(ctx)
			})
		}
		r := storm.Run(t, storm.Scenario{
			Load: load, For: 10 * time.Second, Clients: 4, Groups: []storm.Group{{Clients: 2, NewDoer: numbered}},
			Server: storm.Server{Service: storm.Fixed(time.Nanosecond)},
		}, numbered)
		require.Equal(t, r.Total.Calls, r.Total.Good)
		require.Equal(t, r.Total.Calls, sum(calls))
		for client, n := range calls {
			require.Positive(t, n, "client %d of %v", client, load)
		}
		require.Equal(t, sum(calls[4:]), r.Groups[1].Total.Calls)
	}
}
