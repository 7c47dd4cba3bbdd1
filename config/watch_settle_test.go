package config

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// settling runs what looks, and returns when it did, after the start.
func settling(t *testing.T, w watching, stir func(stirred chan<- struct{})) (looks []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, err := w.resolve()
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		stirred, done, start := make(chan struct{}), make(chan struct{}), time.Now()
		go func() {
			defer close(done)
			w.run(ctx, stirred, func() { looks = append(looks, time.Since(start)) })
		}()
		stir(stirred)
		<-time.After(65 * time.Second)
		cancel()
		<-done
	})
	return looks
}

func TestABurstIsOneLook(t *testing.T) {
	looks := settling(t, watching{poll: -1}, func(stirred chan<- struct{}) {
		for range 8 {
			stirred <- struct{}{}
			<-time.After(90 * ms)
		}
		<-time.After(time.Second)
		stirred <- struct{}{}
	})
	require.Equal(t, []time.Duration{7*90*ms + 100*ms, 8*90*ms + time.Second + 100*ms}, looks)
}

// Pins: what never comes to rest is looked at all the same.
func TestNoRest(t *testing.T) {
	looks := settling(t, watching{debounce: 20 * ms, poll: -1}, func(stirred chan<- struct{}) {
		for range 100 {
			stirred <- struct{}{}
			<-time.After(7 * ms)
		}
	})
	require.Equal(t, []time.Duration{200 * ms, 403 * ms, 606 * ms, 713 * ms}, looks)
}

func TestPoll(t *testing.T) {
	nothing := func(chan<- struct{}) {}
	require.Equal(t, []time.Duration{30 * time.Second, 60 * time.Second}, settling(t, watching{}, nothing))
	require.Len(t, settling(t, watching{poll: 10 * time.Second}, nothing), 6)
	require.Empty(t, settling(t, watching{poll: -1}, nothing))
}

// Pins: in the middle of a burst, when a file may be half written, it is not looked at only because the time has come.
func TestPollWaitsForABurst(t *testing.T) {
	looks := settling(t, watching{debounce: 100 * ms, poll: 40 * time.Second}, func(stirred chan<- struct{}) {
		<-time.After(40*time.Second - 50*ms)
		stirred <- struct{}{}
	})
	require.Equal(t, []time.Duration{40*time.Second + 50*ms, 80 * time.Second}, looks)
}

func TestWrongOptions(t *testing.T) {
	_, err := newOptions([]Option{Debounce(-1), Poll(-2), OnReload(nil), nil}).watching.resolve()
	require.EqualError(t, err, "config: Debounce is -1ns; want a positive duration, or 0 for the default (100ms)\n"+
		"config: Poll is -2ns; want a positive duration, 0 for the default (30s), or -1 for never")
}
