package fleet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// for10 is an order for ten minutes.
var for10 = fleet.Order{By: "ada", Why: "card scheme down", For: 10 * time.Minute}

func skewed(d time.Duration) []fleet.Option {
	return []fleet.Option{fleet.WithKey(key), fleet.WithSkew(d)}
}

// isolatedFor lets time pass until the pod's breaker is closed, at most for a while.
func (p *crewman) isolatedFor(most time.Duration) time.Duration {
	p.t.Helper()
	began := time.Now()
	for p.breaker().State() == breaker.StateIsolated && time.Since(began) < most {
		time.Sleep(time.Second)
	}
	return time.Since(began)
}

func TestAPodThatJoinsLate(t *testing.T) {
	for _, skew := range []time.Duration{0, 4 * time.Minute, -4 * time.Minute} {
		inCrew(t, 1, func(c *crew) {
			c.isolate(for10)
			time.Sleep(6 * time.Minute)
			late := c.join(skewed(skew)...)
			hearAll()
			require.Equal(c.t, breaker.StateIsolated, late.breaker().State())
			require.InDelta(c.t, 4*time.Minute, late.isolatedFor(time.Hour), float64(5*time.Second), "for the rest of its time, by whatever clock")
			require.Equal(c.t, breaker.StateClosed, c.pods[0].breaker().State())
			later := c.join()
			hearAll()
			require.Equal(c.t, breaker.StateClosed, later.breaker().State(), "its time is over")
			require.Zero(c.t, later.fleet.Stats().Forged, "that is no fault")
			require.Empty(c.t, later.fleet.Stats().Services[0].Orders)
		})
	}
}

// Clocks that are apart by less than five minutes change nothing. Those that are further apart make
// a pod refuse the order, until they agree.
func TestSkewedClocks(t *testing.T) {
	for _, test := range []struct {
		issuer, pod time.Duration
		heeds       bool
	}{
		{0, 0, true},
		{0, 4 * time.Minute, true},
		{0, -4 * time.Minute, true},
		{4 * time.Minute, 0, true},
		{-4 * time.Minute, 0, true},
		{-2 * time.Minute, 2 * time.Minute, true},
		{0, 6 * time.Minute, false},
		{0, -6 * time.Minute, false},
		{6 * time.Minute, 0, false},
		{-6 * time.Minute, 0, false},
		{3 * time.Minute, -3 * time.Minute, false},
		{100 * 365 * 24 * time.Hour, 0, false},
		{-100 * 365 * 24 * time.Hour, 0, false},
	} {
		inCrew(t, 0, func(c *crew) {
			c.join(skewed(test.issuer)...)
			p := c.join(skewed(test.pod)...)
			hearAll()
			c.isolate(for10)
			require.Equal(c.t, breaker.StateIsolated, c.pods[0].breaker().State(), "an issuer agrees with itself")
			if !test.heeds {
				require.Equal(c.t, breaker.StateClosed, p.breaker().State(), "%v", test)
				require.NotZero(c.t, p.fleet.Stats().Forged)
				require.Len(c.t, p.log.with("WARN an order for the fleet was refused"), 1)
				require.Contains(c.t, p.log.with("WARN an order")[0], "not of one time")
				return
			}
			require.Equal(c.t, breaker.StateIsolated, p.breaker().State(), "%v", test)
			require.Zero(c.t, p.fleet.Stats().Forged)
			require.InDelta(c.t, for10.For, p.isolatedFor(time.Hour), float64(5*time.Second), "%v", test)
			require.InDelta(c.t, 0, c.pods[0].isolatedFor(time.Hour), float64(5*time.Second))
		})
	}
}

// Who gives an order knows of earlier ones by the store. So the last one holds, also if its
// issuer's clock is behind.
func TestTheLastOrderHolds(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		ahead := c.join(skewed(4 * time.Minute)...)
		behind := c.join(skewed(-4 * time.Minute)...)
		hearAll()
		between := c.pods[:2] // their clocks are right, and they agree with both
		require.NoError(c.t, ahead.fleet.Isolate(c.t.Context(), service, for10))
		hearAll()
		require.NoError(c.t, behind.fleet.Withdraw(c.t.Context(), service, fleet.OrderIsolate, fleet.Order{By: "bob", Why: "up"}))
		hearAll()
		require.Contains(c.t, behind.log.with("WARN order for the fleet")[0], "the store had one that this pod refuses: its date")
		for _, p := range between {
			require.Len(c.t, p.log.with("isolated by ada"), 1)
			require.Equal(c.t, breaker.StateIsolated, p.breaker().State(), "what is refused replaces nothing")
		}
	})
	inCrew(t, 2, func(c *crew) {
		ahead := c.join(skewed(2 * time.Minute)...)
		behind := c.join(skewed(-2 * time.Minute)...)
		hearAll()
		require.NoError(c.t, ahead.fleet.Isolate(c.t.Context(), service, for10))
		hearAll()
		c.all(breaker.StateIsolated)
		require.NoError(c.t, behind.fleet.Withdraw(c.t.Context(), service, fleet.OrderIsolate, fleet.Order{By: "bob", Why: "up"}))
		hearAll()
		c.all(breaker.StateClosed)
	})
}

// Two give orders at once: all pods agree in the end.
func TestTwoIssuersAtOnce(t *testing.T) {
	inCrew(t, 5, func(c *crew) {
		for round := range 20 {
			go func() { _ = c.pods[round%5].fleet.Isolate(c.t.Context(), service, for10) }()
			go func() {
				_ = c.pods[(round+1)%5].fleet.Reset(c.t.Context(), service, fleet.Order{By: "bob", Why: "try again"})
			}()
			hearAll()
			time.Sleep(6 * time.Second) // until an order that one of them wrote over is stored again
			state := c.pods[0].breaker().State()
			c.all(state)
		}
	})
}

// A store that loses an order gets it again from the first pod that notices, and whoever joins
// hears of it.
func TestAStoreThatIsFlushedWhileIsolated(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		c.isolate(for10)
		c.tune(0.02, 5*time.Minute)
		c.store.flush()
		late := c.join()
		time.Sleep(6 * time.Second)
		c.all(breaker.StateIsolated)
		c.ratios(0.02)
		require.InDelta(c.t, for10.For-10*time.Second, late.isolatedFor(time.Hour), float64(5*time.Second), "for the rest of its time")
		hearAll()
		c.all(breaker.StateClosed)
		c.ratios(0.1)
	})
}

// Without the store an order ends when its time is over, by the pods' own clocks, whatever the
// store does meanwhile.
func TestAnOrderEndsWithoutTheStore(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			inCrew(t, 2, func(c *crew) {
				c.isolate(for10)
				c.tune(0.02, 5*time.Minute)
				c.store.fault.Store(fault)
				time.Sleep(5 * time.Minute)
				c.all(breaker.StateIsolated)
				c.ratios(0.1)
				require.InDelta(c.t, 5*time.Minute, c.pods[0].isolatedFor(time.Hour), float64(10*time.Second))
				hearAll()
				c.all(breaker.StateClosed)
				c.store.fault.Store(nil)
				hearAll()
				hearAll()
				c.all(breaker.StateClosed)
			})
		})
	}
}

// A store that answers, but too late for a tick.
func TestAStoreThatHangsForEver(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.isolate(byAda)
		open := make(chan struct{})
		defer close(open)
		c.store.fault.Store(&fault{before: func(context.Context) error { <-open; return errStore }})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		c.all(breaker.StateClosed)
	})
}
