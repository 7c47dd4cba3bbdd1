package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

var errInside = resilience.MarkRejected(errors.New("refused by a stage further in"))

// A pod whose probes come to nothing keeps the others out for a moment at most, though it is the
// first to get the lease: they hang, panic, or are refused before they reach the dependency.
func TestAHolderWhoseProbesComeToNothing(t *testing.T) {
	for shape, c := range map[string]breaker.Config{
		"rounds":       {ConsecutiveFailures: 5, OpenFor: 2 * time.Second, HalfOpenProbes: 1, ProbeTimeout: 3 * time.Second},
		"a MinOpenFor": {ConsecutiveFailures: 5, OpenFor: 2 * time.Second, MinOpenFor: 50 * time.Millisecond, HalfOpenProbes: 2, ProbeTimeout: 3 * time.Second},
	} {
		for how, probe := range map[string]func(end chan struct{}) error{
			"hang":    func(end chan struct{}) error { <-end; return errDown },
			"panic":   func(chan struct{}) error { panic("an op's bug") },
			"refused": func(chan struct{}) error { return errInside },
		} {
			t.Run(shape+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { holdInVain(t, c, probe) })
			})
		}
	}
}

func holdInVain(t *testing.T, c breaker.Config, probe func(end chan struct{}) error) {
	t.Helper()
	store, end := fleet.InProcess(), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	var down atomic.Bool
	var well []*breaker.Breaker
	var fleets []*fleet.Fleet
	join := func(pod string, opOf func(b *breaker.Breaker) resilience.Func) *breaker.Breaker {
		p, err := holdfast.New("payments", c)
		require.NoError(t, err)
		f, err := fleet.Join(ctx, store, "shop", fleet.WithPod(pod))
		require.NoError(t, err)
		f.Add(p)
		fleets = append(fleets, f)
		op := opOf(p.Breakers()[0])
		go func() {
			for ; ctx.Err() == nil; time.Sleep(250 * time.Millisecond) {
				go func() {
					defer func() { _ = recover() }()
					_ = p.Do(ctx, op)
				}()
			}
		}()
		return p.Breakers()[0]
	}
	call := func(context.Context) error {
		if down.Load() {
			return errDown
		}
		return nil
	}
	join("broken", func(b *breaker.Breaker) resilience.Func {
		return func(ctx context.Context) error {
			if b.State() != breaker.StateClosed {
				return probe(end)
			}
			return call(ctx)
		}
	})
	time.Sleep(5 * time.Second)
	for i := range 4 {
		well = append(well, join(fmt.Sprint("well ", i), func(*breaker.Breaker) resilience.Func { return call }))
	}
	time.Sleep(5 * time.Second)
	down.Store(true)
	time.Sleep(30 * time.Second)
	down.Store(false)
	time.Sleep(15 * time.Second)
	for i, b := range well {
		require.Equal(t, breaker.StateClosed, b.State(), "pod %d", i)
	}
	close(end)
	stop()
	for _, f := range fleets {
		f.Leave()
	}
	time.Sleep(time.Minute)
}
