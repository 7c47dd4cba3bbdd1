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
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
)

// These are the promises of NewTransport. (The race detector allocates by itself.)

func TestASuccessAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	base := stub{response(http.StatusOK, http.NoBody)}
	rt := newTransport(t, newPipeline(t, sixStages(3*time.Hour, 2*time.Hour)...), holdfasthttp.WithBase(base),
		holdfasthttp.WithAttemptHeader(holdfasthttp.AttemptHeader))
	req := newRequest(t, http.MethodGet, nil).WithContext(ctx)
	require.Zero(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }))
	req = newRequest(t, http.MethodPost, nil).WithContext(ctx) // net/http may be inside of base, and repeat it
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), 6.0)
	for _, ctx := range []context.Context{ctx, resilience.MarkOnce(ctx)} {
		req = newRequest(t, http.MethodPut, nil).WithContext(ctx) // base may make several tries
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), 5.0)
	}
}

// A deadline costs the pipeline's ctx, and a second ctx with a copy of the request, so that the
// body can outlive the deadline.
func TestADeadlineCostsThreeAllocations(t *testing.T) {
	base := stub{response(http.StatusOK, http.NoBody)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req := newRequest(t, http.MethodGet, nil).WithContext(ctx)
	for name, stages := range map[string][]resilience.Stage{"one": oneDeadline(), "a preset": holdfast.Critical()} {
		rt := newTransport(t, newPipeline(t, stages...), holdfasthttp.WithBase(base))
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), 3.0, name)
	}
}

// Over an http.Transport, 5 allocations are needed to learn whether a request got a connection.
// With a deadline it is 6 in all, since the two share an allocation. Where HTTP/2 is possible, a
// ctx that ends net/http's own repeats costs up to 5 more, as with a deadline.
func TestWatchingCostsFiveAllocations(t *testing.T) {
	within, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	endless, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		stages []resilience.Stage
		http2  bool
		most   float64
		method string
		length int64
	}{
		"within the caller's deadline":              {within, sixStages(3*time.Hour, 2*time.Hour), false, 5, "POST", 0},
		"the same, with a length and no body":       {within, sixStages(3*time.Hour, 2*time.Hour), false, 6, "PUT", 5},
		"within the caller's deadline, over HTTP/2": {within, sixStages(3*time.Hour, 2*time.Hour), true, 10, "GET", 0},
		"the same, a POST without a body":           {within, sixStages(3*time.Hour, 2*time.Hour), true, 11, "POST", 0},
		"a preset":                                  {endless, holdfast.Critical(), false, 6, "POST", 0},
	} {
		base := &http.Transport{Protocols: new(http.Protocols)}
		base.Protocols.SetHTTP1(true)
		base.Protocols.SetUnencryptedHTTP2(c.http2)
		answer := stub{response(http.StatusOK, http.NoBody)}
		if c.http2 {
			base.RegisterProtocol("stub", deriving{answer})
		} else {
			base.RegisterProtocol("stub", answer)
		}
		rt := newTransport(t, newPipeline(t, c.stages...), holdfasthttp.WithBase(base))
		req := newRequest(t, c.method, nil).WithContext(c.ctx)
		req.URL.Scheme, req.ContentLength = "stub", c.length
		alone := testing.AllocsPerRun(1000, func() { sink, _ = base.RoundTrip(req) })
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { sink, _ = rt.RoundTrip(req) }), alone+c.most, name)
	}
}

// deriving derives a ctx from that of the request, as an http.Transport does.
type deriving struct{ stub }

func (d deriving) RoundTrip(req *http.Request) (*http.Response, error) {
	_, cancel := context.WithCancelCause(req.Context())
	cancel(nil)
	return d.stub.RoundTrip(req)
}

// The handler's writer is one allocation. The promise of Middleware.
func TestMiddlewareCostsOneAllocation(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	req := newRequest(t, http.MethodGet, nil).WithContext(ctx)
	limits := []resilience.Stage{ratelimit.Config{Rate: 1e9, Burst: 1e9}, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}}
	for name, c := range map[string]struct {
		stages []resilience.Stage
		most   float64
	}{
		"rate limit and adaptive bulkhead":                       {limits, 1},
		"with a breaker, and a deadline that is not the nearest": {append(limits[:2:2], breaker.Config{}, deadline.In(2*time.Hour)), 1},
		"with a deadline": {append(limits[:2:2], deadline.In(time.Minute)), 3}, // the ctx, and the request with it
	} {
		handler := protected(t, newPipeline(t, c.stages...), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		w := &discards{header: http.Header{}}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { handler.ServeHTTP(w, req) }), c.most, name)
		require.Equal(t, http.StatusNoContent, w.status)
	}
	full := protected(t, newPipeline(t, fullBulkhead(t)), never(t), holdfasthttp.WithRefusal(func(w http.ResponseWriter, _ *http.Request, status int, _ error) { w.WriteHeader(status) }))
	w := &discards{header: http.Header{}}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { full.ServeHTTP(w, req) }), 3.0, "a refusal: the writer, and Retry-After")
	require.Equal(t, http.StatusServiceUnavailable, w.status)
}
