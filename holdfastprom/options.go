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

// Option changes what New makes. A nil Option changes nothing.
type Option func(*options)

type options struct {
	buckets   []float64 // of durations; nil: those of the catalogue
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

// WithBuckets sets the upper bounds of the duration histograms' classic buckets, in seconds,
// rising. The default is from 1 ms to 10 s in 13 buckets. Without any bound no histogram has
// classic buckets, that of pauses included; this wants WithNativeHistograms.
func WithBuckets(seconds ...float64) Option {
	bounds := slices.Clone(seconds)
	return func(o *options) { o.buckets, o.classic = bounds, len(bounds) > 0 }
}

// WithNativeHistograms adds native buckets to the histograms, each at most factor times as wide
// as the one before: 1.1 is a good choice, and 0, the default, leaves them out. They cost no
// series, but time at each observation. Prometheus has to be told to scrape them.
func WithNativeHistograms(factor float64) Option {
	return func(o *options) { o.factor = factor }
}

// WithExemplars puts the labels that of returns for a ctx (a trace's id, say) on the counts and the
// durations of calls and attempts, so that one can go from a graph to a trace. For
// no labels there is no exemplar; nor for labels that OpenMetrics forbids: a wrong name, or more
// than 128 characters in all. of is called once per attempt and once per call, and has to be
// safe for concurrent use; nil, the default, puts none. An exemplar allocates. Only a scrape in
// the OpenMetrics format shows them (promhttp.HandlerOpts.EnableOpenMetrics).
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
