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
	"github.com/media-gateway/holdfast/resilience"
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

// A deadline costs the pipeline's ctx, and a second ctx with a copy of the request, so that the
// body can outlive the deadline.
func TestADeadlineCostsThreeAllocations(t *testing.T) {
	base := stub{response(http.StatusOK, http.NoBody)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := newRequest(t, http.MethodPost, nil).WithContext(ctx)
	for name, stages := range map[string][]resilience.Stage{"one": oneDeadline(), "a preset": holdfast.Critical()} {
		rt := newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(base))
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), 3.0, name)
	}
}

// Over an http.Transport, 5 allocations are needed to learn whether a request got a connection.
// With a deadline it is 6 in all, since the two share an allocation.
func TestWatchingCostsFiveAllocations(t *testing.T) {
	within, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	endless, cancel := context.WithCancel(t.Context())
	defer cancel()
	base := &http.Transport{}
	base.RegisterProtocol("stub", stub{response(http.StatusOK, http.NoBody)})
	for name, c := range map[string]struct {
		ctx    context.Context
		stages []resilience.Stage
		most   float64
	}{
		"within the caller's deadline": {within, sixStages(3*time.Hour, 2*time.Hour), 5},
		"a preset":                     {endless, holdfast.Critical(), 6},
	} {
		rt := newTransport(t, newPipeline(t, c.stages...), holdfasthttp.WithBase(base))
		req := newRequest(t, http.MethodPost, nil).WithContext(c.ctx)
		req.URL.Scheme = "stub"
		alone := testing.AllocsPerRun(1000, func() { sink, _ = base.RoundTrip(req) })
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), alone+c.most, name)
	}
}
