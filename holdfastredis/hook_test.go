package holdfastredis

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errDial  = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	errLoad  = reply("LOADING Redis is loading the dataset in memory")
	errType  = reply("WRONGTYPE Operation against a key holding the wrong kind of value")
)

// twice is a loop of two retries, without pauses worth mentioning.
func twice() retry.Config { return retry.Custom(2, time.Microsecond, time.Microsecond, false) }

func newPipeline(t testing.TB, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("redis", stages...)
	require.NoError(t, err)
	return p
}

// blamed returns the failures that the breaker has counted.
func blamed(p *holdfast.Pipeline) int { return int(p.Snapshot().Breakers[0].Counts.Failures) }

func mustHook(t testing.TB, p *holdfast.Pipeline, opts ...Option) redis.Hook {
	t.Helper()
	h, err := NewHook(p, opts...)
	require.NoError(t, err)
	return h
}

// answers returns a next hook that ends its attempts with the errors, in order, and counts them.
func answers(attempts *int, errs ...error) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error {
		*attempts++
		if *attempts > len(errs) {
			return nil
		}
		return errs[*attempts-1]
	}
}

func TestCommand(t *testing.T) {
	background := func(ctx context.Context) context.Context { return ctx }
	for _, test := range []struct {
		name     string
		command  string
		mark     func(context.Context) context.Context
		errs     []error
		attempts int
		want     error // found in what the caller gets; nil for a success
		as       string
	}{
		{"read, network", "get", background, []error{errReset, io.EOF}, 3, nil, ""},
		{"read, to the end", "get", background, []error{errReset, errReset, errReset}, 3, errReset, "retry"},
		{"write, network", "incr", background, []error{errReset}, 1, errReset, "unknown"},
		{"write, EOF", "incr", background, []error{io.EOF}, 1, io.EOF, "unknown"},
		{"write, refused", "incr", background, []error{errLoad, errLoad}, 3, nil, ""},
		{"write, refused to the end", "incr", background, []error{errLoad, errLoad, errLoad}, 3, errLoad, "retry"},
		{"write, not dialed", "incr", background, []error{errDial, setupFailed(io.EOF)}, 3, nil, ""},
		{"write, refused, then network", "incr", background, []error{errLoad, errReset}, 2, errReset, "unknown"},
		{"write, marked", "incr", resilience.MarkIdempotent, []error{errReset}, 2, nil, ""},
		{"read, marked", "get", resilience.MarkOnce, []error{errReset}, 1, errReset, "unknown"},
		{"script, refused", "eval", background, []error{errLoad}, 1, errLoad, "unknown"},
		{"script, not dialed", "eval", background, []error{errDial}, 2, nil, ""},
		{"missing key", "get", background, []error{redis.Nil}, 1, redis.Nil, "raw"},
		{"missing key, after a retry", "get", background, []error{errReset, redis.Nil}, 2, redis.Nil, "raw"},
		{"caller's fault", "get", background, []error{errType}, 1, errType, "raw"},
		{"caller's fault, write", "incr", background, []error{errType}, 1, errType, "raw"},
		{"pool is full", "get", background, []error{redis.ErrPoolTimeout}, 1, redis.ErrPoolTimeout, "raw"},
		{"somebody else's cancel", "get", background, []error{context.Canceled}, 2, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			process := mustHook(t, newPipeline(t, twice())).ProcessHook(answers(&attempts, test.errs...))
			err := process(test.mark(t.Context()), redis.NewCmd(t.Context(), test.command, "k"))
			require.Equal(t, test.attempts, attempts)
			require.ErrorIs(t, err, test.want)
			var loop *retry.Error
			switch test.as {
			case "raw":
				require.Equal(t, test.want, err, "untouched")
			case "unknown":
				require.True(t, resilience.NoRetry(err))
			case "retry":
				require.ErrorAs(t, err, &loop)
				require.Equal(t, resilience.ReasonExhausted, loop.Reason)
				require.False(t, resilience.NoRetry(err))
			}
		})
	}
}

// A command that must not be sent twice is sent once, whatever the pipeline's RetryIf says; one
// that may be is retried.
func TestRetryIf(t *testing.T) {
	every := twice()
	every.RetryIf = func(error) bool { return true }
	for command, want := range map[string]int{"get": 2, "incr": 1} {
		for _, failure := range []error{errReset, errType} {
			attempts := 0
			process := mustHook(t, newPipeline(t, every)).ProcessHook(answers(&attempts, failure))
			err := process(t.Context(), redis.NewCmd(t.Context(), command, "k"))
			require.Equal(t, want, attempts, command)
			require.Equal(t, want == 1, err != nil)
		}
	}
}

// A failure that is not retried is a failure to the breaker; a missing key is a success, and
// deposits into the budget.
func TestBreakerAndBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, budget.Config{Ratio: 0.5, Initial: -1}, twice(), breaker.Config{ConsecutiveFailures: 2, HalfOpenProbes: 1})
		attempts := 0
		process := mustHook(t, p).ProcessHook(answers(&attempts, errReset, redis.Nil, errReset, errReset))
		incr, get := redis.NewCmd(t.Context(), "incr", "k"), redis.NewCmd(t.Context(), "get", "k")

		require.ErrorIs(t, process(t.Context(), incr), errReset)
		require.Equal(t, redis.Nil, process(t.Context(), get))
		require.InDelta(t, 0.5, p.Snapshot().Budget.Tokens, 1e-6)
		require.ErrorIs(t, process(t.Context(), incr), errReset)
		require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State)
		require.ErrorIs(t, process(t.Context(), incr), errReset)
		require.Equal(t, breaker.StateOpen, p.Snapshot().Breakers[0].State)
		require.ErrorIs(t, process(t.Context(), get), breaker.ErrOpen)
		require.Equal(t, 4, attempts)

		<-time.After(time.Minute) // in the bubble; longer than it stays open
		attempts = 1              // redis.Nil is next
		require.Equal(t, redis.Nil, process(t.Context(), get))
		require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State)
	})
}

// The deadline of an attempt ends the attempt, and a read is retried.
func TestAttemptDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, deadline.In(2*time.Second), twice(), deadline.In(50*time.Millisecond))
		attempts := 0
		process := mustHook(t, p).ProcessHook(func(ctx context.Context, _ redis.Cmder) error {
			if attempts++; attempts > 1 {
				return nil
			}
			<-ctx.Done()
			return &net.OpError{Op: "read", Err: context.DeadlineExceeded}
		})
		start := time.Now()
		require.NoError(t, process(t.Context(), redis.NewCmd(t.Context(), "get", "k")))
		require.Equal(t, 50*time.Millisecond+time.Microsecond, time.Since(start))
		require.Equal(t, 2, attempts)
	})
}

// The commands that set up a connection are part of an attempt, not calls.
func TestSetupGoesPastThePipeline(t *testing.T) {
	p := newPipeline(t, twice())
	h := mustHook(t, p)
	attempts := 0
	process := h.ProcessHook(answers(&attempts, io.EOF, errReset, reply("ERR unknown command 'HELLO'")))

	err := process(t.Context(), redis.NewCmd(t.Context(), "hello", 3))
	require.ErrorIs(t, err, io.EOF)
	require.True(t, resilience.Unsent(err))
	require.ErrorIs(t, process(duringSetup(t.Context()), redis.NewCmd(t.Context(), "get", "k")), errReset)
	err = process(t.Context(), redis.NewCmd(t.Context(), "client", "setinfo", "lib-ver", "1"))
	require.Equal(t, reply("ERR unknown command 'HELLO'"), err, "go-redis has to see it")
	require.NoError(t, process(t.Context(), redis.NewCmd(t.Context(), "select", 1)))

	batch := h.ProcessPipelineHook(func(context.Context, []redis.Cmder) error { return io.EOF })
	require.True(t, resilience.Unsent(batch(t.Context(), []redis.Cmder{redis.NewCmd(t.Context(), "client", "setname", "x")})))
	require.Error(t, batch(duringSetup(t.Context()), []redis.Cmder{redis.NewCmd(t.Context(), "get", "x")}))
	require.Zero(t, p.Snapshot().Calls)

	require.NoError(t, process(t.Context(), redis.NewCmd(t.Context(), "client", "list")))
	require.EqualValues(t, 1, p.Snapshot().Calls, "a command like any other")
}

func TestWithIdempotent(t *testing.T) {
	attempts := 0
	h := mustHook(t, newPipeline(t, twice()), WithIdempotent(func(cmd redis.Cmder) bool { return cmd.Name() == "json.get" }))
	process := h.ProcessHook(answers(&attempts, errReset, nil, errReset))
	require.NoError(t, process(t.Context(), redis.NewCmd(t.Context(), "json.get", "k")))
	require.ErrorIs(t, process(t.Context(), redis.NewCmd(t.Context(), "get", "k")), errReset)
	require.Equal(t, 3, attempts)
}
