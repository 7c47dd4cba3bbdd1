package fleet_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// invalid is a Transport that says what is wrong with it.
type invalid struct{ fleet.Transport }

func (invalid) Validate() error { return errors.New("no client") }

func TestJoinNamesAllThatIsWrong(t *testing.T) {
	in := fleet.InProcess()
	for name, test := range map[string]struct {
		transport fleet.Transport
		fleet     string
		options   []fleet.Option
		want      []string
	}{
		"no transport":    {nil, "shop", nil, []string{"the transport", "want one, such as holdfastfleet.Redis(client)"}},
		"an invalid one":  {invalid{in}, "shop/eu", nil, []string{"no client", `"shop/eu"`}},
		"no name":         {in, "", nil, []string{"the fleet's name", "want 1 to 128 bytes without a slash"}},
		"a slash":         {in, "shop/eu", nil, []string{`"shop/eu"`, "without a slash"}},
		"no ctx":          {in, "shop", nil, []string{"ctx is nil"}},
		"bidi":            {in, "shop\u202epohs", nil, []string{`"shop\u202epohs"`, "all of them printable"}},
		"two lines":       {in, "shop\nshop", nil, []string{"all of them printable"}},
		"too long a name": {in, strings.Repeat("n", 129), nil, []string{"want 1 to 128 bytes"}},
		"no pod":          {in, "shop", []fleet.Option{fleet.WithPod("")}, []string{"WithPod", "want a name of 1 to 128 bytes"}},
		"too long a pod":  {in, "shop", []fleet.Option{fleet.WithPod(strings.Repeat("p", 129))}, []string{"WithPod"}},
		"no logger":       {in, "shop", []fleet.Option{fleet.WithLogger(nil)}, []string{"WithLogger", "want a logger"}},
		"a nil option":    {in, "shop", []fleet.Option{nil}, []string{"an option"}},
		"everything at once": {nil, "", []fleet.Option{fleet.WithPod(""), nil, fleet.WithLogger(nil)},
			[]string{"the transport", "the fleet's name", "WithPod", "an option", "WithLogger"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if name == "no ctx" {
				ctx = nil
			}
			f, err := fleet.Join(ctx, test.transport, test.fleet, test.options...)
			require.Nil(t, f)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	f, err := fleet.Join(t.Context(), in, strings.Repeat("n", 128), fleet.WithPod(strings.Repeat("p", 128)), fleet.WithLogger(slog.Default()))
	require.NoError(t, err)
	f.Leave()
	f.Leave()
}

// names returns the names of the services that the fleet follows.
func names(f *fleet.Fleet) (names []string) {
	for _, s := range f.Stats().Services {
		names = append(names, s.Name)
	}
	return names
}

func TestWhatAFleetFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop")
		require.NoError(t, err)
		defer f.Leave()
		time.Sleep(3 * time.Second)
		require.Empty(t, names(f))
		require.Equal(t, uint64(0), f.Stats().Misses, "a fleet without services lacks nothing")

		registry := holdfast.NewRegistry()
		f.Follow(nil)
		f.Add(nil, new(holdfast.Pipeline))
		f.Follow(registry)
		require.NoError(t, registry.Apply(holdfast.Services{
			"payments": {breaker.Config{Fleet: true}}, "mail": {retry.Default()}, "search": {breaker.Config{Name: "elastic", Fleet: true}},
		}))
		time.Sleep(time.Second)
		require.Equal(t, []string{"payments", "elastic"}, names(f), "sorted by service; without a breaker there is nothing to follow")

		shared, err := breaker.New(breaker.Config{Name: "shared"})
		require.NoError(t, err)
		two, err := holdfast.New("two", breaker.Config{}, retry.Default(), shared)
		require.NoError(t, err)
		same, err := holdfast.New("same", shared, retry.Default(), breaker.Config{Name: "two"}, breaker.Config{Name: "two"})
		require.NoError(t, err)
		f.Add(two, same, two)
		time.Sleep(time.Second)
		require.Equal(t, []string{"payments", "elastic", "two", "shared", "same/two", "same/two#2"}, names(f), "each breaker once, and no two names are the same")

		require.NoError(t, registry.Apply(holdfast.Services{"payments": {breaker.Config{MinRequests: 5, Fleet: true}}}))
		time.Sleep(time.Second)
		require.Equal(t, []string{"payments", "two", "shared", "same/two", "same/two#2"}, names(f), "one with other numbers is another breaker, of the same name")
		require.NoError(t, registry.Apply(holdfast.Services{}))
		time.Sleep(time.Second)
		require.Equal(t, []string{"two", "shared", "same/two", "same/two#2"}, names(f))
	})
}

func TestAFleetFollowsSomeServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := holdfast.NewRegistry()
		require.NoError(t, registry.Apply(holdfast.Services{"a": {breaker.Config{}}, "b": {breaker.Config{}}, "c": {breaker.Config{}}}))
		f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop")
		require.NoError(t, err)
		defer f.Leave()
		services := []string{"c", "a", "not there"}
		f.Follow(registry, services...)
		services[0] = "b"
		time.Sleep(time.Second)
		require.Equal(t, []string{"a", "c"}, names(f))
	})
}

// A pod that leaves is forgotten at once, and one that dies after five seconds.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, breaker.Config{}, fleet.InProcess())
		defer w.end()
		pods := func() uint64 { return w.pods[0].fleet.Stats().Services[0].Pods }
		time.Sleep(2 * time.Second)
		require.Equal(t, uint64(3), pods())
		w.pods[2].fleet.Leave()
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, uint64(2), pods())
	})
}

func TestAFleetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f, err := fleet.Join(ctx, fleet.InProcess(), "shop")
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		ticks := f.Stats().Ticks
		require.Positive(t, ticks)
		cancel()
		time.Sleep(5 * time.Second)
		require.LessOrEqual(t, f.Stats().Ticks, ticks+1)
		f.Leave()
	})
}

// What is done by hand stands above what a fleet says.
func TestAHandStandsAboveAFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pods = 10
		w := newWorld(t, pods, 4, breaker.Config{}, fleet.InProcess())
		defer w.end()
		time.Sleep(5 * time.Second)
		w.pods[0].breaker().Isolate()
		time.Sleep(30 * time.Second)
		require.Equal(t, map[breaker.State]int{breaker.StateIsolated: 1, breaker.StateClosed: pods - 1}, w.states())
		w.backend.down.Store(true)
		time.Sleep(10 * time.Second)
		require.Equal(t, resilience.StateIsolated, w.pods[0].breaker().State())
		w.backend.down.Store(false)
		w.pods[0].breaker().Reset()
		w.settle(breaker.StateClosed, 20*time.Second)
	})
}
