package demo

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
)

var errDown = errors.New("down")

// attempts makes one call through p and returns when its attempts began, and its error.
func attempts(ctx context.Context, p protector, op func(context.Context) error) (began []time.Duration, err error) {
	start := time.Now()
	err = p.Do(ctx, func(ctx context.Context) error {
		began = append(began, time.Since(start))
		return op(ctx)
	})
	return began, err
}

func down(context.Context) error { return errDown }

func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

const ms = time.Millisecond

func TestSingleTriesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newSingle("payments", Full())
		require.NoError(t, err)
		began, err := attempts(t.Context(), p, hang)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []time.Duration{0}, began)
	})
}

func TestNaiveDoublesItsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newNaive("payments", Full())
		require.NoError(t, err)
		began, err := attempts(t.Context(), p, down)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, []time.Duration{0, 50 * ms, 150 * ms, 350 * ms}, began)
	})
}

func TestNaiveCutsEachAttemptShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := newNaive("payments", Full())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began, err := attempts(ctx, p, hang)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []time.Duration{0, 300 * ms, 650 * ms}, began)
	})
}

func TestNaiveBreakerOpensAndProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Full()
		cfg.Breaker.OpenFor = time.Second
		p, err := newNaiveBreaker("payments", cfg)
		require.NoError(t, err)
		for range 3 { // 4 attempts each: the tenth failure opens it
			_, err = attempts(t.Context(), p, down)
		}
		require.ErrorIs(t, err, gobreaker.ErrOpenState)
		began, err := attempts(t.Context(), p, down)
		require.ErrorIs(t, err, gobreaker.ErrOpenState)
		require.Empty(t, began)

		time.Sleep(time.Second)
		_, err = attempts(t.Context(), p, func(context.Context) error { return nil })
		require.NoError(t, err)
	})
}
