package holdfastotel_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/holdfastotel"
	"github.com/media-gateway/holdfast/holdfastsql"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// declined is a dependency's error.
type declined struct{}

func (*declined) Error() string { return "declined" }

// traced is a user's wrapper. error.type looks through it, since it has a method Origin.
type traced struct{ error }

func (e traced) Origin() error { return e.error }

// errorTypes returns the error.type of each event and each span that f produces, by its name.
func errorTypes(t *testing.T, f func(ctx context.Context, o *holdfastotel.Observer)) map[string]string {
	t.Helper()
	s := newSDK(t)
	o := s.observer(t, holdfastotel.WithAttemptSpans())
	types := map[string]string{}
	for _, span := range s.inSpan(t.Context(), func(ctx context.Context) { f(ctx, o) }) {
		for _, a := range span.Attributes {
			if a.Key == "error.type" {
				types[span.Name] = a.Value.AsString()
			}
		}
		for _, e := range span.Events {
			for _, a := range e.Attributes {
				if a.Key == "error.type" {
					types[e.Name] = a.Value.AsString()
				}
			}
		}
	}
	return types
}

// error.type is the type of the dependency's error, without the wrappers of a client, a mark, an
// adapter or a stage.
func TestErrorType(t *testing.T) {
	err := error(&declined{})
	inner, pipelineErr := holdfast.New("inner", plain(1))
	require.NoError(t, pipelineErr)
	for name, op := range map[string]resilience.Func{
		"marked": func(context.Context) error { return resilience.MarkTransient(err) },
		"not to repeat": func(context.Context) error {
			return resilience.MarkNoRetry(resilience.MarkTransient(err), resilience.Transient)
		},
		"a service's": func(context.Context) error { return &resilience.Error{Kind: resilience.KindNetwork, Err: err} },
		"with words": func(context.Context) error {
			return fmt.Errorf("charge: %w", resilience.MarkTransient(fmt.Errorf("card: %w", err)))
		},
		"joined":         func(context.Context) error { return resilience.MarkTransient(errors.Join(errors.New("charge"), err)) },
		"somebody's own": func(context.Context) error { return traced{resilience.MarkTransient(traced{err})} },
		"an adapter's": func(context.Context) error {
			return &resilience.CallError{Err: err, Judgment: resilience.Judgment{Retry: resilience.Transient}, Why: errRefused}
		},
		"from another pipeline": func(ctx context.Context) error {
			return inner.Do(ctx, func(context.Context) error { return resilience.MarkTransient(err) })
		},
		"after the attempt's deadline": func(ctx context.Context) error { <-ctx.Done(); return err },
	} {
		synctest.Test(t, func(t *testing.T) {
			types := errorTypes(t, func(ctx context.Context, o *holdfastotel.Observer) {
				p := observed(t, o, "payments", plain(1), deadline.In(time.Second))
				require.Error(t, p.Do(ctx, op))
			})
			require.NotEmpty(t, types, name)
			for event, is := range types {
				require.Equal(t, "*holdfastotel_test.declined", is, "%s: %s", name, event)
			}
		})
	}
}

// A service's error that wraps no other error is the dependency's own.
func TestErrorTypeOfAnErrorWithoutACause(t *testing.T) {
	types := errorTypes(t, func(ctx context.Context, o *holdfastotel.Observer) {
		_ = observed(t, o, "payments", plain(0)).Do(ctx, func(context.Context) error {
			return fmt.Errorf("charge: %w", resilience.MarkOverload(&resilience.Error{Kind: resilience.KindTimeout}, 0))
		})
	})
	require.Equal(t, map[string]string{"attempt payments": "*resilience.Error", "holdfast.give_up": "*resilience.Error"}, types)
}

// With an adapter, it is the type of the client's own error. integration/agree tests that for the
// other adapters.
func TestErrorTypeThroughAdapters(t *testing.T) {
	transport := errorTypes(t, func(ctx context.Context, o *holdfastotel.Observer) {
		base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &declined{}}
		}}
		client, err := holdfasthttp.NewTransport(observed(t, o, "payments", plain(1)), holdfasthttp.WithBase(base))
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://payments.invalid", http.NoBody)
		require.NoError(t, err)
		resp, err := client.RoundTrip(request)
		if err == nil {
			_ = resp.Body.Close()
		}
		require.Error(t, err)
	})
	require.Equal(t, map[string]string{
		"attempt payments": "*net.OpError", "holdfast.retry": "*net.OpError", "holdfast.give_up": "*net.OpError",
	}, transport)

	database := errorTypes(t, func(ctx context.Context, o *holdfastotel.Observer) {
		p := observed(t, o, "orders", plain(1))
		require.Error(t, holdfastsql.Do(ctx, p, holdfastsql.Classify, func(context.Context) error { return &declined{} }))
	})
	require.NotEmpty(t, database)
	for event, is := range database {
		require.Equal(t, "*holdfastotel_test.declined", is, event)
	}
}
