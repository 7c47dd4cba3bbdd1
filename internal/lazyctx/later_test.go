package lazyctx_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/internal/mono"
)

func TestNoLimitNeedsNoCtx(t *testing.T) {
	var none *lazyctx.Later
	for _, l := range []*lazyctx.Later{none, new(lazyctx.Later)} {
		require.Equal(t, t.Context(), l.Ctx(t.Context()))
		require.Equal(t, t.Context(), l.CtxIfOver(t.Context()))
		require.Nil(t, l.Over(t.Context()))
	}
}

func TestALimitBecomesACtxOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lazyctx.At(mono.Now().Add(time.Second), errLimit)
		require.Nil(t, l.Over(t.Context()))
		require.Equal(t, t.Context(), l.CtxIfOver(t.Context()), "there is time left")
		l.End() // of none

		ctx := l.Ctx(t.Context())
		require.Same(t, ctx, l.Ctx(t.Context()))
		require.Same(t, ctx, l.CtxIfOver(t.Context()))
		at, _ := ctx.Deadline()
		require.Equal(t, time.Second, time.Until(at))
		time.Sleep(time.Second)
		require.True(t, l.Over(t.Context()).Expired())
		require.Equal(t, errLimit, context.Cause(ctx))
	})
}

func TestALimitThatCameUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lazyctx.At(mono.Now().Add(time.Second), errLimit)
		time.Sleep(time.Second)
		ctx := l.CtxIfOver(t.Context())
		require.Equal(t, context.DeadlineExceeded, ctx.Err())
		require.True(t, l.Over(t.Context()).Expired())
	})
}

func TestWhoGaveUpBeforeTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		l := lazyctx.At(mono.Now().Add(time.Second), errLimit)
		cancel()
		require.Nil(t, l.Over(parent))
		ctx := l.Ctx(parent)
		time.Sleep(time.Minute)
		require.Equal(t, context.Canceled, ctx.Err())
		require.False(t, l.Over(parent).Expired())
	})
}

func TestEndEndsTheCtx(t *testing.T) {
	l := lazyctx.At(mono.Now().Add(time.Hour), errLimit)
	ctx := l.Ctx(t.Context())
	l.End()
	require.Equal(t, context.Canceled, ctx.Err())
	require.False(t, l.Over(t.Context()).Expired())
}

func TestEndsBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := mono.Now()
		c := in(t.Context(), time.Minute)
		defer c.End()
		std, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, ctx := range []context.Context{c, std, context.WithValue(c, probe{}, 1)} {
			require.False(t, lazyctx.EndsBy(ctx, now, time.Minute-1))
			require.True(t, lazyctx.EndsBy(ctx, now, time.Minute))
		}
		require.False(t, lazyctx.EndsBy(t.Context(), now, 1<<62))
	})
}

type probe struct{}

// takesBack is a ctx whose Err becomes nil again after its end.
type takesBack struct {
	context.Context

	err error
}

func (c *takesBack) Err() error { return c.err }

// An error that Err has returned is final, even if the parent's Err becomes nil again.
func TestErrIsFinalUnderAParentThatTakesItBack(t *testing.T) {
	for _, said := range []error{context.Canceled, context.DeadlineExceeded} {
		parent := &takesBack{context.Background(), nil}
		c := in(parent, time.Hour)
		require.NoError(t, c.Err())
		parent.err = said
		require.Equal(t, said, c.Err())
		parent.err = nil
		require.Equal(t, said, c.Err())
		c.End()
		require.Equal(t, said, c.Err())
	}
}

// mutters is a parent whose Done panics the first time.
type mutters struct {
	context.Context

	asked int
}

func (m *mutters) Done() <-chan struct{} {
	if m.asked++; m.asked == 1 {
		panic("not now")
	}
	return nil
}

// A parent that panics leaves a Ctx that can be asked again, and that ends.
func TestAParentThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]struct {
			by  func(*lazyctx.Ctx)
			err error
		}{
			"its limit": {func(*lazyctx.Ctx) { time.Sleep(time.Hour) }, context.DeadlineExceeded},
			"End":       {func(c *lazyctx.Ctx) { c.End() }, context.Canceled},
		} {
			c := in(&mutters{Context: context.Background()}, time.Hour)
			require.Panics(t, func() { c.Done() })
			require.NoError(t, c.Err(), name)
			end.by(c)
			require.Equal(t, end.err, c.Err(), name)
			<-c.Done()
			c.End()
		}
		c := in(&mutters{Context: context.Background()}, time.Hour)
		require.Panics(t, func() { c.Done() })
		done := c.Done()
		require.False(t, ended(done))
		c.End()
		require.True(t, ended(done))
	})
}

func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var none *lazyctx.Later
		require.Equal(t, time.Hour, none.Cut(time.Hour))
		l := lazyctx.At(mono.Now().Add(time.Minute), errLimit)
		require.Equal(t, time.Minute, l.Cut(time.Hour))
		require.Equal(t, time.Second, l.Cut(time.Second))
	})
}
