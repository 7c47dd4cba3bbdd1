//go:build !race

package holdfasthttp_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
)

// These are the promises of NewTransport. (The race detector allocates by itself.)

func TestASuccessAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	base := stub{response(http.StatusOK, http.NoBody)}
	rt := newTransport(t, newPipeline(t, sixStages(3*time.Hour, 2*time.Hour)...), holdfasthttp.WithBase(base),
		holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader))
	req := newRequest(t, http.MethodPost, nil).WithContext(ctx)
	require.Zero(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }))
}

// A deadline costs a ctx (the pipeline's), and another with a copy of the request, to let the body outlive it.
func TestADeadlineCostsTenAllocations(t *testing.T) {
	base := stub{response(http.StatusOK, http.NoBody)}
	p := newPipeline(t, oneDeadline()...)
	rt := newTransport(t, p, holdfasthttp.WithBase(base))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := newRequest(t, http.MethodPost, nil).WithContext(ctx)
	pipeline := testing.AllocsPerRun(1000, func() {
		sink, _ = holdfast.Value(ctx, p, func(context.Context) (*http.Response, error) { return base.RoundTrip(req) })
	})
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), pipeline+10)
}
