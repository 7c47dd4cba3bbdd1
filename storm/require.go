package storm

import (
	"fmt"
	"testing"
	"time"
)

// RequireRecoversWithin fails the test, at once, unless the calls were well again (see Recovery)
// at most limit after the end of the last trouble. It also fails if that cannot be told.
func (r *Report) RequireRecoversWithin(t testing.TB, limit time.Duration) {
	t.Helper()
	s, rec := &r.Scenario, r.Recovery()
	switch rec.Outcome {
	case OutcomeRecovered:
		if rec.After > limit {
			t.Fatalf("storm: recovered %v after the last trouble; want at most %v\n%s", rec.After, limit, r)
		}
	case OutcomeNoTrouble:
		t.Fatalf("storm: no trouble of the scenario ends, so there is nothing to recover from; give a Trigger a For, or the Load a Spike\n%s", r)
	case OutcomeUnclear:
		t.Fatalf("storm: cannot tell whether it recovered: %d calls began between the last trouble's end (%v) and the end of the load (%v); "+
			"want at least %d, over at least %v (Steady); give the scenario a longer For or more load\n%s", rec.Calls, rec.End, s.For, enough, s.Steady, r)
	default:
		t.Fatalf("storm: not recovered: goodput did not stay at %g %% for %v between the last trouble's end (%v) and the end of the load (%v), "+
			"with %d of %d calls good%s; want that within %v\n%s", 100*healthy, s.Steady, rec.End, s.For, rec.Good, rec.Calls, rec.hanging(), limit, r)
	}
}

// hanging says how many callers waited, if any did.
func (rec *Recovery) hanging() string {
	if rec.Waiting == 0 {
		return ""
	}
	return fmt.Sprintf(" and %.1f callers waiting for longer than usual", rec.Waiting)
}

// RequireAmplificationBelow fails the test, at once, unless there were fewer than limit attempts
// for each call, over the whole run. It also fails if there was no call.
func (r *Report) RequireAmplificationBelow(t testing.TB, limit float64) {
	t.Helper()
	r.requireCalls(t)
	if got := r.Total.Amplification(); !(got < limit) {
		t.Fatalf("storm: amplification is %.3f (%d attempts for %d calls); want below %g\n%s",
			got, r.Total.Attempts, r.Total.Calls, limit, r)
	}
}

// RequireGoodputAtLeast fails the test, at once, unless that share of all calls, 0 to 1, were good.
// It also fails if there was no call.
func (r *Report) RequireGoodputAtLeast(t testing.TB, share float64) {
	t.Helper()
	r.requireCalls(t)
	if got := r.Total.Goodput(); !(got >= share) {
		t.Fatalf("storm: goodput is %.4f (%d good calls of %d); want at least %g\n%s",
			got, r.Total.Good, r.Total.Calls, share, r)
	}
}

// requireCalls fails the test if there was no call: nothing can be told from none.
func (r *Report) requireCalls(t testing.TB) {
	t.Helper()
	if r.Total.Calls == 0 {
		t.Fatalf("storm: no call began in %v; give the scenario a longer For or more load\n%s", r.Scenario.For, r)
	}
}
