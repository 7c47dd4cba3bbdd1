package peers

import (
	"context"
	"testing"
	"time"

	eapache "github.com/eapache/go-resiliency/deadline"
	"github.com/failsafe-go/failsafe-go"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	ftimeout "github.com/felixgeelhaar/fortify/timeout"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// limit is far enough that it never ends a call, and nearer than the caller's: he has none.
const limit = 10 * time.Minute

// The caller can cancel but has no deadline, so that one must be created for every call. The
// baseline is what the standard library takes for it.
var deadlineCreated = scenario{attempts: 1, ctx: unbounded, candidates: []candidate{
	{"context.WithTimeout", func(testing.TB) call {
		return func(ctx context.Context) (attempts int, err error) {
			err = func() error {
				ctx, cancel := context.WithTimeout(ctx, limit)
				defer cancel()
				attempts++
				return ask(ctx)
			}()
			return attempts, err
		}
	}},
	{"holdfast deadline", func(tb testing.TB) call { return holdfastDo(newPipeline(tb, deadline.In(limit))) }},

	// One deadline, around the call: a second one, for each attempt, would be created too.
	{"holdfast pipeline", func(tb testing.TB) call {
		whole := wholePipeline()
		stages := append([]resilience.Stage{deadline.In(limit)}, whole[1:len(whole)-1]...)
		return holdfastDo(newPipeline(tb, stages...))
	}},
	{"failsafe-go", func(testing.TB) call {
		executor := failsafe.With[any](fstimeout.New[any](limit))
		return func(ctx context.Context) (attempts int, err error) {
			err = executor.WithContext(ctx).RunWithExecution(func(exec failsafe.Execution[any]) error {
				attempts++
				return ask(exec.Context())
			})
			return attempts, err
		}
	}},
	{"fortify", func(testing.TB) call {
		t := ftimeout.New[string](ftimeout.Config{})
		return func(ctx context.Context) (attempts int, err error) {
			_, err = t.Execute(ctx, limit, func(ctx context.Context) (string, error) {
				attempts++
				return "receipt", ask(ctx)
			})
			return attempts, err
		}
	}},

	// It runs the op on another goroutine, abandons it when the time is up, and tells it by a
	// channel, not by its ctx.
	{"eapache", func(testing.TB) call {
		d := eapache.New(limit)
		return func(ctx context.Context) (attempts int, err error) {
			err = d.Run(func(<-chan struct{}) error {
				attempts++
				return ask(ctx)
			})
			return attempts, err
		}
	}},
}}
