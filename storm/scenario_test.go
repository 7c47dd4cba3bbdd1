package storm

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func TestDefaults(t *testing.T) {
	s, err := Scenario{Load: Poisson(1), For: time.Second}.resolved()
	require.NoError(t, err)
	require.Equal(t, Scenario{
		Load: Poisson(1), For: time.Second,
		Server: Server{RefusalCost: 0.1}, Clients: 1, Bucket: time.Second, Steady: 5 * time.Second, Drain: time.Minute,
	}, s)
}

// Each problem names the field, the value, and what would be right; and all of them come at once.
func TestBadScenarios(t *testing.T) {
	minute := Scenario{Load: Poisson(1), For: time.Minute}
	with := func(change func(*Scenario)) Scenario {
		s := minute
		change(&s)
		return s
	}
	load := func(l Load) Scenario { return with(func(s *Scenario) { s.Load = l }) }
	server := func(server Server) Scenario { return with(func(s *Scenario) { s.Server = server }) }
	trigger := func(t Trigger) Scenario { return with(func(s *Scenario) { s.Triggers = []Trigger{{}, t} }) }
	for _, c := range []struct {
		scenario Scenario
		want     []string
	}{
		{Scenario{}, []string{
			"storm: Load is missing; want Poisson, Constant, Trace or Closed",
			"storm: For is 0s; want how long calls begin: more than 0, up to 1000h0m0s",
		}},
		{load(Poisson(-1)), []string{"storm: Load is -1; want a rate from 0 to 1e+06 a second", "storm: Load is Poisson, -1/s; want a rate above 0 at some time"}},
		{load(Constant(math.NaN())), []string{"Load is NaN"}},
		{load(Constant(math.Inf(1))), []string{"Load is +Inf"}},
		{load(Poisson(0)), []string{"want a rate above 0 at some time"}},
		{load(Poisson(1).RampTo(2, time.Second).RampTo(3, time.Second)), []string{"want each ramp to end after the one before it"}},
		{load(Poisson(1).Spike(2, time.Second, 0)), []string{"want a spike to begin at 0 or later, and to last"}},
		{load(Trace()), []string{"want at least one call in the trace"}},
		{load(Trace(1, -5)), []string{"Load is -5ns; want times of at least 0 in the trace"}},
		{load(Trace(1).RampTo(5, 5)), []string{"want no ramp and no spike"}},
		{load(Closed(0, Fixed(1))), []string{"want 1 to 100000 callers"}},
		{load(Closed(3, nil)), []string{"want callers who think for a while: Closed(3, Exponential(time.Second))"}},
		{load(Closed(3, TwoPoint{})), []string{"want callers who think for a while"}},
		{load(Closed(3, TwoPoint{Rare: 1})), []string{"want callers who think for a while"}},
		{load(Closed(3, TwoPoint{Usual: 1, Share: 1})), []string{"want callers who think for a while"}},
		{load(Closed(3, Normal{})), []string{"want callers who think for a while"}},
		{with(func(s *Scenario) { s.Load, s.For = Poisson(1e6), 101*time.Second }), []string{
			"Load is Poisson, 1e+06/s; want at most 100000000 calls, and not 101000000 as in a For of 1m41s",
		}},
		{with(func(s *Scenario) {
			s.Load, s.For, s.Bucket = Constant(0).Spike(1e6, 0, math.MaxInt64), maxFor, time.Hour
		}), []string{
			"want at most 100000000 calls, and not 3600000000000 as in a For of 1000h0m0s",
		}},
		{with(func(s *Scenario) { s.Clients = -1 }), []string{"Clients is -1; want 1 to 100000, or 0 for the default (1)"}},
		{with(func(s *Scenario) { s.Groups = []Group{{Clients: -1}} }), []string{
			"storm: Groups[0].Clients is -1; want 1 to 100000, or 0 for the default (1)",
			"storm: Groups[0].NewDoer is nil; want a function that makes a Doer",
		}},
		{with(func(s *Scenario) { s.Groups = []Group{{Clients: maxClients, NewDoer: func() Doer { return Bare }}} }), []string{
			"storm: Groups is 100001 clients; want at most 100000 in all",
		}},
		{with(func(s *Scenario) { s.Deadline = -1 }), []string{"Deadline is -1ns; want a positive duration, or 0 for none"}},
		{with(func(s *Scenario) { s.Bucket = -1 }), []string{"Bucket is -1ns"}},
		{with(func(s *Scenario) { s.Bucket = 10 }), []string{"Bucket is 10ns; want at least 1µs"}},
		{with(func(s *Scenario) { s.For, s.Bucket = 100*time.Hour, 10*time.Millisecond }), []string{"Bucket is 10ms; want at least 1µs, and at most 1000000 buckets"}},
		{with(func(s *Scenario) { s.Bucket, s.Steady, s.Drain = maxFor+1, maxFor+1, maxFor+1 }), []string{
			"Bucket is 1000h0m0.000000001s; want a positive duration and up to 1000h0m0s, or 0 for the default (1s)",
			"Steady is 1000h0m0.000000001s; want a positive duration and up to 1000h0m0s, or 0 for the default (5s)",
			"Drain is 1000h0m0.000000001s; want a positive duration and up to 1000h0m0s, or 0 for the default (1m0s)",
		}},
		{trigger(Trigger{Slowdown: 0.9e-6}), []string{"Triggers[1].Slowdown is 9e-07; want a factor from 1e-6 to 1e6, or 0 for 1"}},
		{trigger(Trigger{Slowdown: math.NaN()}), []string{"Triggers[1].Slowdown is NaN"}},
		{with(func(s *Scenario) { s.Steady, s.Drain = -1, -1 }), []string{"Steady is -1ns", "Drain is -1ns"}},
		{server(Server{Workers: -1, QueueLimit: -2, PerInFlight: -1}), []string{
			"Server.Workers is -1; want 1 to 1000000, or 0 for any number",
			"Server.QueueLimit is -2; want a number of places, 0 for no limit, or -1 for none",
			"Server.PerInFlight is -1ns; want at least 0",
		}},
		{server(Server{RefusalCost: 1.5}), []string{"Server.RefusalCost is 1.5; want a number above 0 and up to 1, 0 for the default (0.1), or -1 for nothing"}},
		{server(Server{RefusalCost: math.NaN()}), []string{"Server.RefusalCost is NaN"}},
		{server(Server{RetryAfter: -1, Overload: true}), []string{"Server.RetryAfter is -1ns; want a positive duration"}},
		{server(Server{RetryAfter: time.Second}), []string{"Server.RetryAfter is 1s; want 0 where a refusal is no Overload, or Overload set"}},
		{server(Server{QueueLimit: 5}), []string{"Server.QueueLimit is 5; want 0 where nobody waits"}},
		{server(Server{Service: Exponential(-1), Hop: Fixed(-1)}), []string{"Server.Service is -1ns", "Server.Hop is -1ns"}},
		{server(Server{Service: (*LogNormal)(nil), Hop: drawn(nil)}), []string{
			"Server.Service is *storm.LogNormal(nil); want a Distribution, or nil of no type for no time",
			"Server.Hop is storm.drawn(nil); want",
		}},
		{load(Closed(1, (*Fixed)(nil))), []string{"Load is *storm.Fixed(nil)"}},
		{server(Server{Service: LogNormal{}}), []string{"Server.Service.Median is 0s"}},
		{server(Server{Service: LogNormal{Median: 2, P99: 1}}), []string{"Server.Service.P99 is 1ns; want at least Median (2ns)"}},
		{server(Server{Service: TwoPoint{Share: 1.5, Rare: -1}}), []string{"want times of at least 0", "Server.Service.Share is 1.5; want a share from 0 to 1"}},
		{server(Server{Service: Normal{Deviation: -1}}), []string{"Server.Service.Deviation is -1ns"}},
		{trigger(Trigger{At: time.Minute, For: -1, ErrorRatio: 2, Slowdown: -1, Latency: -1, CapacityLoss: math.NaN()}), []string{
			"Triggers[1].At is 1m0s; want a time from 0 up to the scenario's For (1m0s)",
			"Triggers[1].For is -1ns",
			"Triggers[1].ErrorRatio is 2; want a share from 0 to 1",
			"Triggers[1].CapacityLoss is NaN",
			"Triggers[1].Slowdown is -1",
			"Triggers[1].Latency is -1ns",
		}},
		{server(Server{Downstream: &Downstream{Server: Server{Workers: -1, Downstream: &Downstream{Server: Server{PerInFlight: -1}}}, Triggers: []Trigger{{}, {CapacityLoss: 1}}}}), []string{
			"Server.Downstream.Server.Workers is -1; want 1 to 1000000, or 0 for any number",
			"Server.Downstream.Server.Downstream.Server.PerInFlight is -1ns; want at least 0",
		}},
		{server(Server{Workers: 1, Downstream: &Downstream{Triggers: []Trigger{{}, {CapacityLoss: 1}}}}), []string{
			"Server.Downstream.Triggers[1].CapacityLoss is 1; want 0 where the server has no number of Workers",
		}},
		{server(Server{Workers: 1, Queue: CoDel{Target: -1, Interval: -2}}), []string{
			"Server.Queue.Target is -1ns; want a positive duration and up to 1000h0m0s, or 0 for the default (5ms)",
			"Server.Queue.Interval is -2ns",
		}},
		{server(Server{Workers: 1, Queue: AdaptiveLIFO{Target: time.Second}}), []string{"Server.Queue.Target is 1s; want at most Interval (100ms)"}},
		{server(Server{Queue: LIFO{}}), []string{"Server.Queue is {}; want nil where nobody waits: there is a worker for each"}},
		{trigger(Trigger{For: time.Second, Ramp: 2 * time.Second}), []string{"Triggers[1].Ramp is 2s; want a positive duration up to the trigger's For"}},
		{trigger(Trigger{Every: time.Second}), []string{"Triggers[1].Every is 1s; want at least the trigger's For, which it needs"}},
		{trigger(Trigger{For: 2 * time.Second, Every: time.Second}), []string{"Triggers[1].Every is 1s; want at least the trigger's For"}},
		{trigger(Trigger{For: 1, Every: 1}), []string{"Triggers[1].Every is 1ns; want at most 100000 begins within the scenario's For (1m0s)"}},
		{trigger(Trigger{For: time.Second, Times: 2}), []string{"Triggers[1].Times is 2; want 1 or more where there is an Every, or 0"}},
		{trigger(Trigger{For: time.Second, Every: time.Second, Times: -1}), []string{"Triggers[1].Times is -1"}},
		{trigger(Trigger{Clients: Range{0, 2}, Keys: Range{0, 1}, Calls: 1.1, HopLatency: -1, HopLoss: 2}), []string{
			"Triggers[1].Clients is {0 2}; want a range within the scenario's 1 clients",
			"Triggers[1].Keys is {0 1}; want a range within the scenario's 0 keys",
			"Triggers[1].Calls is 1.1; want a share from 0 to 1",
			"Triggers[1].HopLatency is -1ns; want at least 0",
			"Triggers[1].HopLoss is 2; want a share from 0 to 1",
		}},
		{trigger(Trigger{Clients: Range{1, 1}}), []string{"Triggers[1].Clients is {1 1}"}},
		{trigger(Trigger{Clients: Range{-1, 1}}), []string{"Triggers[1].Clients is {-1 1}"}},
		{with(func(s *Scenario) {
			s.Server.Workers, s.Triggers = 1, []Trigger{{CapacityLoss: 1, Calls: 0.5}}
		}), []string{"Triggers[0].CapacityLoss is 1; want 0 in a trigger for some calls: the workers are everybody's"}},
		{with(func(s *Scenario) { s.Keys = -1 }), []string{"Keys is -1; want 1 to 1000000000, or 0 for none"}},
		{trigger(Trigger{CapacityLoss: 0.5}), []string{"Triggers[1].CapacityLoss is 0.5; want 0 where the server has no number of Workers"}},
	} {
		_, err := c.scenario.resolved()
		require.Error(t, err, "want %q", c.want)
		require.Len(t, strings.Split(err.Error(), "\n"), len(c.want), err)
		for _, want := range c.want {
			require.ErrorContains(t, err, want)
		}
		var field *resilience.FieldError
		require.ErrorAs(t, err, &field)
	}
}

func TestNoDoer(t *testing.T) {
	for want, newDoer := range map[string]func() Doer{
		"storm: newDoer is nil; want a function that makes a Doer": nil,
		"storm: newDoer returned <nil>(nil); want a Doer":          func() Doer { return nil },
		"storm: newDoer returned storm.DoerFunc(nil); want a Doer": func() Doer { return DoerFunc(nil) },
		"storm: newDoer returned *holdfast.Pipeline(nil); want a Doer": func() Doer {
			p, _ := holdfast.New("") // its error says why; here it is forgotten
			return p
		},
	} {
		require.EqualError(t, newLab(Scenario{Clients: 1, Bucket: 1}).hire(newDoer), want)
	}
	groups := []Group{{Clients: 1, NewDoer: func() Doer { return Bare }}, {Clients: 1, NewDoer: func() Doer { return nil }}}
	require.EqualError(t, newLab(Scenario{Clients: 1, Bucket: 1, Groups: groups}).hire(func() Doer { return Bare }),
		"storm: Groups[1].NewDoer returned <nil>(nil); want a Doer")
	require.EqualError(t, newLab(Scenario{Clients: 1, Bucket: 1, Groups: groups}).hire(func() Doer { return nil }),
		"storm: newDoer returned <nil>(nil); want a Doer\nstorm: Groups[1].NewDoer returned <nil>(nil); want a Doer")
	behind := Server{Downstream: &Downstream{Name: "database", NewDoer: func() Doer { return DoerFunc(nil) }}}
	require.EqualError(t, newLab(Scenario{Clients: 1, Bucket: 1, Server: behind}).hire(func() Doer { return Bare }),
		`storm: NewDoer of "database" returned storm.DoerFunc(nil); want a Doer`)
}

func TestJustWithinBounds(t *testing.T) {
	for _, s := range []Scenario{
		{Load: Poisson(1e6), For: 100 * time.Second},
		{Load: Closed(1, TwoPoint{Rare: 1, Share: 0.01}), For: 1},
		{Load: Closed(1, TwoPoint{Usual: 1}), For: 1},
		{Load: Closed(1, Normal{Deviation: 1}), For: 1},
		{Load: Poisson(1), For: maxFor, Bucket: maxFor, Steady: maxFor, Drain: maxFor, Triggers: []Trigger{{Slowdown: 1e-6}, {Slowdown: 1e6}}},
	} {
		_, err := s.resolved()
		require.NoError(t, err, "%+v", s)
	}
}

// ownDistribution cannot be compared.
type ownDistribution []time.Duration

func (d ownDistribution) Draw(rnd *rand.Rand) time.Duration { return d[rnd.IntN(len(d))] }

// drawn is a function that is a Distribution.
type drawn func(rnd *rand.Rand) time.Duration

func (d drawn) Draw(rnd *rand.Rand) time.Duration { return d(rnd) }

// Distributions of one's own may be of any type and draw anything: no time below 0 is taken, and
// none beyond all bounds.
func TestOwnDistributions(t *testing.T) {
	own := ownDistribution{math.MinInt64, math.MaxInt64}
	_, err := Scenario{Load: Closed(1, own), For: 1, Server: Server{Hop: own, Service: own}}.resolved()
	require.NoError(t, err)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		require.Contains(t, []time.Duration{0, maxFor}, draw(own, rnd))
	}
	require.Equal(t, maxFor, longest(math.Inf(1)))
	require.Equal(t, maxFor, longest(math.NaN()))
}

// What is longer than a Duration can say is as long as any scenario lasts, and not no time at all.
func TestTimesThatAreTooLong(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, d := range []Distribution{
		Fixed(math.MaxInt64), Exponential(math.MaxInt64), Normal{Mean: math.MaxInt64, Deviation: math.MaxInt64},
		Normal{Mean: math.MinInt64}, LogNormal{Median: math.MaxInt64, P99: math.MaxInt64}, LogNormal{Median: 1, P99: math.MaxInt64},
	} {
		for range 100 {
			require.GreaterOrEqual(t, draw(d, rnd), time.Duration(0), "%T%+v", d, d)
			if d != (LogNormal{Median: 1, P99: math.MaxInt64}) { // whose other half takes no time
				require.Greater(t, draw(d, rnd), time.Hour, "%T%+v", d, d)
			}
		}
	}
	require.Equal(t, spike{rate: 2, from: 1, to: math.MaxInt64}, Poisson(1).Spike(2, 1, math.MaxInt64).spikes[0])
}
