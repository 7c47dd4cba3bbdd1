package lazyctx_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
)

var (
	errLimit  = errors.New("the limit")
	errCaller = errors.New("the caller's cause")
)

// A Ctx and a standard ctx with the same deadline and parent answer the same after any sequence of
// operations.
func FuzzBesideAStandardCtx(f *testing.F) {
	f.Add([]byte{0, 1, 6, 2, 3})
	f.Add([]byte{1, 0, 0, 12, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		synctest.Test(t, func(t *testing.T) { beside(t, ops) })
	})
}

func TestBesideAStandardCtx(t *testing.T) {
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 16))
		ops := make([]byte, 2+rng.IntN(30))
		for i := range ops {
			ops[i] = byte(rng.IntN(256))
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { beside(t, ops) })
		})
	}
}

// side is one of the two: a ctx, what was made of it, and how to end it.
type side struct {
	ctx      context.Context
	end      func()
	endOuter func() // ends the parent; nil if it cannot end
	done     <-chan struct{}
	children []context.Context
	cancels  []context.CancelFunc
	stops    []func() bool
	called   []*atomic.Int32
}

type valueKey struct{}

// limit is how long both live. No other time here is a multiple of it.
const limit = time.Second + time.Microsecond

func beside(t *testing.T, ops []byte) {
	t.Helper()
	if len(ops) < 2 {
		return
	}
	ops = ops[:min(len(ops), 40)]
	lazy, standard := newSide(ops[0], true), newSide(ops[0], false)
	defer lazy.endAll()
	defer standard.endAll()
	began := time.Now()
	known := false // what came first: somebody looked, or it ended before the limit
	for i, op := range ops[1:] {
		passed := time.Since(began) >= limit
		switch op %= 16; {
		case op == 0 && lazy.endOuter != nil:
			lazy.endOuter()
			standard.endOuter()
			if passed && !known {
				if lazy.ctx.Err() == context.Canceled { // the caller goes first
					require.Equal(t, errCaller, context.Cause(lazy.ctx))
					return
				}
			}
			known = true
		case op == 1:
			lazy.end()
			standard.end()
			if passed && !known {
				if lazy.ctx.Err() == context.Canceled { // nobody looked before its End
					require.Equal(t, context.Canceled, context.Cause(lazy.ctx))
					return
				}
			}
			known = true
		case op <= 4:
			time.Sleep(time.Duration(op) * 173 * time.Millisecond)
		case op == 5:
			time.Sleep(limit - time.Since(began) + time.Duration(i)) // as near as it gets; negative: not at all
		default:
			if passed && !known {
				synctest.Wait()
				compareSides(t, lazy, standard)
			}
			known = true
			lazy.do(op, i)
			standard.do(op, i)
		}
		if known {
			synctest.Wait()
			compareSides(t, lazy, standard)
		}
	}
	synctest.Wait()
	compareSides(t, lazy, standard)
}

func newSide(kind byte, lazy bool) *side {
	s := &side{}
	parent := context.WithValue(context.Background(), valueKey{}, "value")
	switch kind % 7 {
	case 0:
	case 1:
		ctx, cancel := context.WithCancelCause(parent)
		parent, s.endOuter = ctx, func() { cancel(errCaller) }
	case 2:
		ctx, cancel := context.WithTimeout(parent, 3*limit/2)
		s.cancels = append(s.cancels, cancel)
		parent = ctx
	case 3:
		ctx, cancel := context.WithCancelCause(parent)
		parent, s.endOuter = foreign{ctx}, func() { cancel(errCaller) }
	case 4:
		ctx, cancel := context.WithCancelCause(parent)
		cancel(errCaller)
		parent = context.WithoutCancel(ctx)
	case 5, 6:
		ctx, cancel := parent, func(error) {}
		if kind%7 == 6 {
			ctx, cancel = context.WithCancelCause(parent)
			s.endOuter = func() { cancel(errCaller) }
		}
		if lazy {
			outer := lazyctx.New(ctx, mono.Now().Add(2*limit), errors.New("further out"))
			parent, s.cancels = outer, append(s.cancels, outer.End)
		} else {
			outer, stop := context.WithTimeoutCause(ctx, 2*limit, errors.New("further out"))
			parent, s.cancels = outer, append(s.cancels, stop)
		}
	}
	if lazy {
		ctx := lazyctx.New(parent, mono.Now().Add(limit), errLimit)
		s.ctx, s.end = ctx, ctx.End
		return s
	}
	s.ctx, s.end = context.WithTimeoutCause(parent, limit, errLimit)
	return s
}

// foreign hides a standard ctx from package context, except for its values.
type foreign struct{ of context.Context }

func (f foreign) Deadline() (time.Time, bool) { return f.of.Deadline() }
func (f foreign) Done() <-chan struct{} {
	done := make(chan struct{})
	if f.of.Err() != nil {
		close(done)
		return done
	}
	return f.of.Done()
}
func (f foreign) Err() error        { return f.of.Err() }
func (f foreign) Value(key any) any { return f.of.Value(key) }

func (s *side) do(op byte, i int) {
	n := len(s.children)
	switch op {
	case 6:
		s.done = s.ctx.Done()
	case 7:
		ctx, cancel := context.WithCancel(s.ctx)
		s.children, s.cancels = append(s.children, ctx), append(s.cancels, cancel)
	case 8:
		ctx, cancel := context.WithTimeout(s.ctx, 731*time.Millisecond)
		s.children, s.cancels = append(s.children, ctx), append(s.cancels, cancel)
	case 9:
		s.children = append(s.children, context.WithoutCancel(s.ctx), context.WithValue(s.ctx, valueKey{}, i))
	case 10:
		called := new(atomic.Int32)
		s.called = append(s.called, called)
		s.stops = append(s.stops, context.AfterFunc(s.ctx, func() { called.Add(1) }))
	case 11:
		if len(s.stops) > 0 && s.stops[i%len(s.stops)]() {
			s.called[i%len(s.stops)].Add(100)
		}
	case 12:
		if len(s.cancels) > 0 {
			s.cancels[i%len(s.cancels)]()
		}
	case 13:
		if n > 0 {
			ctx, cancel := context.WithCancel(s.children[i%n])
			s.children, s.cancels = append(s.children, ctx), append(s.cancels, cancel)
		}
	}
}

func (s *side) endAll() {
	s.end()
	for _, cancel := range s.cancels {
		cancel()
	}
	if s.endOuter != nil {
		s.endOuter()
	}
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func compareSides(t *testing.T, lazy, standard *side) {
	t.Helper()
	require.Equal(t, standard.ctx.Err(), lazy.ctx.Err())
	require.Equal(t, context.Cause(standard.ctx), context.Cause(lazy.ctx))
	is, ok := lazy.ctx.Deadline()
	want, _ := standard.ctx.Deadline()
	require.True(t, ok)
	require.Equal(t, want, is)
	require.Equal(t, "value", lazy.ctx.Value(valueKey{}))
	if lazy.done != nil {
		require.Equal(t, lazy.done, lazy.ctx.Done(), "the same at each call")
		require.Equal(t, ended(standard.done), ended(lazy.done))
	}
	for i, child := range lazy.children {
		twin := standard.children[i]
		require.Equal(t, twin.Err(), child.Err(), i)
		require.Equal(t, context.Cause(twin), context.Cause(child), i)
		require.Equal(t, ended(twin.Done()), ended(child.Done()), i)
		require.Equal(t, twin.Value(valueKey{}), child.Value(valueKey{}))
	}
	for i, called := range lazy.called {
		require.Equal(t, standard.called[i].Load(), called.Load(), i)
	}
}
