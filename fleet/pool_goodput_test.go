//go:build !race

package fleet_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
	"github.com/media-gateway/holdfast/storm"
)

// What pooled budgets gain and cost, in the lab: 100 pods of a call a second, with the Standard
// preset without its breaker, so that nothing but the budget differs, and with a budget that has a
// floor. It logs the tables of docs/fleet.md. It runs without the race detector, with which it
// takes a minute and finds nothing that the other tests do not.
func TestGoodputWithAndWithoutAPool(t *testing.T) {
	const before = 20 * time.Second
	var standard []resilience.Stage
	for _, s := range holdfast.Standard() {
		if _, ok := s.(breaker.Config); !ok {
			standard = append(standard, s)
		}
	}
	floor := []resilience.Stage{deadline.In(10 * time.Second), budget.Config{Ratio: 0.3, Floor: 5}, retry.Default(), deadline.In(2 * time.Second)}
	quick := storm.Server{Service: storm.Exponential(50 * time.Millisecond), Hop: storm.Fixed(time.Millisecond)}
	busy := storm.Server{Workers: 15, Service: storm.Exponential(100 * time.Millisecond), Hop: storm.Fixed(time.Millisecond)}
	type outcome struct{ goodput, amplification, after float64 }
	run := func(t *testing.T, stages []resilience.Stage, server storm.Server, trouble storm.Trigger, pooled bool) (o outcome) {
		t.Helper()
		trouble.At = before
		s := storm.Scenario{
			Seed: 31, Load: storm.Poisson(100), For: before + trouble.For + 20*time.Second, Clients: 100, Deadline: 10 * time.Second,
			Server: server, Triggers: []storm.Trigger{trouble},
		}
		store := fleet.InProcess()
		r := storm.Run(t, s, func() storm.Doer {
			stages := append([]resilience.Stage(nil), stages...)
			for i, stage := range stages {
				if c, ok := stage.(budget.Config); ok {
					c.Fleet = pooled
					stages[i] = c
				}
			}
			p := holdfast.Must(holdfast.New("checkout", stages...))
			ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), s.For-time.Second) // of the bubble; the storm waits for all goroutines
			f, err := fleet.Join(ctx, store, "shop", fleet.WithLogger(slog.New(slog.DiscardHandler)))
			if err != nil {
				stop()
				t.Error(err)
				return p
			}
			context.AfterFunc(ctx, stop)
			f.Add(p)
			return p
		})
		during := r.Between(before, before+trouble.For)
		return outcome{during.Goodput(), during.Amplification(), r.Between(before+trouble.For, s.For).Goodput()}
	}
	for _, test := range []struct {
		name    string
		stages  []resilience.Stage
		server  storm.Server
		trouble storm.Trigger
		least   float64 // by which the goodput rises, or by how much it may fall
		most    float64 // by which the amplification may rise, or has to fall
	}{
		{"Standard, 20 % fail", standard, quick, storm.Trigger{For: time.Minute, ErrorRatio: 0.2}, -0.002, 0.01},
		{"Standard, 50 % fail", standard, quick, storm.Trigger{For: time.Minute, ErrorRatio: 0.5}, -0.005, 0.03},
		{"Standard, 10 % lost each way", standard, quick, storm.Trigger{For: time.Minute, HopLoss: 0.1}, 0.005, 0.05},
		{"Standard, outage 10 s", standard, quick, storm.Trigger{For: 10 * time.Second, ErrorRatio: 1}, -0.01, 0.05},
		{"Standard, half the capacity that it takes", standard, busy, storm.Trigger{For: 30 * time.Second, CapacityLoss: 2. / 3}, -0.03, 0.1},
		{"30 % and 5/s, outage 10 s", floor, quick, storm.Trigger{For: 10 * time.Second, ErrorRatio: 1}, -0.1, -1},
		{"30 % and 5/s, half the capacity that it takes", floor, busy, storm.Trigger{For: 30 * time.Second, CapacityLoss: 2. / 3}, -0.01, -1},
	} {
		own, pooled := run(t, test.stages, test.server, test.trouble, false), run(t, test.stages, test.server, test.trouble, true)
		t.Logf("%s: goodput %.3f own, %.3f pooled; attempts per call %.2f own, %.2f pooled; goodput in the 20 s after %.3f own, %.3f pooled",
			test.name, own.goodput, pooled.goodput, own.amplification, pooled.amplification, own.after, pooled.after)
		require.GreaterOrEqual(t, pooled.goodput-own.goodput, test.least, test.name)
		require.LessOrEqual(t, pooled.amplification-own.amplification, test.most, test.name)
	}
}
