package resilience_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// named is a Policy that records when a call passes it.
type named struct {
	name  string
	trace *[]string
}

func (n named) Wrap(next resilience.Func) resilience.Func {
	return func(ctx context.Context) error {
		*n.trace = append(*n.trace, n.name)
		return next(ctx)
	}
}

func TestChainOrder(t *testing.T) {
	var trace []string
	a, b, c := named{"a", &trace}, named{"b", &trace}, named{"c", &trace}
	op := func(context.Context) error { trace = append(trace, "op"); return nil }

	require.NoError(t, resilience.Chain(a, b, c).Wrap(op)(t.Context()))
	require.Equal(t, []string{"a", "b", "c", "op"}, trace)

	trace = nil
	require.NoError(t, resilience.Chain(a, nil, resilience.Chain(b, c)).Wrap(op)(t.Context()))
	require.Equal(t, []string{"a", "b", "c", "op"}, trace)

	trace = nil
	require.NoError(t, resilience.Chain().Wrap(op)(t.Context()))
	require.Equal(t, []string{"op"}, trace)
}

// In a chain of any form the stages find each other: the loop finds the budget outside of it, which
// pays for its retries.
func TestStagesOfAChainKnowEachOther(t *testing.T) {
	var trace []string
	between := named{"between", &trace}
	for name, chain := range map[string]func(bank, loop resilience.Policy) resilience.Policy{
		"flat": func(bank, loop resilience.Policy) resilience.Policy { return resilience.Chain(bank, between, loop) },
		"nested outside": func(bank, loop resilience.Policy) resilience.Policy {
			return resilience.Chain(resilience.Chain(bank, between), loop)
		},
		"nested inside": func(bank, loop resilience.Policy) resilience.Policy {
			return resilience.Chain(bank, resilience.Chain(between, loop))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bank, err := budget.New(budget.Config{Burst: 1, Floor: -1})
			require.NoError(t, err)
			loop, err := retry.New(retry.Config{BaseDelay: 1, MaxDelay: 1})
			require.NoError(t, err)
			err = chain(bank, loop).Wrap(func(ctx context.Context) error {
				require.Equal(t, t.Context(), ctx)
				return resilience.MarkTransient(io.EOF)
			})(t.Context())
			require.ErrorIs(t, err, budget.ErrExhausted)
			require.EqualValues(t, 1, bank.Stats().Withdrawals)
			require.EqualValues(t, 1, bank.Stats().Refused)
		})
	}
}

func TestPrebuiltAndPolicyFunc(t *testing.T) {
	var trace []string
	a := named{"a", &trace}
	p, err := resilience.Prebuilt(a).Build()
	require.NoError(t, err)
	require.Equal(t, a, p)

	f := resilience.PolicyFunc(a.Wrap)
	p, err = f.Build()
	require.NoError(t, err)
	require.NoError(t, p.Wrap(func(context.Context) error { return nil })(t.Context()))
	require.Equal(t, []string{"a"}, trace)
}

// notebook is a Guard that records what its methods get.
type notebook struct {
	refusal  error
	acquired int
	released []error
}

func (g *notebook) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(g, next) }

func (g *notebook) Acquire(context.Context) error {
	if g.refusal == nil {
		g.acquired++
	}
	return g.refusal
}

func (g *notebook) Release(_ context.Context, err error) { g.released = append(g.released, err) }

func TestWrapGuard(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		op       resilience.Func
		released error
		panics   any
	}{
		"success": {func(context.Context) error { return nil }, nil, nil},
		"failure": {func(context.Context) error { return boom }, boom, nil},
		"panic":   {func(context.Context) error { panic("boom") }, resilience.ErrAborted, "boom"},
		"goexit":  {func(context.Context) error { runtime.Goexit(); return nil }, resilience.ErrAborted, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := &notebook{}
			var err error
			var reason any
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { reason = recover() }()
				err = g.Wrap(c.op)(t.Context())
			}()
			<-done
			require.Equal(t, 1, g.acquired)
			require.Equal(t, []error{c.released}, g.released)
			require.Equal(t, c.panics, reason)
			if c.released != resilience.ErrAborted { //nolint:errorlint // identity
				require.Equal(t, c.released, err)
			}
		})
	}
}

func TestWrapGuardRefusal(t *testing.T) {
	full := errors.New("full")
	marked := resilience.MarkRejected(full)
	for name, c := range map[string]struct {
		refusal   error
		untouched bool
		verdict   resilience.Verdict
		reason    resilience.Reason
	}{
		"plain":                {full, false, resilience.Rejected, resilience.ReasonRejected},
		"transient is refused": {resilience.MarkTransient(full), false, resilience.Rejected, resilience.ReasonRejected},
		"marked":               {marked, true, resilience.Rejected, resilience.ReasonRejected},
		"canceled":             {context.Canceled, false, resilience.Canceled, resilience.ReasonCanceled},
		"out of time":          {context.DeadlineExceeded, false, resilience.Rejected, resilience.ReasonTooLate},
	} {
		t.Run(name, func(t *testing.T) {
			g := &notebook{refusal: c.refusal}
			err := g.Wrap(func(context.Context) error { t.Error("it ran"); return nil })(t.Context())
			require.ErrorIs(t, err, c.refusal)
			require.Equal(t, c.untouched, err == c.refusal) //nolint:errorlint // identity
			require.Equal(t, c.verdict, resilience.Classify(err))
			require.Equal(t, c.reason, resilience.ReasonOf(err))
			require.True(t, resilience.Unasked(err))
			require.Empty(t, g.released)
		})
	}
}
