package storm_test

import (
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// recipe is a policy as numbers; with variants each of them is changed.
type recipe struct {
	burst                 int
	ratio, slow, times    float64
	floor                 float64
	patient               bool
	wait                  float64 // of an attempt's time, for a place; below 0: no limit of attempts at all
	cut                   bulkhead.Adaptive
	breaker               *breaker.Config
	within, after, noBank bool
}

func (r recipe) stages(n numbers) []resilience.Stage {
	var loop retry.Config
	for _, s := range n.stages {
		if c, ok := s.(retry.Config); ok {
			loop = c
		}
	}
	loop.Patient, loop.QueueLimit = r.patient, 0
	all := []resilience.Stage{deadline.In(n.call)}
	if !r.noBank {
		all = append(all, budget.Config{
			Ratio: r.ratio, Floor: r.floor, Burst: r.burst, DepositOn: budget.AnySuccess,
			SlowCost: r.slow, RefundOnSuccess: true, SlowTimes: r.times,
		})
	}
	all = append(all, loop)
	limit := func() {
		if r.wait >= 0 {
			cut := r.cut
			all = append(all, bulkhead.Config{Adaptive: &cut, MaxWait: time.Duration(r.wait * float64(n.attempt))})
		}
	}
	if !r.after {
		limit()
	}
	if r.breaker != nil {
		all = append(all, *r.breaker)
	}
	if r.after {
		limit()
	}
	return append(all, deadline.In(n.attempt))
}

var base = recipe{burst: 8, ratio: 3, slow: 5, times: 3, floor: 0.5, wait: 1}

func but(change func(r *recipe)) func(n numbers) []resilience.Stage {
	r := base
	change(&r)
	return r.stages
}

func adaptiveBreaker(least, most time.Duration, probes int) *breaker.Config {
	return &breaker.Config{FailureRatio: 0.8, ConsecutiveFailures: 20, MinOpenFor: least, OpenFor: most, HalfOpenProbes: probes}
}

// variants are other ways to make a preset, by name.
var variants = map[string]func(n numbers) []resilience.Stage{
	"patience only": func(n numbers) []resilience.Stage {
		return with(n.stages, func(c *retry.Config) { c.Patient = true })
	},
	"ff":       but(func(r *recipe) {}),
	"p":        but(func(r *recipe) { r.patient = true }),
	"ff nolim": but(func(r *recipe) { r.wait = -1 }),
	"ff br1":   but(func(r *recipe) { r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 1) }),
	"ff br3":   but(func(r *recipe) { r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3) }),
	"p br1":    but(func(r *recipe) { r.patient = true; r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 1) }),
	"p br3":    but(func(r *recipe) { r.patient = true; r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3) }),
	"P":        but(func(r *recipe) { r.patient = true; r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3) }),
	"P b5": but(func(r *recipe) {
		r.patient = true
		r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3)
		r.burst = 5
	}),
	"P b12": but(func(r *recipe) {
		r.patient = true
		r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3)
		r.burst = 12
	}),
	"P t2": but(func(r *recipe) {
		r.patient = true
		r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3)
		r.times = 2
	}),
	"P w.5": but(func(r *recipe) {
		r.patient = true
		r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3)
		r.wait = 0.5
	}),
	"P f0": but(func(r *recipe) {
		r.patient = true
		r.breaker = adaptiveBreaker(100*time.Millisecond, 2*time.Second, 3)
		r.floor = -1
	}),
	"P m1s":    but(func(r *recipe) { r.patient = true; r.breaker = adaptiveBreaker(100*time.Millisecond, time.Second, 3) }),
	"P m50":    but(func(r *recipe) { r.patient = true; r.breaker = adaptiveBreaker(50*time.Millisecond, 2*time.Second, 3) }),
	"p nowait": but(func(r *recipe) { r.patient = true; r.wait = 0 }),
}

// with returns the stages with each C changed.
func with[C resilience.Stage](stages []resilience.Stage, change func(c *C)) []resilience.Stage {
	changed := make([]resilience.Stage, len(stages))
	for i, s := range stages {
		if c, ok := s.(C); ok {
			change(&c)
			s = c
		}
		changed[i] = s
	}
	return changed
}
