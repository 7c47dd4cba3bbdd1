package foreign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// No test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type reader struct{ err error }

func (e *reader) Error() string { return e.err.Error() }
func (e *reader) Unwrap() error { return e.err }
func (e *reader) Code() int     { return len(e.err.Error()) }

type coder interface {
	error
	Code() int
}

func TestAskedAsUsual(t *testing.T) {
	err := fmt.Errorf("x: %w", &reader{io.EOF})
	require.True(t, foreign.Is(err, io.EOF))
	found, ok := foreign.As[*reader](err)
	require.True(t, ok)
	require.Equal(t, io.EOF, found.err)
	code, ok := foreign.Ask(err, coder.Code)
	require.True(t, ok)
	require.Equal(t, 3, code)
	require.Equal(t, found, foreign.Unwrap(err))
	require.True(t, foreign.Timeout(fmt.Errorf("x: %w", context.DeadlineExceeded)))
	require.False(t, foreign.Timeout(err))

	_, ok = foreign.Ask(io.EOF, coder.Code)
	require.False(t, ok)
	require.NoError(t, foreign.Unwrap(nil))
	require.Equal(t, "EOF", foreign.Text(io.EOF))
}

func TestWhatPanicsHasNoWord(t *testing.T) {
	for _, err := range []error{
		(*reader)(nil), fmt.Errorf("x: %w", (*reader)(nil)), errors.Join((*reader)(nil), io.EOF), (*net.OpError)(nil),
	} {
		require.False(t, foreign.Is(err, io.EOF))
		require.False(t, foreign.Timeout(err))
		_, ok := foreign.As[*net.DNSError](err)
		require.False(t, ok)
		code, ok := foreign.Ask(err, coder.Code)
		require.False(t, ok)
		require.Zero(t, code)
	}
	require.NoError(t, foreign.Unwrap((*reader)(nil)))
	require.Equal(t, "a *foreign_test.reader whose Error method panics", foreign.Text((*reader)(nil)))
}

type many []error

func (m many) Error() string { return "many" }

func TestMembers(t *testing.T) {
	require.Equal(t, []error{io.EOF, nil}, foreign.Members(many{io.EOF, nil}))
	for _, err := range []error{nil, io.EOF, many{}, many(nil), bytes("x"), (*reader)(nil), fmt.Errorf("x: %w", many{io.EOF})} {
		require.Nil(t, foreign.Members(err))
	}
}

// bytes are an error, and a list of what is none.
type bytes []byte

func (b bytes) Error() string { return string(b) }

func TestSame(t *testing.T) {
	for _, err := range []error{io.EOF, many{io.EOF}, struct{ many }{many{io.EOF}}, &reader{io.EOF}} {
		require.True(t, foreign.Same(err, err))
		require.False(t, foreign.Same(fmt.Errorf("x: %w", err), err))
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	err := fmt.Errorf("x: %w", &reader{io.EOF})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = foreign.Ask(err, coder.Code)
		_, _ = foreign.As[*reader](err)
		_, _ = foreign.Is(err, io.EOF), foreign.Timeout(err)
		_ = foreign.Members(err)
	}))
}
