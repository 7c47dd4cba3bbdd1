package peers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The settings that every library gets, as far as it has them.
const (
	maxRetries = 3
	baseDelay  = 100 * time.Millisecond
	maxDelay   = 5 * time.Second

	failureRatio = 0.5
	minRequests  = 20
	window       = 10 * time.Second
	bucket       = time.Second
	openFor      = 5 * time.Second
	probes       = 3

	maxConcurrent = 64

	// The caller's deadline is the nearest, so that no stage has to create one.
	callerLimit  = time.Hour
	attemptLimit = 90 * time.Minute
	totalLimit   = 2 * time.Hour
)

var errDown = errors.New("peers: the dependency is down")

// call makes one protected call and returns how often the op ran. The op is a closure made
// inside it, which writes to a variable of it, so that a library that moves the op to the
// heap pays for both, as it would in real code.
type call func(ctx context.Context) (attempts int, err error)

// candidate is one library doing one scenario's work. The name ends up in the table; a word
// after the library's name says which of its ways it is.
type candidate struct {
	name  string
	build func(tb testing.TB) call
}

// scenario is the same work for several libraries.
type scenario struct {
	attempts   int                                 // how often the op must run in one call
	refused    bool                                // whether the call must be refused
	ctx        func(tb testing.TB) context.Context // whose ctx it is called with
	candidates []candidate
}

// inherited is the ctx of a caller who has a deadline.
func inherited(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(tb.Context(), callerLimit)
	tb.Cleanup(cancel)
	return ctx
}

// unbounded is the ctx of a caller who can cancel, but has no deadline.
func unbounded(tb testing.TB) context.Context {
	ctx, cancel := context.WithCancel(tb.Context())
	tb.Cleanup(cancel)
	return ctx
}

// ask stands for the client of the dependency. It is not inlined, since a real one is not.
//
//go:noinline
func ask(context.Context) error { return nil }

// flaky is a dependency that fails twice and then works. err is marked as the library wants
// retryable errors to be marked, once, so that no row pays for the marking.
//
//go:noinline
func flaky(_ context.Context, attempt int, err error) error {
	if attempt <= 2 {
		return err
	}
	return nil
}

func (s scenario) run(b *testing.B) {
	for _, c := range s.candidates {
		b.Run(c.name, func(b *testing.B) {
			ctx, do := s.ctx(b), c.build(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := do(ctx); (err != nil) != s.refused {
					b.Fatal("error:", err)
				}
			}
		})
	}
}

func (s scenario) runParallel(b *testing.B) {
	for _, c := range s.candidates {
		b.Run(c.name, func(b *testing.B) {
			ctx, do := s.ctx(b), c.build(b)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := do(ctx); (err != nil) != s.refused {
						b.Error("error:", err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkRetrySuccess(b *testing.B)         { retrySuccess.run(b) }
func BenchmarkRetrySuccessDeadline(b *testing.B) { retrySuccessDeadline.run(b) }
func BenchmarkRetryPath(b *testing.B)            { retryPath.run(b) }
func BenchmarkBreakerClosed(b *testing.B)        { breakerClosed.run(b) }
func BenchmarkOpenRejection(b *testing.B)        { openRejection.run(b) }
func BenchmarkPipeline(b *testing.B)             { pipeline.run(b) }
func BenchmarkPipelineParallel(b *testing.B)     { pipeline.runParallel(b) }
func BenchmarkDeadlineCreated(b *testing.B)      { deadlineCreated.run(b) }

// A ratio between libraries that do not do the same work means nothing: a retrier that takes
// the error for final, or a breaker that never opened, would win.
func TestLikeWithLike(t *testing.T) {
	for name, s := range map[string]scenario{
		"RetrySuccess":         retrySuccess,
		"RetrySuccessDeadline": retrySuccessDeadline,
		"RetryPath":            retryPath,
		"BreakerClosed":        breakerClosed,
		"OpenRejection":        openRejection,
		"Pipeline":             pipeline,
		"DeadlineCreated":      deadlineCreated,
		"PresetBare":           presetBare,
		"PresetBareDone":       presetBareDone,
		"PresetBareChild":      presetBareChild,
		"PresetRequest":        presetRequest,
		"PresetRequestDone":    presetRequestDone,
		"PresetRequestChild":   presetRequestChild,
		"PresetServer":         presetServer,
		"PresetServerDone":     presetServerDone,
		"PresetServerChild":    presetServerChild,
		"PresetRetry1":         presetRetry1,
		"PresetRetry5":         presetRetry5,
	} {
		for _, c := range s.candidates {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				ctx, do := s.ctx(t), c.build(t)
				for range 5 { // what was built once must do the same work every time
					attempts, err := do(ctx)
					require.Equal(t, s.attempts, attempts, "attempts")
					require.Equal(t, s.refused, err != nil, "error: %v", err)
					require.NotErrorIs(t, err, errDown, "the op must not have been asked")
				}
			})
		}
	}
}
