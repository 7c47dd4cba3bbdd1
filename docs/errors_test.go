package docs

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/policytest"
	"github.com/media-gateway/holdfast/resilience/retry"
)

var (
	errDeclined = errors.New("declined")
	errBusy     = errors.New("busy")
)

type limitError struct{ resets bool }

func (*limitError) Error() string { return "over the limit" }

func mapError(err error) error {
	switch {
	case errors.Is(err, errBusy):
		return resilience.MarkOverload(err, time.Second)
	case errors.Is(err, errDeclined):
		return resilience.MarkPermanent(err)
	}
	return err
}

// Verdict says that whoever is over a limit has to wait for it.
func (e *limitError) Verdict() resilience.Verdict {
	if e.resets {
		return resilience.Overload
	}
	return resilience.Permanent
}

func TestErrorsOneLine(t *testing.T) {
	payments, err := holdfast.New("payments", append([]resilience.Stage{
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined, resilience.Type[*limitError]())),
	}, holdfast.Critical()...)...)
	require.NoError(t, err)
	for _, failed := range []error{errDeclined, &limitError{}} {
		attempts := 0
		err := payments.Do(t.Context(), func(context.Context) error { attempts++; return failed })
		require.ErrorIs(t, err, failed)
		require.Equal(t, 1, attempts)
	}
}

func TestErrorsSeveralVerdicts(t *testing.T) {
	classify := holdfast.Classify(
		resilience.Errors(resilience.Permanent, errDeclined),
		resilience.Errors(resilience.Overload, errBusy),
		func(err error) resilience.Verdict {
			if limit, ok := errors.AsType[*limitError](err); ok && limit.resets {
				return resilience.Transient
			}
			return resilience.Unclassified
		},
	)
	synctest.Test(t, func(t *testing.T) {
		for failed, want := range map[error]int{errDeclined: 1, errBusy: 3, syscall.ECONNRESET: 3, io.EOF: 1} {
			payments := holdfast.Must(holdfast.New("payments", classify, holdfast.SilenceUnclassified(), retry.Custom(2, time.Millisecond, time.Second, false)))
			attempts := 0
			require.ErrorIs(t, payments.Do(t.Context(), func(context.Context) error { attempts++; return failed }), failed)
			require.Equal(t, want, attempts, failed.Error())
		}
	})
}

func TestErrorsThatExplainThemselves(t *testing.T) {
	for want, err := range map[resilience.Verdict]error{
		resilience.Overload:  mapError(errBusy),
		resilience.Permanent: mapError(errDeclined),
		resilience.Transient: mapError(syscall.ECONNREFUSED),
	} {
		require.Equal(t, want, resilience.Classify(err))
	}
	require.Equal(t, resilience.Overload, resilience.Classify(&limitError{resets: true}))
}

func TestChargeKnowsItsErrors(t *testing.T) {
	payments := holdfast.Must(holdfast.New("payments", append([]resilience.Stage{
		holdfast.Observe(policytest.NoUnclassified(t)),
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined)),
	}, holdfast.Critical()...)...))
	err := payments.Do(t.Context(), func(context.Context) error { return errDeclined })
	require.ErrorIs(t, err, errDeclined)
}

func chargeOnce(ctx context.Context, order Order) error {
	err := payments.Do(resilience.MarkOnce(ctx), func(ctx context.Context) error {
		_, err := client.Charge(ctx, order)
		return err
	})
	if errors.Is(err, resilience.ErrOutcomeUnknown) {
		_, err = queue.Later(order) // find out first, then decide
	}
	return err
}

func TestErrorsChargeOnce(t *testing.T) {
	client.err = syscall.ECONNRESET // after it was sent
	defer func() { client.err = nil; queue.orders = nil }()
	require.NoError(t, chargeOnce(t.Context(), Order{ID: "4712"}))
	require.Len(t, queue.orders, 1)
}
