package traps_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

var (
	errRefused = errors.New("connection refused")
	errDown    = resilience.MarkTransient(errRefused)
)

func failing(context.Context) error { return errDown }

// unexplained fails with an error that a classifier is asked about.
func unexplained(context.Context) error { return io.ErrUnexpectedEOF }

func working(context.Context) error { return nil }

// assembly is one way to put stages around a call.
type assembly struct {
	name  string
	build func(t *testing.T, stages ...resilience.Stage) resilience.Policy
}

var assemblies = []assembly{
	{"pipeline", func(t *testing.T, stages ...resilience.Stage) resilience.Policy {
		t.Helper()
		p, err := holdfast.New("payments", stages...)
		require.NoError(t, err)
		return p
	}},
	{"watched pipeline", func(t *testing.T, stages ...resilience.Stage) resilience.Policy {
		t.Helper()
		ignore := resilience.ObserverFunc(func(context.Context, resilience.Event) {})
		p, err := holdfast.New("payments", append([]resilience.Stage{holdfast.Observe(ignore)}, stages...)...)
		require.NoError(t, err)
		return p
	}},
	{"chain", func(t *testing.T, stages ...resilience.Stage) resilience.Policy {
		t.Helper()
		policies := make([]resilience.Policy, len(stages))
		for i, s := range stages {
			p, err := s.Build()
			require.NoError(t, err)
			policies[i] = p
		}
		return resilience.Chain(policies...)
	}},
}

// inEach runs f in a bubble of its own for each way to assemble the stages that f asks for.
func inEach(t *testing.T, f func(t *testing.T, assemble func(stages ...resilience.Stage) resilience.Policy)) {
	t.Helper()
	for _, a := range assemblies {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f(t, func(stages ...resilience.Stage) resilience.Policy { return a.build(t, stages...) })
			})
		})
	}
}

// took returns how long f took on the bubble's clock.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// survive runs f, which is expected to panic, and returns what it panicked with.
func survive(f func()) (reason any) {
	defer func() { reason = recover() }()
	f()
	return nil
}

// apart runs f on a goroutine of its own and waits for its end, so that f may end in Goexit.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
