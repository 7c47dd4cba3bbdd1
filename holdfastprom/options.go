package holdfastprom

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/media-gateway/holdfast/metrics"
	"github.com/media-gateway/holdfast/resilience"
)

// Option configures the [Metrics] that [New] returns. A nil Option changes nothing.
type Option func(*options)

type options struct {
	buckets   []float64 // bounds for durations; nil: the catalogue's
	classic   bool      // histograms have classic buckets
	factor    float64
	exemplars func(ctx context.Context) map[string]string
}

func defaults() options { return options{classic: true} }

// bucketsOf returns the bounds of a histogram's classic buckets.
func (o *options) bucketsOf(d *metrics.Description) []float64 {
	switch {
	case !o.classic:
		return nil
	case o.buckets != nil && strings.HasSuffix(d.Name, ".duration"):
		return o.buckets
	}
	return d.Bounds
}

// WithBuckets sets the upper bounds of the duration histograms' classic buckets, in seconds, in
// ascending order. Default: 13 buckets from 1 ms to 10 s. Without arguments, no histogram has
// classic buckets, not even the one of pauses; then [WithNativeHistograms] is required.
func WithBuckets(seconds ...float64) Option {
	bounds := slices.Clone(seconds)
	return func(o *options) { o.buckets, o.classic = bounds, len(bounds) > 0 }
}

// WithNativeHistograms adds native buckets to the histograms. Each bucket is at most factor times
// as wide as the one before; 1.1 is a good choice. Default: 0, no native buckets. They add no
// series, but each observation takes longer. Prometheus must be configured to scrape them.
func WithNativeHistograms(factor float64) Option {
	return func(o *options) { o.factor = factor }
}

// WithExemplars adds exemplars to the counts and the durations of calls and attempts, so that a
// graph can link to a trace. of returns the labels of the exemplar for a ctx, for example the
// trace's ID. If it returns no labels, or labels that OpenMetrics forbids (an invalid name, or more
// than 128 characters in all), there is no exemplar. of is called once per attempt and once per
// call, and must be safe for concurrent use. Default: nil, no exemplars. An exemplar allocates.
// Only a scrape in the OpenMetrics format shows them (promhttp.HandlerOpts.EnableOpenMetrics).
func WithExemplars(of func(ctx context.Context) map[string]string) Option {
	return func(o *options) { o.exemplars = of }
}

func (o *options) check() error {
	var errs []error
	fail := func(field string, value any, want string) {
		errs = append(errs, &resilience.FieldError{Stage: "holdfastprom", Field: field, Value: value, Want: want})
	}
	for i, b := range o.buckets {
		if math.IsNaN(b) || b <= 0 || i > 0 && b <= o.buckets[i-1] {
			fail("WithBuckets", o.buckets, "want rising bounds above 0, in seconds")
			break
		}
	}
	if o.factor != 0 && !(o.factor > 1 && o.factor <= 16) {
		fail("WithNativeHistograms", o.factor, "want a factor above 1 and up to 16, such as 1.1, or 0 for none")
	}
	if !o.classic && o.factor == 0 {
		fail("WithBuckets", o.buckets, "want at least one bound, or WithNativeHistograms as well")
	}
	return errors.Join(errs...)
}
