package storm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// numbers is a preset as the rivals need it. They are read out of the preset's stages, so
// that whoever changes a preset changes its rivals with it.
type numbers struct {
	preset string
	stages []resilience.Stage

	call, attempt time.Duration // the deadlines
	retries       int
	base, max     time.Duration // the pauses, doubling from one to the other

	ratio       float64 // the breaker's
	minRequests uint
	inARow      uint
	window      time.Duration
	openFor     time.Duration
	probes      uint
}

// The breakers of the rivals know one pause only. So they have the numbers that did best in the
// storms while the presets' breakers had a fixed pause as well (ADR 9).
const (
	fixedRatio  = 0.8
	fixedInARow = 20
	fixedPause  = time.Second
)

// jitter is the part of a pause by which it varies, wherever that can be said.
const jitter = 0.3

var presets = []struct {
	name   string
	stages func() []resilience.Stage
}{
	{"critical", holdfast.Critical},
	{"standard", holdfast.Standard},
	{"background", holdfast.Background},
}

func numbersOf(tb testing.TB, preset string, stages []resilience.Stage) numbers {
	tb.Helper()
	n := numbers{preset: preset, stages: stages}
	for _, s := range stages {
		switch s := s.(type) {
		case deadline.Config:
			if n.call == 0 {
				n.call = s.Limit
			}
			n.attempt = s.Limit
		case retry.Config:
			c, err := s.Resolve()
			require.NoError(tb, err)
			n.retries, n.base, n.max = c.MaxRetries, c.BaseDelay, c.MaxDelay
		case breaker.Config:
			c, err := s.Resolve()
			require.NoError(tb, err)
			n.ratio, n.minRequests, n.window = fixedRatio, uint(c.MinRequests), c.Window
			n.inARow = fixedInARow
			n.openFor, n.probes = fixedPause, uint(c.HalfOpenProbes)
		}
	}
	require.Positive(tb, n.retries)
	require.Less(tb, n.attempt, n.call)
	require.Positive(tb, n.ratio)
	return n
}
