package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What a server tells its client about the error of its handler.
func TestGaveUp(t *testing.T) {
	errDown := errors.New("down")
	transient := resilience.Judgment{Dependency: resilience.Transient, Retry: resilience.Transient}
	unknown := func(repeatable bool) error {
		return &resilience.CallError{Err: errDown, Judgment: transient, Effect: resilience.EffectUnknown, Repeatable: repeatable}
	}
	behind := func(repeatable bool) error { // the server behind has given up
		e := unknown(repeatable).(*resilience.CallError) //nolint:errorlint,forcetypeassert // it is one
		e.Final, e.Reason = true, resilience.ReasonBudget
		return e
	}
	loop := func(err error) error {
		return retry.Do(t.Context(), retry.Config{MaxRetries: 1, BaseDelay: 1}, func(context.Context) error { return err })
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		err  error
		want resilience.Reason
	}{
		"nobody has tried again":            {resilience.MarkTransient(errDown), resilience.ReasonNone},
		"nil":                               {nil, resilience.ReasonNone},
		"a loop gave up":                    {fmt.Errorf("x: %w", loop(resilience.MarkTransient(errDown))), resilience.ReasonExhausted},
		"a loop that did not begin":         {&retry.Error{Reason: resilience.ReasonTooLate, Err: errDown}, resilience.ReasonNone},
		"the caller left":                   {retry.Do(canceled, retry.Config{}, nil), resilience.ReasonNone},
		"not to be made again":              {resilience.MarkNoRetry(errDown, resilience.Transient), resilience.ReasonPermanent},
		"nobody knows":                      {resilience.ErrOutcomeUnknown, resilience.ReasonOutcomeUnknown},
		"nobody knows, and never again":     {unknown(false), resilience.ReasonOutcomeUnknown},
		"nobody knows, and it may be again": {unknown(true), resilience.ReasonNone},
		"the same, and a loop gave up":      {loop(unknown(true)), resilience.ReasonExhausted},
		"the server behind gave up":         {behind(true), resilience.ReasonBudget},
		"the same, in a loop":               {loop(behind(true)), resilience.ReasonBudget},
		"the same, but it cannot be again":  {behind(false), resilience.ReasonOutcomeUnknown},
		"it may be again, but not by us":    {resilience.MarkNoRetry(unknown(true), resilience.Transient), resilience.ReasonOutcomeUnknown},
	} {
		require.Equal(t, c.want.String(), adapter.GaveUp(c.err).String(), name)
	}
}

func TestGaveUpReason(t *testing.T) {
	require.Equal(t, resilience.ReasonNone, adapter.GaveUpReason(""))
	require.Equal(t, resilience.ReasonExhausted, adapter.GaveUpReason("a later version's"))
	require.Equal(t, resilience.ReasonExhausted, adapter.GaveUpReason("none"))
	for r := resilience.ReasonNone + 1; r < resilience.NumReasons; r++ {
		require.Equal(t, r, adapter.GaveUpReason(r.String()))
	}
}
