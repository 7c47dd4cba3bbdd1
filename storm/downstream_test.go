package storm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// behind is a server of 30 ms of its own, which calls one of 50 ms.
func behind(d storm.Downstream) storm.Server {
	d.Server.Service = storm.Fixed(50 * ms)
	return storm.Server{Workers: 10, Service: storm.Fixed(30 * ms), Downstream: &d}
}

// The work takes as long as both parts, and the worker is held all the time: 10 of them do 125 a
// second.
func TestDownstreamTakesTime(t *testing.T) {
	r := storm.Run(t, storm.Scenario{Load: storm.Constant(100), For: 10 * time.Second, Server: behind(storm.Downstream{})}, bare)
	require.Equal(t, r.Total.Calls, r.Total.Good)
	require.Equal(t, 80*ms, r.Total.Max.Round(10*time.Microsecond))
	require.InDelta(t, 8, r.Total.InService, 0.1)
	down := r.Downstream
	require.Equal(t, "downstream", down.Scenario.Name)
	require.Equal(t, 1000, down.Total.Calls)
	require.Equal(t, 1000, down.Total.Good)
	require.Equal(t, 1000, down.Total.Attempts)
	require.Equal(t, 1000, down.Total.Works)
	require.Equal(t, 50*ms, down.Total.Max.Round(10*time.Microsecond))
	require.InDelta(t, 5, down.Total.InService, 0.1)
	require.Len(t, down.Series, len(r.Series))

	r = storm.Run(t, storm.Scenario{Load: storm.Constant(200), For: 10 * time.Second, Deadline: time.Second, Server: behind(storm.Downstream{})}, bare)
	require.InDelta(t, 125, float64(r.Between(5*time.Second, 10*time.Second).Works)/5, 3)

	require.Nil(t, storm.Run(t, storm.Scenario{Load: storm.Constant(200), For: time.Second}, bare).Downstream)
}

// Retries multiply: three attempts here and three there are nine at the end of the line, while all
// fail there; and each report tells its own part of it.
func TestRetriesMultiplyByHops(t *testing.T) {
	tries := func() storm.Doer {
		return holdfast.Must(holdfast.New("p", retry.Config{MaxRetries: 2, BaseDelay: time.Millisecond, Jitter: retry.NoJitter}))
	}
	var errs []error
	r := storm.Run(t, storm.Scenario{
		Load: storm.Constant(10), For: 30 * time.Second,
		Server: behind(storm.Downstream{
			Name: "database", NewDoer: tries,
			Triggers: []storm.Trigger{{At: 10 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
		}),
	}, func() storm.Doer {
		p := tries()
		return storm.DoerFunc(func(ctx context.Context, op resilience.Func) error {
			return p.Do(ctx, func(ctx context.Context) error {
				err := op(ctx)
				if err != nil {
					errs = append(errs, err)
				}
				return err
			})
		})
	})
	bad := r.Between(11*time.Second, 19*time.Second)
	require.InDelta(t, 3, bad.Amplification(), 0.05)
	down := r.Downstream.Between(11*time.Second, 19*time.Second)
	require.InDelta(t, 3*bad.Calls, down.Calls, 5)
	require.InDelta(t, 3, down.Amplification(), 0.05)
	require.Zero(t, down.Good)
	require.Equal(t, bad.Works, bad.Wasted, "the server worked, and then failed")
	for _, err := range errs {
		require.ErrorIs(t, err, storm.ErrFailed)
	}
	require.Equal(t, "database", r.Downstream.Scenario.Name)
	after, ok := r.Downstream.Recovered()
	require.True(t, ok)
	require.LessOrEqual(t, after, time.Second)
	require.Zero(t, r.Total.Denials)
	require.Positive(t, r.Downstream.Total.Denials[resilience.ReasonExhausted])
}

// Whatever the server's own Doer returns, to the caller it is the server that failed: an open
// breaker there is no breaker of the caller's.
func TestDownstreamErrorsAreTheServers(t *testing.T) {
	for _, returned := range []error{errors.New("any"), resilience.MarkRejected(errors.New("breaker open")), context.Canceled} {
		var errs []error
		r := storm.Run(t, storm.Scenario{Load: storm.Trace(0), For: time.Second, Server: behind(storm.Downstream{
			NewDoer: func() storm.Doer {
				return storm.DoerFunc(func(context.Context, resilience.Func) error { return returned })
			},
		})}, noting(&errs))
		require.Equal(t, []error{storm.ErrFailed}, errs)
		require.Equal(t, 1, r.Total.Works)
		require.Equal(t, 1, r.Total.Wasted)
		require.Equal(t, 1, r.Downstream.Total.Calls)
		require.Zero(t, r.Downstream.Total.Attempts)
	}
}

// A caller who leaves in the middle of the call behind: the server goes on, or stops, and ends the
// call's ctx.
func TestDownstreamWhenTheCallerLeaves(t *testing.T) {
	for _, stops := range []bool{false, true} {
		server := behind(storm.Downstream{Server: storm.Server{StopsWhenLeft: true}})
		server.StopsWhenLeft = stops
		r := storm.Run(t, storm.Scenario{Load: storm.Constant(10), For: 10 * time.Second, Deadline: 60 * ms, Server: server}, bare)
		require.Zero(t, r.Total.Good)
		require.Equal(t, 100, r.Downstream.Total.Calls)
		if stops {
			require.Zero(t, r.Downstream.Total.Works)
			require.InDelta(t, 0.6, r.Total.InService, 0.01)
		} else {
			require.Equal(t, 100, r.Downstream.Total.Works)
			require.Equal(t, 100, r.Total.Wasted)
			require.InDelta(t, 0.8, r.Total.InService, 0.01)
		}
	}
}

// What one server asks another when the storm ends is ended with it, whatever it waits for.
func TestDownstreamAtTheEnd(t *testing.T) {
	server := behind(storm.Downstream{Triggers: []storm.Trigger{{HopLoss: 1}}})
	r := storm.Run(t, storm.Scenario{Load: storm.Constant(100), For: time.Second, Deadline: 100 * ms, Server: server}, bare)
	require.Zero(t, r.Total.Good)
	require.Equal(t, 10, r.Downstream.Total.Calls, "as many as there are workers, for good")
	require.Zero(t, r.Downstream.Total.Good)
}

// What goes wrong behind the server is a trouble of the whole scenario, however far behind: its end
// counts, and the plot shades it.
func TestTroublesBehindTheServerCount(t *testing.T) {
	s := storm.Scenario{
		Load: storm.Constant(20), For: 40 * time.Second,
		Server: behind(storm.Downstream{Server: storm.Server{Downstream: &storm.Downstream{
			Triggers: []storm.Trigger{{At: 10 * time.Second, For: 10 * time.Second, ErrorRatio: 1}},
		}}}),
	}
	r := storm.Run(t, s, bare)
	for name, at := range map[string]*storm.Report{"first": r, "second": r.Downstream, "third": r.Downstream.Downstream} {
		rec := at.Recovery()
		require.Equal(t, storm.OutcomeRecovered, rec.Outcome, name)
		require.Equal(t, 20*time.Second, rec.End, name)
	}
	r.RequireRecoversWithin(t, time.Second)
	require.Contains(t, drawn(t, s), `class="trigger" x="115.0" y="46" width="115.0"`)
}

// A key, and the calls that feel a trigger, are the first caller's all the way down.
func TestDownstreamKnowsTheFirstCaller(t *testing.T) {
	for _, trigger := range []storm.Trigger{
		{Keys: storm.Range{To: 1}, ErrorRatio: 1},
		{Clients: storm.Range{To: 1}, ErrorRatio: 1},
		{Calls: 0.5, ErrorRatio: 1},
	} {
		r := storm.Run(t, storm.Scenario{
			Seed: 1, Load: storm.Constant(100), For: 20 * time.Second, Keys: 2, Clients: 2,
			Server: behind(storm.Downstream{Triggers: []storm.Trigger{trigger}}),
		}, threes)
		require.InDelta(t, 0.5, r.Total.Goodput(), 0.034, "three standard errors: %+v", trigger)
		require.Equal(t, r.Total.Calls+2*(r.Total.Calls-r.Total.Good), r.Total.Attempts, "all attempts of a call or none: %+v", trigger)
	}
}

// Servers behind each other, as many as there may be; one more, or one behind itself, is refused.
func TestLongChains(t *testing.T) {
	chain := func(servers int) (s storm.Server) {
		for range servers {
			s = storm.Server{Downstream: &storm.Downstream{Server: s}}
		}
		return s
	}
	play := func(s storm.Server) (*storm.Report, error) {
		s.Service = storm.Fixed(ms)
		return storm.Play(storm.Scenario{Load: storm.Constant(5), For: 2 * time.Second, Server: s}, bare)
	}
	r, err := play(chain(20))
	require.NoError(t, err)
	servers := 0
	for d := r.Downstream; d != nil; d = d.Downstream {
		require.Equal(t, 10, d.Total.Good)
		servers++
	}
	require.Equal(t, 20, servers)

	itself := &storm.Downstream{}
	itself.Server.Downstream = itself
	for _, s := range []storm.Server{chain(21), {Downstream: itself}} {
		_, err = play(s)
		require.EqualError(t, err, "storm: Server.Downstream is too long a chain; want at most 20 servers behind each other, none of them its own Downstream")
	}
}
