package fleet

import "time"

// WithSkew sets the pod's wall clock off by d.
func WithSkew(d time.Duration) Option {
	return func(o *options) { o.now = func() time.Time { return time.Now().Add(d) } }
}
