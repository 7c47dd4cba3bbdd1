package fleet_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func TestIsolateForAll(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		t := c.t
		c.all(breaker.StateClosed)
		c.isolate(byAda)
		c.all(breaker.StateIsolated)
		until := time.Now().Add(time.Minute - time.Second).UTC().Format("2006-01-02T15:04")
		for _, p := range c.pods {
			err := p.pipeline.Do(t.Context(), func(context.Context) error { return nil })
			require.ErrorIs(t, err, breaker.ErrOpen)
			require.ErrorContains(t, err, `payments: circuit breaker is isolated by ada for the fleet: "card scheme down", until `+until)
			require.ErrorContains(t, p.breaker().Why(), `by ada for the fleet: "card scheme down", until `+until)
			require.Contains(t, holdfast.Check(t.Context(), p.pipeline, nil).Why, `breaker payments isolated by ada for the fleet: "card scheme down", until `+until)
			require.Len(t, p.log.with(`INFO isolated by ada for the fleet: "card scheme down", until `), 1)
			require.Equal(t, []string{"ada for the fleet: breaker payments closed → isolated"}, p.changes.take())
			s := p.fleet.Stats()
			require.True(t, s.Hands)
			require.Zero(t, s.Forged)
			require.Len(t, s.Services[0].Orders, 1)
			o := s.Services[0].Orders[0]
			require.WithinDuration(t, time.Now(), o.At, 2*time.Second)
			require.WithinDuration(t, o.At.Add(time.Minute), o.Until, 2*time.Second)
			require.Equal(t, fleet.OrderStats{Kind: fleet.OrderIsolate, By: "ada", Why: "card scheme down", At: o.At, Until: o.Until}, o)
		}
		require.Len(t, c.pods[0].log.with("INFO order for the fleet"), 1)
		time.Sleep(time.Minute - 3*time.Second)
		c.all(breaker.StateIsolated)
		time.Sleep(3 * time.Second)
		c.all(breaker.StateClosed)
		for _, p := range c.pods {
			require.Equal(t, []string{"ada's order for the fleet is over: breaker payments isolated → closed"}, p.changes.take())
			require.Len(t, p.log.with("INFO the order of ada for the fleet is over"), 1)
			require.Empty(t, p.fleet.Stats().Services[0].Orders)
		}
		time.Sleep(time.Hour)
		c.all(breaker.StateClosed)
		require.Empty(t, c.pods[0].changes.take())
	})
}

func TestTuneForAll(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		require.NoError(c.t, c.pods[1].fleet.Tune(c.t.Context(), service, fleet.Tuning{Ratio: 0.02}, byAda))
		hearAll()
		c.ratios(0.02)
		for _, p := range c.pods {
			require.Equal(c.t, []string{"ada for the fleet: budget ratio 0.1 → 0.02"}, p.changes.take())
			require.Len(c.t, p.log.with(`INFO budget ratio set to 0.02 by ada for the fleet: "card scheme down", until `), 1)
			require.Equal(c.t, fleet.OrderTune, p.fleet.Stats().Services[0].Orders[0].Kind)
			require.Equal(c.t, 0.02, p.fleet.Stats().Services[0].Orders[0].Ratio)
		}
		time.Sleep(time.Minute)
		c.ratios(0.1)
		require.Equal(c.t, []string{"ada's order for the fleet is over: budget ratio 0.02 → 0.1"}, c.pods[0].changes.take())
	})
}

func TestKeysAreReplacedWhilePodsRun(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.join(fleet.WithKey(newKey, key))
		c.isolate(byAda)
		c.all(breaker.StateIsolated)
	})
}

func TestResetForAll(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		c.isolate(byAda)
		c.pods[2].breaker().Isolate() // by hand, as well
		c.reset()
		c.all(breaker.StateClosed)
		for _, p := range c.pods {
			require.Contains(c.t, p.changes.take(), "bob for the fleet: breaker payments isolated → closed")
			require.Len(c.t, p.log.with(`INFO reset by bob for the fleet: "try again"`), 1)
		}
		time.Sleep(2 * time.Minute)
		c.all(breaker.StateClosed)
		require.Empty(c.t, c.pods[0].log.with("is over"), "there was nothing to undo")

		for _, p := range c.pods { // opened by its own rules, with outcomes
			for range 10 {
				_ = p.breaker().Do(c.t.Context(), func(context.Context) error { return errDown })
			}
		}
		c.all(breaker.StateOpen)
		c.reset()
		c.all(breaker.StateClosed)
		require.Zero(c.t, c.pods[1].breaker().Counts().Failures)
		c.withdraw(fleet.OrderIsolate)
		require.Empty(c.t, c.pods[1].log.with("withdrawn"), "a reset leaves nothing to withdraw")
	})
}

// A reset is carried out once, and for a minute by who hears of it later.
func TestAResetIsCarriedOutOnce(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.reset()
		c.pods[0].breaker().Isolate()
		hearAll()
		c.all(breaker.StateIsolated)
		late := c.join()
		late.breaker().Isolate()
		hearAll()
		require.Equal(c.t, breaker.StateClosed, late.breaker().State())
		time.Sleep(time.Minute)
		tooLate := c.join()
		tooLate.breaker().Isolate()
		hearAll()
		require.Equal(c.t, breaker.StateIsolated, tooLate.breaker().State())
	})
}

func TestWithdraw(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		c.withdraw(fleet.OrderIsolate) // there is nothing to withdraw
		c.withdraw(fleet.OrderTune)
		c.all(breaker.StateClosed)

		c.isolate(byAda)
		c.tune(0.02, time.Hour)
		c.pods[1].breaker().Reset()
		c.pods[2].breaker().Isolate()
		c.withdraw(fleet.OrderIsolate)
		require.Equal(c.t, breaker.StateClosed, c.pods[0].breaker().State())
		require.Equal(c.t, breaker.StateIsolated, c.pods[2].breaker().State(), "it was isolated by hand after that")
		require.Contains(c.t, c.pods[0].changes.take(), "bob for the fleet: breaker payments isolated → closed")
		require.Len(c.t, c.pods[0].log.with(`INFO isolate withdrawn by bob for the fleet: "it is up again"`), 1)
		c.ratios(0.02)
		c.withdraw(fleet.OrderTune)
		c.ratios(0.1)
		require.Empty(c.t, c.pods[0].fleet.Stats().Services[0].Orders)

		c.isolate(byAda)
		require.Equal(c.t, breaker.StateIsolated, c.pods[0].breaker().State(), "a later order holds again")
	})
}

// What somebody does by hand on one pod after the order stays for that pod.
func TestByHandOnOnePod(t *testing.T) {
	inCrew(t, 3, func(c *crew) {
		before := c.join()
		before.breaker().Isolate()
		hearAll()
		c.isolate(byAda)
		c.pods[1].breaker().Reset()
		c.pods[2].breaker().Isolate()
		hearAll()
		states := func() (all []breaker.State) {
			for _, p := range c.pods {
				all = append(all, p.breaker().State())
			}
			return all
		}
		const closed, isolated = breaker.StateClosed, breaker.StateIsolated
		require.Equal(c.t, []breaker.State{isolated, closed, isolated, isolated}, states())
		overruled := func(p *crewman) bool { return p.fleet.Stats().Services[0].Orders[0].Overruled }
		require.False(c.t, overruled(c.pods[0]))
		for _, p := range c.pods[1:] {
			require.True(c.t, overruled(p))
		}
		require.NoError(c.t, before.breaker().Why(), "it is isolated by hand")
		time.Sleep(2 * time.Minute)
		require.Equal(c.t, []breaker.State{closed, closed, isolated, isolated}, states())
	})
}

func TestATunedRatioThatSomebodyChangedStays(t *testing.T) {
	inCrew(t, 5, func(c *crew) {
		c.tune(0.02, time.Minute)
		c.ratios(0.02)
		byHand := func(ratio float64) holdfast.Tuning {
			return holdfast.Tuning{By: "bob", Budget: func(c *budget.Config) { c.Ratio = ratio }}
		}
		_, err := c.pods[1].pipeline.Tune(c.t.Context(), byHand(0.3))
		require.NoError(c.t, err)
		c.pods[2].changes.take()
		for _, same := range []holdfast.Tuning{byHand(0.02), {By: "bob", Stages: func(stages []resilience.Stage) {
			for i, s := range stages {
				if b, ok := s.(budget.Config); ok {
					b.Ratio, b.Burst = 0.02, 7
					stages[i] = b
				}
			}
		}}} {
			changes, err := c.pods[2].pipeline.Tune(c.t.Context(), same) // which leaves the ratio to the order
			require.NoError(c.t, err)
			for _, is := range changes {
				require.Equal(c.t, "Burst", is.Field, "the ratio is no change")
			}
		}
		require.Equal(c.t, 7, c.pods[2].pipeline.Budget().Config().Burst)
		update := func(p *crewman, ratio float64) {
			require.NoError(c.t, p.pipeline.Update(append([]resilience.Stage{holdfast.Observe(p.changes)}, stagesOf(ratio)...)...))
		}
		update(c.pods[3], 0.05)
		update(c.pods[4], 0.02) // to the very same
		hearAll()
		ratios := func() (all []float64) {
			for _, p := range c.pods {
				all = append(all, p.ratio())
			}
			return all
		}
		require.Equal(c.t, []float64{0.02, 0.3, 0.02, 0.05, 0.02}, ratios())
		require.True(c.t, c.pods[1].fleet.Stats().Services[0].Orders[0].Overruled)
		require.False(c.t, c.pods[2].fleet.Stats().Services[0].Orders[0].Overruled)
		time.Sleep(time.Minute)
		require.Equal(c.t, []float64{0.1, 0.3, 0.1, 0.05, 0.02}, ratios())
	})
}

// A later Tune replaces an earlier one, and what it returns to is what was there before both.
func TestATuneReplacesATune(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		c.tune(0.02, time.Hour)
		_, err := c.pods[1].pipeline.Tune(c.t.Context(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.3 }})
		require.NoError(c.t, err)
		c.tune(-1, time.Minute)
		c.ratios(-1)
		require.Len(c.t, c.pods[0].log.with("budget ratio set to 0 by ada"), 1)
		time.Sleep(time.Minute)
		require.Equal(c.t, 0.1, c.pods[0].ratio())
		require.Equal(c.t, 0.3, c.pods[1].ratio())
	})
}

// Other numbers leave a breaker isolated. An update that gives the service another breaker, as with
// one that was already built, has that isolated for the rest.
func TestABreakerThatIsReplacedIsIsolatedAsWell(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.isolate(byAda)
		p := c.pods[0]
		was := p.breaker()
		update := func(s resilience.Stage) {
			require.NoError(c.t, p.pipeline.Update(holdfast.Observe(p.changes), budget.Config{}, retry.Config{}, s))
		}
		update(breaker.Config{ConsecutiveFailures: 7})
		require.Equal(c.t, breaker.StateIsolated, p.breaker().State())
		other, err := breaker.New(breaker.Config{Name: "payments", ConsecutiveFailures: 7, Fleet: true})
		require.NoError(c.t, err)
		update(other)
		require.Equal(c.t, breaker.StateClosed, p.breaker().State())
		hearAll()
		c.all(breaker.StateIsolated)
		time.Sleep(time.Minute)
		c.all(breaker.StateClosed)
		require.Equal(c.t, breaker.StateClosed, was.State())
	})
}

// Whoever leaves goes by itself: nobody would end the order later.
func TestLeaveUndoesOrders(t *testing.T) {
	inCrew(t, 2, func(c *crew) {
		c.isolate(byAda)
		c.tune(0.02, time.Hour)
		c.pods[1].breaker().Isolate()
		for _, p := range c.pods {
			p.fleet.Leave()
			synctest.Wait()
			require.Equal(c.t, 0.1, p.ratio())
			require.Empty(c.t, p.fleet.Stats().Services[0].Orders)
		}
		require.Equal(c.t, breaker.StateClosed, c.pods[0].breaker().State())
		require.Equal(c.t, breaker.StateIsolated, c.pods[1].breaker().State(), "it was isolated by hand after that")
		require.Contains(c.t, c.pods[0].changes.take(), "ada's order for the fleet is over: breaker payments isolated → closed")
		late := c.join()
		hearAll()
		require.Equal(c.t, breaker.StateIsolated, late.breaker().State(), "the order goes on for others")
	})
}

// A tick that is at work while the pod leaves carries out nothing any more.
func TestLeaveWhileATickIsAtWork(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		c.isolate(byAda)
		c.store.fault.Store(&fault{after: func(n []fleet.News) []fleet.News { time.Sleep(100 * time.Millisecond); return n }})
		for after := time.Duration(0); after < time.Second; after += 20 * time.Millisecond {
			p := c.join()
			time.Sleep(after)
			p.fleet.Leave()
			hearAll()
			require.Equal(c.t, breaker.StateClosed, p.breaker().State(), "%v", after)
			c.pods = c.pods[:1]
		}
	})
}

// User code that orders run may call the fleet, block, and panic.
func TestObserversOfOrders(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		p := c.pods[0]
		stuck := make(chan struct{})
		defer close(stuck)
		observer := resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
			if e.Change == nil {
				return
			}
			p.fleet.Stats()
			_ = p.fleet.Withdraw(ctx, service, fleet.OrderIsolate, fleet.Order{By: "x", Why: "y"})
			if e.Change.Stage == "budget" {
				<-stuck
			}
			panic("an observer's bug")
		})
		require.NoError(c.t, p.pipeline.Update(append([]resilience.Stage{holdfast.Observe(observer)}, stagesOf(0.1)...)...))
		c.isolate(byAda)
		hearAll()
		c.all(breaker.StateClosed)
		c.tune(0.02, time.Minute)
		time.Sleep(2 * time.Minute)
		c.ratios(0.1)
		require.Zero(c.t, p.fleet.Stats().Misses)
	})
}

func TestAServiceWithoutABudgetIsNotTuned(t *testing.T) {
	inCrew(t, 1, func(c *crew) {
		p := c.pods[0]
		require.NoError(c.t, p.pipeline.Update(breaker.Config{}))
		c.tune(0.02, time.Minute)
		require.Nil(c.t, p.pipeline.Budget())
		require.NoError(c.t, p.pipeline.Update(append([]resilience.Stage{holdfast.Observe(p.changes)}, stagesOf(0.1)...)...))
		hearAll()
		c.ratios(0.02)
	})
}
