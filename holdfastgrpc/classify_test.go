package holdfastgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/media-gateway/holdfast/holdfastgrpc"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Pins: what each code means for calls without the interceptors.
func TestClassify(t *testing.T) {
	for code, want := range map[codes.Code]resilience.Verdict{
		codes.OK: resilience.Success,

		codes.Canceled: resilience.Transient, codes.DeadlineExceeded: resilience.Transient, codes.Unavailable: resilience.Transient,
		codes.ResourceExhausted: resilience.Overload,

		codes.Unknown: resilience.Unclassified, codes.Internal: resilience.Unclassified, codes.DataLoss: resilience.Unclassified,

		codes.InvalidArgument: resilience.Permanent, codes.NotFound: resilience.Permanent, codes.AlreadyExists: resilience.Permanent,
		codes.PermissionDenied: resilience.Permanent, codes.FailedPrecondition: resilience.Permanent, codes.Aborted: resilience.Permanent,
		codes.OutOfRange: resilience.Permanent, codes.Unimplemented: resilience.Permanent, codes.Unauthenticated: resilience.Permanent,
		42: resilience.Unclassified,
	} {
		err := status.Error(code, "the server's word")
		require.Equal(t, want, holdfastgrpc.Classify(err), code)
		if err != nil {
			require.Equal(t, want, holdfastgrpc.Classify(fmt.Errorf("charge: %w", err)), code)
		}
	}
	for name, c := range map[string]struct {
		err  error
		want resilience.Verdict
	}{
		"nil":                 {nil, resilience.Success},
		"a message too large": {status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"), resilience.Permanent},
		"a mark":              {resilience.MarkTransient(status.Error(codes.NotFound, "not yet")), resilience.Transient},
		"no status":           {context.DeadlineExceeded, resilience.Transient},
		"nobody knows":        {errors.New("odd"), resilience.Unclassified},
	} {
		require.Equal(t, c.want, holdfastgrpc.Classify(c.err), name)
	}
}

// Pins: with Classify in a Config, a cancel by the server is not the caller's, and is retried.
func TestClassifyInALoop(t *testing.T) {
	attempts := 0
	loop := retry.Custom(2, time.Millisecond, time.Millisecond, false)
	loop.Classify = holdfastgrpc.Classify
	err := retry.Do(t.Context(), loop, func(context.Context) error {
		attempts++
		return status.Error(codes.Canceled, "shutting down")
	})
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Equal(t, 3, attempts)
}
