package breaker

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// untilHalfOpen waits, outside of a bubble, for the nanosecond that a breaker is open.
func untilHalfOpen(b *Breaker) {
	for b.State() == StateOpen {
		runtime.Gosched()
	}
}

// The timer exists only in half-open: there is none before a probe, and it is stopped with the
// round, whoever ends that. (It is a real one: in a bubble it would be left alone.)
func TestNoTimerOutlivesItsRound(t *testing.T) {
	down := resilience.MarkTransient(errors.New("down"))
	call := func(b *Breaker, err error) {
		_ = b.Do(context.Background(), func(context.Context) error { return err })
	}
	for name, end := range map[string]func(b *Breaker){
		"success": func(b *Breaker) { call(b, nil) },
		"failure": func(b *Breaker) { call(b, down) },
		"reset":   func(b *Breaker) { b.Reset() },
		"isolate": func(b *Breaker) { b.Isolate() },
	} {
		t.Run(name, func(t *testing.T) {
			b, err := New(Config{ConsecutiveFailures: 1, HalfOpenProbes: 2, OpenFor: 1, MaxOpenFor: 1, ProbeTimeout: time.Hour})
			require.NoError(t, err)
			call(b, down)
			untilHalfOpen(b)
			require.Nil(t, b.machine.status.Load().round)
			call(b, nil)
			r := b.machine.status.Load().round
			require.NotNil(t, r.timer)
			require.True(t, r.stoppable)
			end(b)
			require.NotSame(t, r, b.machine.status.Load().round)
			require.False(t, r.timer.Stop(), "it was stopped before")
		})
	}
}

// Where a probe may take for ever, there is none.
func TestNoTimerWithoutAProbeTimeout(t *testing.T) {
	b, err := New(Config{ConsecutiveFailures: 1, OpenFor: 1, MaxOpenFor: 1, ProbeTimeout: -1})
	require.NoError(t, err)
	_ = b.Do(context.Background(), func(context.Context) error { return resilience.MarkTransient(errors.New("down")) })
	untilHalfOpen(b)
	_ = b.Do(context.Background(), func(context.Context) error { return nil })
	require.Nil(t, b.machine.status.Load().round.timer)
}

// Each success on record, one in 16, first ones always, however the calls of a turn add up.
func TestWhichSuccessesAreTimed(t *testing.T) {
	n := (&Config{Window: time.Hour, Buckets: 1, MinRequests: 1, HalfOpenProbes: 1}).numbers()
	w := newWindow(ruled(&n), 0, false)
	var timed []int
	for i := range 64 {
		look, sample := w.success(1)
		require.False(t, look)
		if sample {
			timed = append(timed, i+1)
		}
	}
	require.Equal(t, []int{1, 2, 3, 4, 16, 32, 48, 64}, timed)
}

// A pause fits on the clock, however long it is said to be.
func TestOpenForStaysWithinTheClock(t *testing.T) {
	for _, base := range []time.Duration{1, time.Hour, 1 << 60, 1<<63 - 1} {
		for _, rounds := range []int32{0, 1, 100, 1_000_000} {
			pause := openFor(base, 1<<63-1, rounds)
			require.GreaterOrEqual(t, pause, min(base, forever))
			require.LessOrEqual(t, pause, time.Duration(forever))
		}
	}
	require.EqualValues(t, 3, openFor(3, 3, 0), "a quarter of 3 is less than 1")
	require.LessOrEqual(t, openFor(4, 4, 9), time.Duration(5))
}
