package policytest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

// named returns the check of that name, alone.
func named[T any](t *testing.T, checks []check[T], name string) []check[T] {
	t.Helper()
	for _, c := range checks {
		if c.name == name {
			return []check[T]{c}
		}
	}
	require.FailNow(t, "no such check", name)
	return nil
}

// sulky makes callers wait for its one place, and answers with an error of its own, which is no
// refusal, when their ctx ends.
type sulky struct{ impatient }

func (g sulky) Acquire(ctx context.Context) error {
	if err := g.impatient.Acquire(ctx); err != nil {
		return errors.New("then go")
	}
	return nil
}

func TestGuardThatHidesWhyItStoppedWaitingFails(t *testing.T) {
	said := objections(t, guardChecks, func() door { return door{Guard: sulky{impatient{make(chan struct{}, 1)}}} }, nil)
	const check = "stops waiting when ctx ends"
	require.Contains(t, said[check], "Acquire, when its ctx was canceled, returned then go; want the ctx's error, or a refusal")
	require.Contains(t, said[check], "Acquire, when its ctx timed out, returned then go; want the ctx's error, or a refusal")
}

// mindful makes callers wait for its one place, and runs no call whose ctx has ended meanwhile.
type mindful struct{ impatient }

func (g mindful) Acquire(ctx context.Context) error {
	if err := g.impatient.Acquire(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		g.Release(ctx, nil)
		return err
	}
	return nil
}

func (g mindful) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }

// A guard is not blamed for half of the calls: on another processor they may have been in time.
func TestGuardThatRunsHalfOfWhatHasEndedPasses(t *testing.T) {
	made := 0
	said := objections(t, named(t, guardChecks, "does not run what has ended"), func() door {
		place := impatient{make(chan struct{}, 1)}
		if made++; made%2 == 0 {
			return door{Guard: mindful{place}}
		}
		return door{Guard: place}
	}, nil)
	require.Empty(t, said)
}

// clumsy has two places, and admits nobody any more once it had two calls at a time. It takes none
// whose ctx has ended.
type clumsy struct {
	mu     sync.Mutex
	inside int
	jammed bool
}

func (g *clumsy) Acquire(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside == 2 || g.jammed {
		return errors.New("full")
	}
	g.inside++
	return nil
}

func (g *clumsy) Release(context.Context, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.jammed = g.jammed || g.inside == 2
	g.inside--
}

func (g *clumsy) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }

func TestGuardThatLeaksUnderConcurrentUseFails(t *testing.T) {
	said := objections(t, named(t, guardChecks, "concurrent use"), func() door { return door{Guard: &clumsy{}} }, nil)
	require.Contains(t, said["concurrent use"], "after concurrent use, with no call in flight, it admits none")
}

// Who was given up has left when the places are filled.
func TestFillLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 2, MaxWait: -1})
		require.NoError(t, err)
		h := fill(t.Context(), door{Guard: b})
		require.Equal(t, bulkhead.Stats{MaxConcurrent: 2, InUse: 2}, b.Stats())
		h.end()
	})
}

// An observer may keep some calls for a while, a ring of the last ones, say: up to half of them.
func TestObserverThatKeepsHalfOfTheCallsPasses(t *testing.T) {
	var keep []context.Context
	said := objections(t, named(t, observerChecks, "keeps nothing"), func() resilience.Observer {
		return resilience.ObserverFunc(func(ctx context.Context, e resilience.Event) {
			if e.Kind == resilience.EventCall && ctx.(*callCtx).call%2 == 1 { //nolint:forcetypeassert // it is the check's own
				keep = append(keep, ctx)
			}
		})
	}, nil)
	require.Empty(t, said)
	require.Len(t, keep, 5000)
}
