package config

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// checksOf runs a watcher's loop while notify signals changes, and returns when it checked the
// file, counted from the start.
func checksOf(t *testing.T, notify func(notified chan<- struct{}), given ...WatchOption) (checks []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := optionsFor(t, given...)
		ctx, cancel := context.WithCancel(t.Context())
		notified, done, start := make(chan struct{}), make(chan struct{}), time.Now()
		go func() {
			defer close(done)
			o.run(ctx, notified, func() { checks = append(checks, time.Since(start)) })
		}()
		notify(notified)
		<-time.After(65 * time.Second)
		cancel()
		<-done
	})
	return checks
}

func TestABurstIsOneCheck(t *testing.T) {
	checks := checksOf(t, func(notified chan<- struct{}) {
		for range 8 {
			notified <- struct{}{}
			<-time.After(90 * ms)
		}
		<-time.After(time.Second)
		notified <- struct{}{}
	}, WithPoll(-1))
	require.Equal(t, []time.Duration{7*90*ms + 100*ms, 8*90*ms + time.Second + 100*ms}, checks)
}

// Pins: a file that keeps changing is still read.
func TestAFileThatKeepsChanging(t *testing.T) {
	checks := checksOf(t, func(notified chan<- struct{}) {
		for range 100 {
			notified <- struct{}{}
			<-time.After(7 * ms)
		}
	}, WithDebounce(20*ms), WithPoll(-1))
	require.Equal(t, []time.Duration{200 * ms, 403 * ms, 606 * ms, 713 * ms}, checks)
}

func TestPoll(t *testing.T) {
	nothing := func(chan<- struct{}) {}
	require.Equal(t, []time.Duration{30 * time.Second, 60 * time.Second}, checksOf(t, nothing))
	require.Len(t, checksOf(t, nothing, WithPoll(10*time.Second)), 6)
	require.Empty(t, checksOf(t, nothing, WithPoll(-1)))
}

// Pins: a poll does not read the file in the middle of a burst, when it may be half written.
func TestPollWaitsForABurst(t *testing.T) {
	checks := checksOf(t, func(notified chan<- struct{}) {
		<-time.After(40*time.Second - 50*ms)
		notified <- struct{}{}
	}, WithDebounce(100*ms), WithPoll(40*time.Second))
	require.Equal(t, []time.Duration{40*time.Second + 50*ms, 80 * time.Second}, checks)
}
