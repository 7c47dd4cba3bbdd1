package holdfastredis

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// commandsOf returns commands with the given names.
func commandsOf(t *testing.T, names string) []redis.Cmder {
	t.Helper()
	var cmds []redis.Cmder
	for name := range strings.FieldsSeq(names) {
		cmds = append(cmds, redis.NewCmd(t.Context(), name, "k"))
	}
	return cmds
}

// results returns a next hook that ends its attempts, in order, with these errors of the commands,
// as go-redis does: it sets only what is not set, and returns the first.
func results(attempts *int, rows ...[]error) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) (first error) {
		*attempts++
		if *attempts > len(rows) {
			return nil
		}
		for i, cmd := range cmds {
			if cmd.Err() == nil {
				cmd.SetErr(rows[*attempts-1][i])
			}
			if first == nil {
				first = cmd.Err()
			}
		}
		return first
	}
}

func TestBatch(t *testing.T) {
	abort := reply("EXECABORT Transaction discarded because of previous errors.")
	tryAgain := reply("TRYAGAIN Multiple keys request during rehashing of slot")
	for _, test := range []struct {
		name     string
		commands string
		rows     [][]error
		attempts int
		want     []error // of the commands, in the end
		err      error
	}{
		{"reads", "get get", [][]error{{io.EOF, io.EOF}, {errReset, errReset}}, 3, []error{nil, nil}, nil},
		{"reads, half answered", "get get", [][]error{{nil, io.EOF}}, 2, []error{nil, nil}, nil},
		{"reads, to the end", "get get", [][]error{{nil, io.EOF}, {nil, io.EOF}, {nil, errReset}}, 3, []error{nil, errReset}, errReset},
		{"a write among them", "get incr", [][]error{{io.EOF, io.EOF}}, 1, []error{io.EOF, io.EOF}, io.EOF},
		{"not sent", "get incr", [][]error{{errDial, errDial}}, 2, []error{nil, nil}, nil},
		{"refused", "incr incr", [][]error{{errLoad, errLoad}}, 2, []error{nil, nil}, nil},
		{"refused in part", "incr incr", [][]error{{nil, tryAgain}}, 1, []error{nil, tryAgain}, tryAgain},
		{"a write refused among reads", "get incr", [][]error{{nil, tryAgain}}, 2, []error{nil, nil}, nil},
		{"a write that failed by itself", "incr get", [][]error{{errType, errReset}}, 1, []error{errType, errReset}, errReset},
		{"a script, refused", "eval", [][]error{{errLoad}}, 1, []error{errLoad}, errLoad},
		{"missing keys", "get get", [][]error{{redis.Nil, nil}}, 1, []error{redis.Nil, nil}, redis.Nil},
		{"a missing key hides a failure", "get get", [][]error{{redis.Nil, io.EOF}}, 2, []error{nil, nil}, nil},
		{"caller's fault", "get get", [][]error{{nil, errType}}, 1, []error{nil, errType}, errType},
		{"another reply stays", "get get", [][]error{{errType, io.EOF}, {errType, io.EOF}, {errType, io.EOF}}, 3, []error{errType, io.EOF}, io.EOF},
		{"transaction of reads", "multi get exec", [][]error{{io.EOF, io.EOF, io.EOF}}, 2, []error{nil, nil, nil}, nil},
		{"transaction, maybe done", "multi incr exec", [][]error{{nil, io.EOF, nil}}, 1, []error{nil, io.EOF, nil}, io.EOF},
		{"transaction, refused", "multi incr incr exec", [][]error{{nil, errLoad, abort, nil}}, 2, []error{nil, nil, nil, nil}, nil},
		{"transaction, watched key changed", "multi incr exec", [][]error{{nil, redis.TxFailedErr, nil}}, 1, []error{nil, redis.TxFailedErr, nil}, redis.TxFailedErr},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempts, cmds := 0, commandsOf(t, test.commands)
			run := mustHook(t, newPipeline(t, twice())).ProcessPipelineHook(results(&attempts, test.rows...))
			err := run(t.Context(), cmds)
			require.Equal(t, test.attempts, attempts)
			require.ErrorIs(t, err, test.err)
			for i, cmd := range cmds {
				require.ErrorIs(t, cmd.Err(), test.want[i], "command %d", i)
				if test.want[i] == test.err {
					require.Equal(t, err, cmd.Err(), "the command's error is the pipeline's")
				}
			}
			if test.err != nil && Classify(test.err).Failure() {
				var loop *retry.Error
				retried := test.attempts > 1
				require.Equal(t, retried, err != nil && asLoop(err, &loop))
				require.Equal(t, !retried, resilience.NoRetry(err))
			}
		})
	}
}

func asLoop(err error, loop **retry.Error) bool {
	e, ok := err.(*retry.Error) //nolint:errorlint // the loop's own error, not one in its tree
	*loop = e
	return ok
}

// If a batch was not sent, every command's error says so.
func TestBatchRefusedHere(t *testing.T) {
	gate, err := breaker.New(breaker.Config{Name: "redis"})
	require.NoError(t, err)
	gate.Isolate()
	attempts, cmds := 0, commandsOf(t, "get incr")
	err = mustHook(t, newPipeline(t, twice(), gate)).ProcessPipelineHook(results(&attempts))(t.Context(), cmds)
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.Zero(t, attempts)
	for _, cmd := range cmds {
		require.ErrorIs(t, cmd.Err(), breaker.ErrOpen)
	}
	gate.Reset()
}

// A command that must not be sent twice is passed to a cluster client in a form that it sends once.
func TestSendOnce(t *testing.T) {
	p := newPipeline(t, retry.Custom(1, time.Microsecond, time.Microsecond, false))
	h := newHook(check(), p, nil)
	h.sendOnce = true
	for command, want := range map[string]bool{"get": false, "incr": true, "set": true, "msetnx": false, "ft.create": false} {
		var got bool
		process := h.ProcessHook(func(_ context.Context, cmd redis.Cmder) error {
			got = cmd.NoRetry()
			return nil
		})
		require.NoError(t, process(t.Context(), redis.NewCmd(t.Context(), command, "k")))
		require.Equal(t, want, got, command)
	}
	for commands, want := range map[string]bool{"get get": false, "get incr": true, "get set": true, "multi get exec": false, "multi incr exec": true} {
		var got bool
		cmds := commandsOf(t, commands)
		run := h.ProcessPipelineHook(func(_ context.Context, cmds []redis.Cmder) error {
			for _, cmd := range cmds {
				got = got || cmd.NoRetry()
			}
			return nil
		})
		require.NoError(t, run(t.Context(), cmds))
		require.Equal(t, want, got, commands)
		for _, cmd := range cmds {
			require.False(t, cmd.NoRetry(), "the caller's own commands are not touched")
		}
	}
}
