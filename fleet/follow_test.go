package fleet_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// alone returns a fleet of one pod, and its log.
func alone(t *testing.T, store fleet.Transport) (*fleet.Fleet, *logged) {
	t.Helper()
	log := newLogged()
	f, err := fleet.Join(t.Context(), store, "shop", fleet.WithLogger(slog.New(log)))
	require.NoError(t, err)
	t.Cleanup(f.Leave)
	return f, log
}

var (
	shares = breaker.Config{Fleet: true}
	keeps  = breaker.Config{}
	pooled = budget.Config{Fleet: true}
)

func TestWhoseBreakersAreFollowed(t *testing.T) {
	services := holdfast.Services{
		"a": {shares}, "b": {keeps}, "c": {breaker.Config{Name: "c outer", Fleet: true}, retry.Default(), breaker.Config{Name: "c inner"}}, "d": {retry.Default()},
	}
	for name, test := range map[string]struct {
		follow func(f *fleet.Fleet, r *holdfast.Registry)
		want   []string
	}{
		"without names":            {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r) }, []string{"a", "c outer"}},
		"no names, as a slice":     {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r, []string{}...) }, []string{"a", "c outer"}},
		"by name":                  {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r, "b", "c", "b") }, []string{"b", "c outer", "c inner"}},
		"a name that there is not": {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r, "") }, nil},
		"both":                     {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r); f.Follow(r, "b") }, []string{"a", "b", "c outer"}},
		"added":                    {func(f *fleet.Fleet, r *holdfast.Registry) { f.Add(r.MustGet("b")) }, []string{"b"}},
		"added and followed":       {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r); f.Add(r.MustGet("c")) }, []string{"a", "c outer", "c inner"}},
		"another registry's name":  {func(f *fleet.Fleet, r *holdfast.Registry) { f.Follow(r); f.Follow(holdfast.NewRegistry(), "b") }, []string{"a", "c outer"}},
		"none":                     {func(*fleet.Fleet, *holdfast.Registry) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := holdfast.NewRegistry()
				require.NoError(t, r.Apply(services))
				f, log := alone(t, fleet.InProcess())
				test.follow(f, r)
				time.Sleep(10 * time.Second)
				require.Equal(t, test.want, names(f))
				require.Empty(t, f.Stats().Idle)
				require.Zero(t, log.warnings.Load())
			})
		})
	}
}

// The field is looked at in each tick: a reload turns the fleet on and off, and the breaker stays.
func TestAReloadTurnsTheFleetOnAndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, store := holdfast.NewRegistry(), fleet.InProcess()
		f, _ := alone(t, store)
		other, _ := alone(t, store)
		apply := func(c breaker.Config) {
			require.NoError(t, r.Apply(holdfast.Services{"payments": {c}}))
			time.Sleep(2 * time.Second)
		}
		apply(keeps)
		f.Follow(r)
		other.Follow(r, "payments")
		time.Sleep(2 * time.Second)
		require.Empty(t, names(f))
		require.Error(t, r.MustGet("payments").Do(t.Context(), func(context.Context) error { return errDown }))
		for range 2 {
			apply(shares)
			require.Equal(t, []string{"payments"}, names(f))
			require.EqualValues(t, 2, other.Stats().Services[0].Pods)
			apply(keeps)
			require.Empty(t, names(f))
			require.EqualValues(t, 1, other.Stats().Services[0].Pods, "the pod has withdrawn its cell at once")
			require.EqualValues(t, 1, r.MustGet("payments").Breakers()[0].Counts().Failures)
		}
	})
}

// A fleet that has nothing to do says so once, and what to write.
func TestAFleetWithNothingToDoSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := holdfast.NewRegistry()
		f, log := alone(t, fleet.InProcess())
		apply := func(services holdfast.Services, after time.Duration) (idle string, warnings int64) {
			require.NoError(t, r.Apply(services))
			time.Sleep(after)
			return f.Stats().Idle, log.warnings.Swap(0)
		}
		f.Follow(r)
		idle, warnings := apply(holdfast.Services{}, time.Minute)
		require.Empty(t, idle, "without services there is nothing to wonder about")
		require.Zero(t, warnings)

		for range 2 {
			idle, warnings = apply(holdfast.Services{"a": {keeps}, "b": {retry.Default()}}, time.Second)
			require.Empty(t, idle, "the file may still come")
			require.Zero(t, warnings)
			time.Sleep(4 * time.Second)
			require.Contains(t, f.Stats().Idle, "write breaker: {fleet: on}")
			require.EqualValues(t, 1, log.warnings.Swap(0))
			time.Sleep(time.Minute)
			require.Zero(t, log.warnings.Swap(0), "once")
			require.Zero(t, f.Stats().Misses)

			idle, warnings = apply(holdfast.Services{"a": {shares}}, time.Second)
			require.Empty(t, idle)
			require.Zero(t, warnings)
		}
		idle, warnings = apply(holdfast.Services{"a": {pooled, retry.Default(), keeps}}, time.Minute)
		require.Empty(t, idle, "a budget is pooled")
		require.Zero(t, warnings)
		idle, warnings = apply(holdfast.Services{"a": {budget.Config{}, retry.Default(), keeps}}, time.Minute)
		require.NotEmpty(t, idle)
		require.EqualValues(t, 1, warnings)
		f.Follow(r, "a")
		time.Sleep(time.Second)
		require.Empty(t, f.Stats().Idle)
		require.Equal(t, []string{"a"}, names(f))
	})
}

// The breakers and budgets of a Keyed's keys are nobody's to follow, whatever their Config says.
func TestKeysAreNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, err := breaker.New(breaker.Config{Name: "shared"})
		require.NoError(t, err)
		hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, shared, pooled, retry.Default(), shares)
		require.NoError(t, err)
		hosts.Get("a")
		f, _ := alone(t, fleet.InProcess())
		f.Add(hosts.Total())
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"shared"}, names(f))
	})
}

type panicking struct{ slog.Handler }

func (panicking) Handle(context.Context, slog.Record) error { panic("a handler") }

func TestALogThatPanicsEndsNoFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := holdfast.NewRegistry()
		require.NoError(t, r.Apply(holdfast.Services{"a": {keeps}}))
		f, err := fleet.Join(t.Context(), fleet.InProcess(), "shop", fleet.WithLogger(slog.New(panicking{slog.Default().Handler()})))
		require.NoError(t, err)
		defer f.Leave()
		f.Follow(r)
		time.Sleep(20 * time.Second)
		require.NotEmpty(t, f.Stats().Idle)
		require.NoError(t, r.Apply(holdfast.Services{"a": {shares}}))
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"a"}, names(f))
	})
}
