package lint_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is said of probes where min_open_for is set, and what is not.
func TestABreakerWhosePausesFollowItsFailures(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *file)
		code   string
		reads  string // "": it is not found
	}{
		"a probe that hangs keeps no other out": {func(f *file) { f.breaker.ProbeTimeout, f.deadline, f.attempt = -1, 0, 0 }, "HF037", ""},
		"max_open_for has no effect":            {func(f *file) { f.breaker.MaxOpenFor = time.Hour }, "HF039", ""},
		"open_for is the longest": {
			func(f *file) { f.breaker.OpenFor, f.breaker.MaxOpenFor = time.Minute, time.Minute },
			"HF039", "after a long outage the breaker may keep calls out for up to 60 s after the dependency is back",
		},
		"and so min_open_for may be": {
			func(f *file) {
				f.breaker.MinOpenFor, f.breaker.OpenFor, f.breaker.MaxOpenFor = time.Minute, time.Minute, time.Minute
			},
			"HF039", "after a long outage the breaker may keep calls out for up to 60 s after the dependency is back",
		},
		"open_for is just right": {func(f *file) { f.breaker.OpenFor, f.breaker.MaxOpenFor = 30*sec, time.Hour }, "HF039", ""},
		"no rounds": {
			func(f *file) { f.breaker.HalfOpenProbes, f.breaker.FailureRatio = 20, -1 },
			"HF038", "the breaker closes when fewer than 1 of the last 20 probes have failed: where 10 % of the attempts fail, that is so 12 % of the time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := sound(func(f *file) { f.breaker.MinOpenFor = 100 * ms; c.change(f) })
			found, ok := find(check(all, 0), c.code)
			require.Equal(t, c.reads != "", ok, "%v", found)
			if !ok {
				return
			}
			require.Equal(t, c.reads, found.Message)
			fixed := map[string]file{"payments": all["payments"].apply(t, found.Fix)}
			_, ok = find(check(fixed, 0), c.code)
			require.False(t, ok, "still found after %s", found.Fix)
		})
	}
}
