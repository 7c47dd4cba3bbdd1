package lint_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/suite"
	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/lint"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// anyOf returns one of the values.
func anyOf[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

func randomTime(rng *rand.Rand) time.Duration {
	return time.Duration(1+rng.IntN(99)) * anyOf(rng, time.Microsecond, ms, 10*ms, 100*ms, sec)
}

// randomFile returns a service whose settings New accepts. Whether they make sense together is for
// the linter to find.
func randomFile(rng *rand.Rand) file {
	f := file{rps: anyOf(rng, 0, 0, 0.01, 0.3, 2, 50, 3000)}
	if rng.IntN(4) > 0 {
		f.deadline = randomTime(rng)
	}
	if rng.IntN(4) > 0 {
		f.attempt = randomTime(rng)
		if f.deadline > 0 {
			f.attempt = min(f.attempt, f.deadline-1)
		}
	}
	if rng.IntN(6) > 0 {
		base := randomTime(rng)
		f.retry = &retry.Config{
			MaxRetries: anyOf(rng, 0, retry.Unlimited, retry.None, 1, 2, 5, 12, 100, 5000), BaseDelay: base,
			MaxDelay: anyOf(rng, 0, -1, base, base+randomTime(rng)), Multiplier: anyOf(rng, 0, 1, 1.5, 10),
			Backoff: retry.StandardBackoff(1 + rng.IntN(4)), MinAttempt: anyOf(rng, 0, 0, randomTime(rng)),
			Jitter: anyOf[retry.Jitter](rng, nil, retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter,
				retry.AdditiveJitter(0.001), retry.ProportionalJitter(0.5)),
			Adaptive: anyOf(rng, nil, nil, &retry.Adaptive{}),
			Patient:  rng.IntN(2) == 0, QueueLimit: anyOf(rng, 0, -1, 1, 50, 100_000),
		}
		if rng.IntN(3) > 0 {
			f.budget = &budget.Config{
				Ratio: anyOf(rng, 0, -1, 0.02, 0.5, 3), Floor: anyOf(rng, 0, -1, 0.01, 20), Burst: anyOf(rng, 0, 1, 100, 100_000),
				DepositOn: budget.DepositOn(rng.IntN(3)), Shadow: rng.IntN(5) == 0, Initial: anyOf(rng, 0, -1, 1),
				RefundOnSuccess: rng.IntN(2) == 0,
			}
			if b := f.budget.Burst; b != 1 {
				f.budget.SlowCost = anyOf(rng, 0, 1, 2.5, 10, float64(b))
			}
		}
	}
	if rng.IntN(3) > 0 {
		open := randomTime(rng)
		f.breaker = &breaker.Config{
			FailureRatio: anyOf(rng, 0, 0.05, 0.8, 1), MinRequests: anyOf(rng, 0, 1, 500), ConsecutiveFailures: anyOf(rng, 0, -1, -1, 1, 3, 100),
			Window: anyOf(rng, 0, 100*ms+randomTime(rng), 100*ms+f.attempt*time.Duration(rng.IntN(3))), Buckets: anyOf(rng, 0, 1, 3), OpenFor: open, MaxOpenFor: open + randomTime(rng),
			HalfOpenProbes: anyOf(rng, 0, 1, 50), ProbeTimeout: anyOf(rng, 0, -1, randomTime(rng)),
			SlowCallDuration: anyOf(rng, 0, 0, randomTime(rng)), IgnoreUnclassified: rng.IntN(8) == 0,
		}
		if rng.IntN(3) == 0 {
			f.breaker.MinOpenFor = anyOf(rng, 1, open, (open+1)/2)
		}
		f.breakerPerCall = rng.IntN(2) == 0
		if f.breaker.ConsecutiveFailures > 0 && rng.IntN(4) == 0 {
			f.breaker.FailureRatio = -1
		}
	}
	if rng.IntN(3) == 0 {
		f.bulkhead = &bulkhead.Config{MaxConcurrent: anyOf(rng, 0, 1, 100_000), MaxWait: anyOf(rng, 0, -1, randomTime(rng)), QueueLimit: anyOf(rng, 0, 1, 1000)}
		f.bulkheadOutermost = rng.IntN(2) == 0
	}
	if rng.IntN(3) == 0 {
		f.ratelimit = &ratelimit.Config{
			Rate: anyOf(rng, -1, 0.01, 1, 50, 100_000), Burst: anyOf(rng, 0, 1, 1000), MaxWait: anyOf(rng, 0, -1, randomTime(rng)),
		}
		f.limitsAttempts = rng.IntN(2) == 0
	}
	if rng.IntN(2) == 0 {
		varied(rng, f.breaker)
		varied(rng, f.bulkhead)
		varied(rng, f.ratelimit)
		if f.retry != nil {
			varied(rng, f.budget)
			varied(rng, f.retry)
		}
	}
	f.keyed, f.store = rng.IntN(4) == 0, rng.IntN(3) == 0
	if f.breaker != nil {
		f.breaker.Fleet = rng.IntN(3) == 0
	}
	if f.budget != nil {
		f.budget.Fleet = rng.IntN(3) == 0
	}
	return f
}

// varied changes a number of a Config, if there is one.
func varied[C resilience.Stage](rng *rand.Rand, c *C) {
	if c != nil {
		*c = vary.Number(rng, *c)
	}
}

// wrongNumber is one of several things, or several of one.
var wrongNumber = regexp.MustCompile(`(?:^|[^\d.×=] )1 (?:retries|attempts|failures|places|outcomes|calls|instances|probes|services)\b|` +
	`(?:^|[^\d.])(?:[02-9]|\d\d+|\d+\.\d+) (?:retry|attempt|failure|place|outcome|call|instance|probe|service)\b`)

// stagesOf returns the sections for which a report has a finding with this code: a bulkhead and a
// rate limit may have one each.
func stagesOf(r lint.Report, code string) (stages []string) {
	for _, f := range r.Findings {
		if f.Code == code {
			stages = append(stages, stageOf(f))
		}
	}
	return stages
}

// stageOf returns the section of the setting that a finding is about; "" for a deadline.
func stageOf(f lint.Finding) string {
	stage, _, nested := strings.Cut(f.Key, ".")
	if !nested {
		return ""
	}
	return stage
}

// For any service, findings have all their numbers in their sentences. A finding goes away when its
// fix is applied, and New accepts the stages then.
func TestFixesMend(t *testing.T) {
	const enough = 4000 // for every finding to come up
	seen, seeds := map[string]int{}, suite.Tries(enough)
	for seed := range uint64(seeds) {
		f, pods := randomFile(rand.New(rand.NewPCG(seed, 1))), []int{0, 1, 2, 3, 200}[seed%5]
		_, err := holdfast.New("p", f.service("p").Stages...)
		if err != nil {
			require.ErrorContains(t, err, "no stages", "%d: the generator makes what New refuses", seed)
			continue
		}
		before := check(map[string]file{"p": f}, pods)
		for _, finding := range before.Findings {
			seen[finding.Code]++
			for _, n := range finding.Numbers {
				require.Contains(t, finding.Message+finding.Arithmetic, n.String(), "%d: %s", seed, finding)
			}
			require.NotContains(t, finding.Message, "%!", "%d: %s", seed, finding)
			require.NotRegexp(t, wrongNumber, finding.Message+" "+finding.Arithmetic, "%d", seed)
			require.NotContains(t, finding.Message+finding.Arithmetic, "Inf", "%d: %s", seed, finding)
			require.NotContains(t, finding.Message+finding.Arithmetic, "NaN", "%d: %s", seed, finding)
			if len(finding.Fix) == 0 {
				continue
			}
			mended := f.apply(t, finding.Fix)
			_, err = holdfast.New("p", mended.service("p").Stages...)
			require.NoError(t, err, "%d: %s\n%s", seed, finding, finding.Fix)
			after := check(map[string]file{"p": mended}, pods)
			others := slices.DeleteFunc(stagesOf(before, finding.Code), func(stage string) bool { return stage == stageOf(finding) })
			require.ElementsMatch(t, others, stagesOf(after, finding.Code), "%d: %s\nfix: %s\n%s", seed, finding, finding.Fix, after)
		}
	}
	if seeds < enough {
		return
	}
	for _, d := range lint.Docs() {
		if (d.Code < "HF050" || "HF060" <= d.Code && d.Code < "HF090") && d.Code != "HF014" {
			require.Positive(t, seen[d.Code], "no random service has %s", d.Code)
		}
	}
}

// Graphs of any shape: no panic, no endless loop, and the same report for any order of the
// services, except for where cycles are cut.
func TestAnyGraph(t *testing.T) {
	for seed := range uint64(suite.Tries(150)) {
		rng := rand.New(rand.NewPCG(seed, 2))
		names := strings.Split("abcdefgh", "")
		var services []lint.Service
		for range 1 + rng.IntN(10) {
			s := randomFile(rng).service(anyOf(rng, names...))
			for range rng.IntN(4) {
				s.Calls = append(s.Calls, lint.Call{Service: anyOf(rng, names...), PerCall: anyOf(rng, 0, 1, 2.5, -1)})
			}
			services = append(services, s)
		}
		o := lint.Options{Pods: rng.IntN(3), Store: anyOf(rng, names...)}
		r := lint.Check(services, o)
		for _, f := range r.Findings {
			require.NotContains(t, f.Message, "NaN", f)
			require.NotRegexp(t, wrongNumber, f.Message+" "+f.Arithmetic, "%d", seed)
			for _, n := range f.Numbers {
				require.Contains(t, f.Message+f.Arithmetic, n.String(), "%d: %s", seed, f)
			}
		}
		require.Equal(t, r, lint.Check(services, o), "deterministic")
	}
}
