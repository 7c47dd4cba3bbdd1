// Package slow tells failures that cost the dependency much from those that cost it little. A
// dependency with too much to do mostly fails slowly: the attempt waits in a queue until its time
// is over. One that refuses connections, or whose answers are errors by chance, fails quickly. So
// how long a failure took tells whether a retry can do harm, before anybody has counted.
package slow

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/resilience"
)

// Failure reports whether an attempt that ended with err, judged as j, was a slow failure: its time
// ran out, it used more than half of what it may take, or the dependency said that it has too much
// to do (resilience.Overload). took is how long it took, 0 if nobody measured it; limit is what an
// attempt may take, 0 if that is not known. What is no failure is no slow one.
func Failure(j resilience.Judgment, err error, took, limit time.Duration) bool {
	if err == nil || !j.Dependency.Failure() {
		return false
	}
	return j.Dependency == resilience.Overload ||
		limit > 0 && took > limit/2 ||
		foreign.Is(err, context.DeadlineExceeded) || foreign.Timeout(err)
}
