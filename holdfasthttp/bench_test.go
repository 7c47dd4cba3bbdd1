package holdfasthttp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// stub answers everything with the same response.
type stub struct{ resp *http.Response }

func (s stub) RoundTrip(*http.Request) (*http.Response, error) { return s.resp, nil }

func sixStages(total, attempt time.Duration) []resilience.Stage {
	return []resilience.Stage{
		deadline.In(total), bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(attempt),
	}
}

// oneDeadline is sixStages with only the attempt's deadline, which derives a ctx.
func oneDeadline() []resilience.Stage {
	return []resilience.Stage{bulkhead.Config{}, budget.Config{}, retry.Config{}, breaker.Config{}, deadline.In(time.Minute)}
}

var sink *http.Response

// BenchmarkRoundTrip measures what the RoundTripper adds to the pipeline (Do against RoundTrip), if
// the caller's deadline is the nearest ("inherited"), and if the pipeline derives one for the
// attempt ("derived"). A POST is also watched: did it get a connection, and was it written?
func BenchmarkRoundTrip(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	base := stub{response(http.StatusOK, http.NoBody)}
	for _, c := range []struct {
		name   string
		stages []resilience.Stage
	}{
		{"inherited", sixStages(3*time.Hour, 2*time.Hour)},
		{"derived", oneDeadline()},
	} {
		p := newPipeline(b, c.stages...)
		req := newRequest(b, http.MethodGet, nil).WithContext(ctx)
		b.Run(c.name+"/Do", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink, _ = holdfast.Value(ctx, p, func(context.Context) (*http.Response, error) { return base.RoundTrip(req) })
			}
		})
		b.Run(c.name+"/RoundTrip", func(b *testing.B) {
			rt := newTransport(b, p, holdfasthttp.WithBase(base))
			b.ReportAllocs()
			for b.Loop() {
				sink, _ = rt.RoundTrip(req)
			}
		})
		for name, length := range map[string]int64{"a body that fits": 6, "a body that does not": 7} {
			post := newRequest(b, http.MethodPost, strings.NewReader("10 EUR")).WithContext(ctx)
			post.ContentLength = length
			b.Run(c.name+"/"+name, func(b *testing.B) {
				rt := newTransport(b, p, holdfasthttp.WithBase(base))
				b.ReportAllocs()
				for b.Loop() {
					sink, _ = rt.RoundTrip(post)
				}
			})
		}
	}
}

// discards is a ResponseWriter that costs nothing.
type discards struct {
	header http.Header
	status int
}

func (d *discards) Header() http.Header         { return d.header }
func (d *discards) WriteHeader(code int)        { d.status = code }
func (d *discards) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkMiddleware measures what the Middleware and its stages add to a handler that does
// nothing ("bare"), and what a refusal costs.
func BenchmarkMiddleware(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	req := newRequest(b, http.MethodGet, nil).WithContext(ctx)
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	limit, adaptive := ratelimit.Config{Rate: 1e9, Burst: 1e9}, bulkhead.Config{Adaptive: &bulkhead.Adaptive{}}
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"bare", nothing},
		{"ratelimit+adaptive", protected(b, newPipeline(b, limit, adaptive), nothing)},
		{"ratelimit+adaptive+deadline", protected(b, newPipeline(b, limit, adaptive, deadline.In(time.Minute)), nothing)},
		{"refused", protected(b, newPipeline(b, ratelimit.Config{Rate: 1e-6, Burst: 1}), nothing)},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := &discards{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				c.handler.ServeHTTP(w, req)
			}
		})
	}
}
