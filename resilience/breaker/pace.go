package breaker

import (
	"context"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// A breaker has to tell an impatient caller from a dependency that hangs, whoever's limit it was
// that ended an attempt. It goes by how long the attempt had, compared with how long successes
// take: the slowest of late, or, as long as there was none, a part of what an attempt may take.
const (
	patience     = 2                // times the slowest success of late: clearly longer
	coldPatience = 10               // more than this part of an attempt's limit, where no success was seen
	leastTime    = time.Millisecond // below it, it is the scheduler that is measured
	decay        = 64               // the part of the difference by which a faster success lowers the slowest
)

// tookSuccess notes how long a success took. Not all need be noted. Of those that are, the slowest
// of about the last 64 counts: so where the dependency is well, an attempt is taken for a hang in
// error once in 64 times at the most.
func (m *machine) tookSuccess(took time.Duration) {
	took = max(took, 1)
	for {
		was := m.slowest.Load()
		is := int64(took)
		if is < was {
			is = was - (was-is+decay-1)/decay
		}
		if is == was || m.slowest.CompareAndSwap(was, is) {
			return
		}
	}
}

// hung reports whether an attempt that was cut off after it had taken so long says that the
// dependency hangs. limit is what an attempt may take, 0 if that is not known. ranOut is true if a
// deadline cut it off, and false if its caller gave up: with nothing to compare it with, only the
// former is taken for a failure.
func (m *machine) hung(took, limit time.Duration, ranOut bool) bool {
	slowest := time.Duration(m.slowest.Load())
	switch {
	case limit > 0 && took >= limit:
		return true
	case slowest > 0:
		return took >= leastTime && took/patience >= slowest
	case limit > 0:
		return took > limit/coldPatience
	}
	return ranOut
}

// cutOff reports whether err, which is no definite answer, came because the time of ctx was over.
// Clients that pass a ctx's deadline on to a connection or a server may come back at the same
// moment, and with a timeout of their own just before.
func cutOff(ctx context.Context, err error, took time.Duration) bool {
	if ctx.Err() != nil {
		return true
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return false
	}
	left := time.Until(deadline)
	return left <= 0 || left <= took/8 && isTimeout(err)
}

func isTimeout(err error) bool {
	return foreign.Is(err, context.DeadlineExceeded) || foreign.Timeout(err)
}

// judged is what came of a call.
type judged struct {
	outcome outcome
	slow    bool
	took    time.Duration // 0 if it was not asked for
	now     mono.Time     // when took was read; else 0
}

// aborted is what comes of a call that did not return: its op panicked or exited, or a classifier
// panicked.
func (b *Breaker) aborted(began mono.Time) judged {
	j := judged{outcome: failure, now: mono.Now()}
	j.took = time.Duration(j.now - began)
	j.slow = b.machine.numbers.Load().isSlow(j.took)
	return j
}

// judge says how a call of an op that ended with err counts, and how long it took if that matters.
// A classifier may panic.
func (b *Breaker) judge(ctx context.Context, began mono.Time, err error) (j judged, out error) {
	n := b.machine.numbers.Load()
	verdict := resilience.Success
	if err != nil {
		judgment := resilience.Assess(ctx, b.classify, err)
		verdict, out = judgment.Dependency, resilience.Ended(ctx, judgment, err)
	}
	if verdict.Failure() || verdict == resilience.Canceled || n.slowCallDuration > 0 {
		j.now = mono.Now()
		j.took = time.Duration(j.now - began)
	}
	switch {
	case verdict == resilience.Rejected:
		j.outcome = excluded
	case verdict == resilience.Canceled:
		j.outcome = excluded
		if ctx.Err() != nil && !resilience.Unasked(err) && b.machine.hung(j.took, b.limit, false) {
			j.outcome = failure
		}
	case verdict == resilience.Unclassified && b.config.IgnoreUnclassified:
		j.outcome = excluded
	case verdict == resilience.Overload: // a definite answer
		j.outcome = failure
	case verdict.Failure():
		j.outcome = failure
		if verdict == resilience.Unclassified {
			j.outcome = unclassified
		}
		if cutOff(ctx, err, j.took) && !b.machine.hung(j.took, b.limit, true) {
			j.outcome = excluded
		}
	}
	j.slow = j.outcome != excluded && n.isSlow(j.took)
	return j, out
}
