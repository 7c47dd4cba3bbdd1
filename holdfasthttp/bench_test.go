package holdfasthttp_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
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
// attempt ("derived").
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
	}
}
