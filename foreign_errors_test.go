package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// brittle is an error of a client that has every method that stages ask for. The method named by
// breaks panics, as all of them do for a nil pointer.
type brittle struct{ breaks string }

func (e *brittle) may(method string) {
	if e.breaks == method {
		panic(method)
	}
}

func (e *brittle) Error() string                         { return "brittle " + e.breaks }
func (e *brittle) Unwrap() error                         { e.may("Unwrap"); return io.EOF }
func (e *brittle) Is(error) bool                         { e.may("Is"); return false }
func (e *brittle) As(any) bool                           { e.may("As"); return false }
func (e *brittle) Verdict() resilience.Verdict           { e.may("Verdict"); return resilience.Transient }
func (e *brittle) DependencyVerdict() resilience.Verdict { e.may("Dep"); return resilience.Transient }
func (e *brittle) StopReason() resilience.Reason         { e.may("Reason"); return resilience.NumReasons }
func (e *brittle) Timeout() bool                         { e.may("Timeout"); return true }
func (e *brittle) RetryAfter() time.Duration             { e.may("RetryAfter"); return 0 }
func (e *brittle) NoRetry() bool                         { e.may("NoRetry"); return false }
func (e *brittle) Unasked() bool                         { e.may("Unasked"); return false }
func (e *brittle) Unsent() bool                          { e.may("Unsent"); return false }
func (e *brittle) SafeToRetry() bool                     { e.may("SafeToRetry"); return false }
func (e *brittle) Expired() bool                         { e.may("Expired"); return true }

// timeless has the Timeout method of a net.Error, and says nothing else.
type timeless struct{ err error }

func (e *timeless) Error() string { return e.err.Error() }
func (e *timeless) Timeout() bool { return e.err == nil }

func brittleErrors() map[string]error {
	all := map[string]error{"nil": (*brittle)(nil), "nil net.Error": (*timeless)(nil)}
	for _, method := range []string{
		"Unwrap", "Is", "As", "Verdict", "Dep", "Reason", "Timeout", "RetryAfter", "NoRetry", "Unasked",
		"Unsent", "SafeToRetry", "Expired",
	} {
		all[method] = &brittle{method}
	}
	for name, err := range all {
		all[name+", wrapped"] = fmt.Errorf("x: %w", err)
		all[name+", joined"] = errors.Join(io.EOF, err)
		all[name+", marked"] = resilience.MarkTransient(err)
		all[name+", no retry"] = resilience.MarkNoRetry(err, resilience.Transient)
	}
	return all
}

// aggregate is an error that cannot be compared, as those of Kubernetes and of validators are.
type aggregate []error

func (a aggregate) Error() string   { return "many" }
func (a aggregate) Unwrap() []error { return a }

// report is another error that cannot be compared.
type report struct{ all []error }

func (r report) Error() string        { return "report" }
func (r report) Is(target error) bool { return errors.Is(errors.Join(r.all...), target) }

// Pins: an error of a type that cannot be compared is an error like any other, however its call
// ended.
func TestErrorsThatCannotBeCompared(t *testing.T) {
	for _, inner := range []error{
		io.EOF, context.Canceled, context.DeadlineExceeded, resilience.MarkTransient(io.EOF),
		resilience.MarkPermanent(io.EOF), resilience.MarkRejected(io.EOF),
	} {
		for _, err := range []error{aggregate{inner}, report{[]error{inner}}, resilience.MarkTransient(aggregate{inner})} {
			for how, stages := range map[string][]resilience.Stage{
				"preset": holdfast.Critical(), "loop": {retry.Config{}}, "breaker": {breaker.Config{}},
				"deadline": {deadline.In(time.Minute)},
			} {
				for name, end := range endings {
					t.Run(fmt.Sprintf("%T of %v/%s/%d", err, inner, how, name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							ctx, cancel := context.WithCancel(t.Context())
							defer cancel()
							if end.caller != nil {
								ctx, cancel = end.caller(ctx)
								defer cancel()
							}
							p := newPipeline(t, append([]resilience.Stage{holdfast.SilenceUnclassified()}, stages...)...)
							got := p.Do(ctx, func(context.Context) error {
								time.Sleep(1100 * time.Millisecond)
								return err
							})
							require.Error(t, got)
							require.NotEmpty(t, resilience.DescribeError(got))
						})
					})
				}
			}
		}
	}
}

// Pins: an error whose methods panic (a nil pointer that a func returned by mistake, most often) is
// an error like any other to every stage, whatever it is asked, in time and after the deadline.
func TestErrorsWhoseMethodsPanicCrashNobody(t *testing.T) {
	for name, err := range brittleErrors() {
		for how, stages := range map[string][]resilience.Stage{
			"preset":       holdfast.Critical(),
			"loop":         {retry.Config{}},
			"only unsent":  {retry.Config{OnlyUnsent: true, RetryIf: func(error) bool { return true }}},
			"breaker":      {breaker.Config{SlowCallDuration: time.Second}},
			"deadline":     {deadline.In(8 * time.Second)},
			"around a row": {breaker.Config{}, retry.Config{}, deadline.In(8 * time.Second)},
		} {
			for _, takes := range []time.Duration{0, 9900 * time.Millisecond, 11 * time.Second} {
				t.Run(fmt.Sprintf("%s/%s/%v", name, how, takes), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p := newPipeline(t, append([]resilience.Stage{holdfast.SilenceUnclassified()}, stages...)...)
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						got := p.Do(ctx, func(context.Context) error {
							time.Sleep(takes)
							return err
						})
						require.Error(t, got)
						_ = resilience.ReasonOf(got).String() + resilience.DescribeError(got)
						_, _, _ = resilience.Unasked(got), resilience.Unsent(got), resilience.NoRetry(got)
						require.NotEqual(t, holdfast.Healthy, holdfast.Check(t.Context(), p,
							func(context.Context) error { return err }).State)
						require.Zero(t, p.Snapshot().Live)
					})
				})
			}
		}
	}
}
