package holdfastredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errSession = fmt.Errorf("redis: Conn is in a bad state: %w", io.EOF) // in go-redis's words
	errStrange = reply("UPSTREAM no healthy host")                       // a proxy's
	errExec    = reply("NOPERM this user has no permissions to run the 'set' command")
)

// once is a loop that makes one attempt.
func once() retry.Config { return retry.Config{MaxRetries: retry.None} }

// The outcome of a call is that of all its attempts: if one is unknown, the call is, whatever the
// last one proves.
func TestDoubtStays(t *testing.T) {
	for _, test := range []struct {
		name    string
		command string
		errs    []error
		unknown bool
		noRetry bool
		verdict resilience.Verdict
	}{
		{"write, lost", "set", []error{io.EOF, io.EOF, io.EOF}, true, false, resilience.Transient},
		{"write, lost, then no room in the pool", "set", []error{io.EOF, redis.ErrPoolTimeout}, true, false, resilience.Permanent},
		{"write, lost, then closed", "set", []error{io.EOF, redis.ErrClosed}, true, false, resilience.Permanent},
		{"write, lost, then not dialed", "set", []error{io.EOF, errDial, errDial}, true, false, resilience.Transient},
		{"write, lost, then refused", "set", []error{io.EOF, errLoad, errLoad}, true, false, resilience.Transient},
		{"write, lost, then not allowed", "set", []error{io.EOF, errExec}, true, false, resilience.Permanent},
		{"write, lost with its session", "set", []error{io.EOF, errSession}, true, true, resilience.Permanent},
		{"write, refused, then lost", "incr", []error{errLoad, io.EOF}, true, true, resilience.Permanent},
		{"script, lost", "eval", []error{io.EOF}, true, true, resilience.Permanent},
		{"script, failed", "eval", []error{errType}, true, true, resilience.Permanent},
		{"function, failed", "fcall", []error{errType}, true, true, resilience.Permanent},
		{"script, not there", "evalsha", []error{reply("NOSCRIPT No matching script. Please use EVAL.")}, false, false, resilience.Permanent},
		{"write, a fault of this side", "incr", []error{resilience.MarkPermanent(errors.New("no audit log"))}, true, true, resilience.Permanent},
		{"write, nobody knows why", "incr", []error{errors.New("what is this?")}, true, true, resilience.Permanent},
		{"write, a reply that nobody knows", "incr", []error{errStrange}, true, true, resilience.Permanent},
		{"exec by itself, lost", "exec", []error{io.EOF}, true, true, resilience.Permanent},

		{"write, not dialed", "incr", []error{errDial, errDial, errDial}, false, false, resilience.Transient},
		{"write, no room in the pool", "incr", []error{redis.ErrPoolTimeout}, false, false, resilience.Rejected},
		{"write, its session was gone", "incr", []error{errSession}, false, false, resilience.Rejected},
		{"write, refused", "incr", []error{errLoad, errLoad, errLoad}, false, false, resilience.Transient},
		{"write, answered", "incr", []error{errType}, false, false, resilience.Permanent},
		{"read, lost", "get", []error{io.EOF, io.EOF, io.EOF}, false, false, resilience.Transient},
		{"read, lost with its session", "get", []error{io.EOF, errSession}, false, false, resilience.Rejected},
		{"watch, lost with its session", "watch", []error{io.EOF, errSession}, false, false, resilience.Rejected},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			h := mustHook(t, newPipeline(t, twice()))
			err := h.ProcessHook(answers(&attempts, test.errs...))(t.Context(), redis.NewCmd(t.Context(), test.command, "k", "v"))
			require.Len(t, test.errs, attempts)
			require.ErrorIs(t, err, test.errs[len(test.errs)-1])
			require.Equal(t, test.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
			require.Equal(t, test.noRetry, resilience.NoRetry(err))
			require.Equal(t, test.verdict, Classify(err))
			if test.noRetry {
				require.Equal(t, resilience.ReasonOutcomeUnknown, resilience.ReasonOf(err))
			}
			if test.unknown {
				require.False(t, resilience.Unsent(err))
				require.False(t, resilience.Unasked(err))
				require.ErrorContains(t, err, resilience.ErrOutcomeUnknown.Error())
			}
		})
	}
}

// A write whose outcome was unknown, and that succeeds in a later attempt, is a success.
func TestDoubtEndsWithAnAnswer(t *testing.T) {
	attempts := 0
	process := mustHook(t, newPipeline(t, twice())).ProcessHook(answers(&attempts, io.EOF, redis.Nil))
	require.Equal(t, redis.Nil, process(t.Context(), redis.NewCmd(t.Context(), "getex", "k")))
	require.Equal(t, 2, attempts)
}

// The same without a loop, and with one that a breaker stops.
func TestDoubtWithOtherStages(t *testing.T) {
	for name, stages := range map[string][]resilience.Stage{
		"no retry": {once()},
		"breaker":  {breaker.Config{}},
		"opens":    {twice(), breaker.Config{ConsecutiveFailures: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			attempts := 0
			process := mustHook(t, newPipeline(t, stages...)).ProcessHook(answers(&attempts, io.EOF, io.EOF, io.EOF))
			err := process(t.Context(), redis.NewCmd(t.Context(), "set", "k", "v"))
			require.Equal(t, 1, attempts)
			require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
			require.NotEqual(t, resilience.Rejected, resilience.Classify(err))
			require.Equal(t, resilience.Transient, resilience.Judge(t.Context(), Classify, err), "of the dependency")
		})
	}
}

// A transaction may belong to a WATCH, whose func must not run again on what it wrote itself.
func TestDoubtOfATransaction(t *testing.T) {
	for name, test := range map[string]struct {
		commands         string
		rows             [][]error
		unknown, noRetry bool
	}{
		"plain":            {"set set", [][]error{{io.EOF, io.EOF}, {io.EOF, io.EOF}, {io.EOF, io.EOF}}, true, false},
		"reads":            {"get get", [][]error{{io.EOF, io.EOF}, {io.EOF, io.EOF}, {io.EOF, io.EOF}}, false, false},
		"transaction":      {"multi set exec", [][]error{{nil, io.EOF, nil}, {nil, errSession, nil}}, true, true},
		"to the end":       {"multi set exec", [][]error{{nil, io.EOF, nil}, {nil, io.EOF, nil}, {nil, io.EOF, nil}}, true, true},
		"of reads":         {"multi get exec", [][]error{{nil, io.EOF, nil}, {nil, errSession, nil}}, false, false},
		"not sent":         {"multi incr exec", [][]error{{nil, errDial, nil}, {nil, errDial, nil}, {nil, errDial, nil}}, false, false},
		"answered, a part": {"incr get", [][]error{{nil, io.EOF}}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			attempts, cmds := 0, commandsOf(t, test.commands)
			err := mustHook(t, newPipeline(t, twice())).ProcessPipelineHook(results(&attempts, test.rows...))(t.Context(), cmds)
			require.Len(t, test.rows, attempts)
			require.Error(t, err)
			require.Equal(t, test.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
			require.Equal(t, test.noRetry, resilience.NoRetry(err))
		})
	}
}

// In a cluster, go-redis may send a command to several nodes, and return only the last error: it
// proves nothing about the others. Any other write is sent once, and the error is its own.
func TestProofInACluster(t *testing.T) {
	for command, unknown := range map[string]bool{"del": true, "set": false, "incr": false, "get": false} {
		h := newHook(check(), newPipeline(t, once()), nil)
		h.sendOnce = true
		attempts := 0
		err := h.ProcessHook(answers(&attempts, errDial))(t.Context(), redis.NewCmd(t.Context(), command, "k", "v"))
		require.ErrorIs(t, err, errDial)
		require.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown), command)
	}
}

// If no command has the error of a batch, because an inner hook did not set it, it is the error of
// every command.
func TestBatchErrorThatNoCommandHas(t *testing.T) {
	for failure, unknown := range map[error]bool{io.EOF: true, errDial: false} {
		cmds := commandsOf(t, "incr incr")
		run := mustHook(t, newPipeline(t, once())).ProcessPipelineHook(func(context.Context, []redis.Cmder) error { return failure })
		err := run(t.Context(), cmds)
		require.ErrorIs(t, err, failure)
		require.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
	}
}

// An attempt is judged together with its ctx.
func TestJudgedWithTheCtx(t *testing.T) {
	errOurs := errors.New("the user closed the page")
	t.Run("canceled by the caller", func(t *testing.T) {
		for command, unknown := range map[string]bool{"get": false, "incr": true} {
			for _, failure := range []error{errReset, context.Canceled, errOurs} {
				ctx, cancel := context.WithCancelCause(t.Context())
				p := newPipeline(t, twice(), breaker.Config{ConsecutiveFailures: 1})
				process := mustHook(t, p).ProcessHook(func(context.Context, redis.Cmder) error {
					cancel(errOurs)
					return failure
				})
				err := process(ctx, redis.NewCmd(ctx, command, "k"))
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, resilience.ReasonCanceled, resilience.ReasonOf(err), "%v", err)
				require.Equal(t, unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
				require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State)
			}
		}
	})
	t.Run("out of time, with a cause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errOurs)
			defer cancel()
			p := newPipeline(t, retry.Custom(2, time.Millisecond, time.Millisecond, false), breaker.Config{}, deadline.In(2*time.Second))
			process := mustHook(t, p).ProcessHook(func(ctx context.Context, _ redis.Cmder) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
			err := process(ctx, redis.NewCmd(ctx, "get", "k"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, errOurs)
			require.Equal(t, 1, blamed(p))
		})
	})
}

// A call that is repeated only if it was never sent is repeated in that case; otherwise the error
// is returned.
func TestOnlyUnsent(t *testing.T) {
	careful := twice()
	careful.OnlyUnsent = true
	for _, test := range []struct {
		errs     []error
		attempts int
		unknown  bool
	}{
		{[]error{io.EOF}, 1, true},
		{[]error{errDial}, 2, false},
		{[]error{errLoad}, 2, false},
		{[]error{setupFailed(io.EOF)}, 2, false},
		{[]error{errDial, io.EOF}, 2, true},
	} {
		for name, run := range map[string]func(ctx context.Context) (int, error){
			"OnlyUnsent": func(ctx context.Context) (attempts int, err error) {
				process := mustHook(t, newPipeline(t, careful)).ProcessHook(answers(&attempts, test.errs...))
				return attempts, process(ctx, redis.NewCmd(ctx, "set", "k", "v"))
			},
			"MarkOnce": func(ctx context.Context) (attempts int, err error) {
				process := mustHook(t, newPipeline(t, twice())).ProcessHook(answers(&attempts, test.errs...))
				ctx = resilience.MarkOnce(resilience.MarkIdempotent(ctx)) // the later mark wins
				return attempts, process(ctx, redis.NewCmd(ctx, "set", "k", "v"))
			},
			"MarkOnce, a batch": func(ctx context.Context) (attempts int, err error) {
				rows := make([][]error, len(test.errs))
				for i, e := range test.errs {
					rows[i] = []error{e, e}
				}
				run := mustHook(t, newPipeline(t, twice())).ProcessPipelineHook(results(&attempts, rows...))
				return attempts, run(resilience.MarkOnce(ctx), commandsOf(t, "set set"))
			},
		} {
			t.Run(fmt.Sprint(name, test.errs), func(t *testing.T) {
				attempts, err := run(t.Context())
				require.Equal(t, test.attempts, attempts)
				require.Equal(t, test.unknown, err != nil)
				require.Equal(t, test.unknown, errors.Is(err, resilience.ErrOutcomeUnknown))
			})
		}
	}
}

// A panic in the op reaches the caller, and leaves no state behind.
func TestPanicInside(t *testing.T) {
	p := newPipeline(t, twice(), breaker.Config{})
	h := mustHook(t, p)
	require.PanicsWithValue(t, "inside", func() {
		_ = h.ProcessHook(func(context.Context, redis.Cmder) error { panic("inside") })(t.Context(), redis.NewCmd(t.Context(), "get", "k"))
	})
	require.Zero(t, p.Snapshot().Live)
	require.NoError(t, h.ProcessHook(func(context.Context, redis.Cmder) error { return nil })(t.Context(), redis.NewCmd(t.Context(), "get", "k")))
}

// An unknown reply is a failure to a breaker, unless a classifier of the pipeline knows it.
func TestStrangeReply(t *testing.T) {
	get := redis.NewStringCmd(t.Context(), "get", "k")
	attempts := 0
	p := newPipeline(t, twice(), breaker.Config{})
	err := mustHook(t, p).ProcessHook(answers(&attempts, errStrange))(t.Context(), get)
	require.ErrorIs(t, err, errStrange)
	require.Equal(t, 1, attempts)
	require.EqualValues(t, 1, p.Snapshot().Breakers[0].Counts.Unclassified)

	known := holdfast.Classify(resilience.Errors(resilience.Transient, errStrange))
	attempts = 0
	p = newPipeline(t, known, twice(), breaker.Config{})
	err = mustHook(t, p).ProcessHook(answers(&attempts, errStrange, nil))(t.Context(), get)
	require.NoError(t, err)
	require.Equal(t, 2, attempts)
	require.Zero(t, p.Snapshot().Breakers[0].Counts.Unclassified)
}

// In a batch, an unknown reply leaves the outcome of its command unknown.
func TestStrangeReplyInABatch(t *testing.T) {
	for err, unknown := range map[error]bool{errStrange: true, errType: false} {
		attempts := 0
		cmds := commandsOf(t, "incr incr")
		got := mustHook(t, newPipeline(t, twice())).ProcessPipelineHook(results(&attempts, []error{nil, err}))(t.Context(), cmds)
		require.Equal(t, unknown, errors.Is(got, resilience.ErrOutcomeUnknown), "%v", got)
		require.Equal(t, 1, attempts)
	}
}

// go-redis sets the ctx's deadline on the connection, and returns the connection's timeout, perhaps
// before the ctx itself has ended. errors.Is still finds context.DeadlineExceeded.
func TestEndOfTheCaller(t *testing.T) {
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	errGone := errors.New("the caller is gone")
	for name, command := range map[string]string{"read": "get", "write": "incr"} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprint(name, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errGone)
					defer cancel()
					over := ctx.Done()
					if early {
						ctx = unaware{ctx}
					}
					err := mustHook(t, newPipeline(t, breaker.Config{})).ProcessHook(func(context.Context, redis.Cmder) error {
						<-over
						return timeout
					})(ctx, redis.NewCmd(ctx, command, "k"))
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, timeout)
					require.Equal(t, name == "write", errors.Is(err, resilience.ErrOutcomeUnknown))
				})
			})
		}
	}
}

// unaware is a ctx whose deadline has passed, but whose timer has not fired yet.
type unaware struct{ context.Context }

func (unaware) Err() error                 { return nil }
func (c unaware) Done() <-chan struct{}    { return make(chan struct{}) }
func (c unaware) Value(key any) (none any) { return nil }
