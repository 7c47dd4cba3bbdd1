package traps_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// errNobodyKnows is one that every classifier is asked about.
var errNobodyKnows = errors.New("nobody knows")

// exiting leaves a user's code at a place by exit, as long as it is armed.
type exiting struct {
	at    string
	armed atomic.Bool
	hits  atomic.Int32
	exit  func()
}

func (e *exiting) pass(place string) {
	if place == e.at && e.armed.Load() {
		e.hits.Add(1)
		e.exit()
	}
}

func (e *exiting) Jitter(s retry.Step) time.Duration         { e.pass("jitter"); return s.Delay }
func (e *exiting) Observe(context.Context, resilience.Event) { e.pass("observer") }
func (e *exiting) Acquire(context.Context) error             { e.pass("acquire"); return nil }
func (e *exiting) Release(context.Context, error)            { e.pass("release") }
func (e *exiting) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(e, next) }
func (e *exiting) Build() (resilience.Policy, error)         { return e, nil }

type exitingTicket struct{ *exiting }

func (e exitingTicket) Wrap(next resilience.Func) resilience.Func {
	return resilience.WrapGuard(e, next)
}
func (e exitingTicket) Build() (resilience.Policy, error) { return e, nil }
func (e exitingTicket) Done(context.Context, resilience.Ticket, error) {
	e.pass("done")
}

func (e exitingTicket) Admit(context.Context) (resilience.Ticket, error) {
	e.pass("admit")
	return resilience.Ticket{}, nil
}

// Pins: wherever a user's code panics, or ends its goroutine, no place, permit or lock is kept, and
// once it does so no more, calls pass.
func TestAnExitAnywhereLeavesNothingBehind(t *testing.T) {
	for how, exit := range map[string]func(){"panic": func() { panic("exit") }, "Goexit": runtime.Goexit} {
		for _, at := range []string{
			"op", "the pipeline's classifier", "the loop's classifier", "the breaker's classifier", "RetryIf", "jitter",
			"backoff", "observer", "acquire", "release", "admit", "done",
		} {
			t.Run(how+"/"+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { exitAnywhere(t, &exiting{at: at, exit: exit}) })
			})
		}
	}
}

func exitAnywhere(t *testing.T, e *exiting) {
	t.Helper()
	says := func(place string, v resilience.Verdict) resilience.Classifier {
		return func(error) resilience.Verdict { e.pass(place); return v }
	}
	room, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1, MaxWait: time.Second})
	require.NoError(t, err)
	door, err := breaker.New(breaker.Config{
		ConsecutiveFailures: 3, HalfOpenProbes: 1, OpenFor: time.Second, ProbeTimeout: 2 * time.Second,
		Classify: says("the breaker's classifier", resilience.Unclassified),
	})
	require.NoError(t, err)
	p, err := holdfast.New("payments", holdfast.Observe(e), holdfast.SilenceUnclassified(),
		holdfast.Classify(says("the pipeline's classifier", resilience.Unclassified)),
		deadline.In(time.Minute), budget.Config{Burst: 100}, room, e, exitingTicket{e},
		retry.Config{
			RetryIf: func(error) bool { e.pass("RetryIf"); return true }, Jitter: e,
			Backoff: retry.BackoffFunc(func(int) time.Duration { e.pass("backoff"); return 1 }),
		}, door, deadline.In(time.Second))
	require.NoError(t, err)
	if e.at == "the loop's classifier" {
		err = p.Update(room, e, exitingTicket{e}, retry.Config{Classify: says(e.at, resilience.Transient)}, door)
		require.NoError(t, err)
	}

	e.armed.Store(true)
	for range 20 {
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			defer func() { _ = recover() }()
			_ = p.Do(t.Context(), func(context.Context) error { e.pass("op"); return errNobodyKnows })
		}()
		<-gone
		time.Sleep(700 * time.Millisecond)
	}
	require.Positive(t, e.hits.Load())
	e.armed.Store(false)
	require.Zero(t, room.Stats().InUse)
	require.Zero(t, p.Snapshot().Live)
	time.Sleep(time.Minute)
	require.NoError(t, p.Do(t.Context(), working))
	require.Equal(t, breaker.StateClosed, door.State())
}
