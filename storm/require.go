package storm

import (
	"testing"
	"time"
)

// RequireRecoversWithin fails the test, at once, unless the calls were well again (see Recovered)
// at most limit after the end of the last trigger.
func (r *Report) RequireRecoversWithin(t testing.TB, limit time.Duration) {
	t.Helper()
	after, ok := r.Recovered()
	switch {
	case ok && after <= limit:
	case ok:
		t.Fatalf("storm: recovered %v after the last trigger; want at most %v\n%s", after, limit, r)
	case r.lastEnd() == 0:
		t.Fatalf("storm: no trigger of the scenario ends, so there is nothing to recover from; give one a For\n%s", r)
	default:
		t.Fatalf("storm: not recovered: goodput did not stay at %g %% for %v between the last trigger's end (%v) and the end of the load (%v); "+
			"want that within %v\n%s", 100*healthy, r.Scenario.Steady, r.lastEnd(), r.Scenario.For, limit, r)
	}
}

// RequireAmplificationBelow fails the test, at once, unless there were fewer than limit attempts
// for each call, over the whole run.
func (r *Report) RequireAmplificationBelow(t testing.TB, limit float64) {
	t.Helper()
	if got := r.Total.Amplification(); !(got < limit) {
		t.Fatalf("storm: amplification is %.3f (%d attempts for %d calls); want below %g\n%s",
			got, r.Total.Attempts, r.Total.Calls, limit, r)
	}
}

// RequireGoodputAtLeast fails the test, at once, unless that share of all calls, 0 to 1, were good.
func (r *Report) RequireGoodputAtLeast(t testing.TB, share float64) {
	t.Helper()
	if got := r.Total.Goodput(); !(got >= share) {
		t.Fatalf("storm: goodput is %.4f (%d good calls of %d); want at least %g\n%s",
			got, r.Total.Good, r.Total.Calls, share, r)
	}
}
