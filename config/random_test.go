package config

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/media-gateway/holdfast/internal/vary"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/ratelimit"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// randomFile returns a file of random keys.
func randomFile(rng *rand.Rand) string {
	var b bytes.Buffer
	holder := func(indent, name string, facts bool) {
		fmt.Fprintf(&b, "%s%s:\n%s  template: %s\n", indent, name, indent, pick(rng, "none", "none", "critical", "standard", "background"))
		randomKeys(rng, &b, "", indent+"  ", facts)
	}
	holder("", "defaults", false)
	b.WriteString("templates:\n")
	holder("  ", "ours", false)
	b.WriteString("services:\n")
	holder("  ", "payments", true)
	b.WriteString("  ledger: {template: ours}\n  fraud: {}\n")
	return b.String()
}

func randomKeys(rng *rand.Rand, b *bytes.Buffer, section, indent string, facts bool) {
	for _, k := range allKeys {
		if k.section() != section || k.kind == kindName || k.fact && !facts || rng.IntN(3) > 0 {
			continue
		}
		if k.kind == kindSection && k.path != "lint" {
			if word := pick(rng, "on", "off", ""); word != "" {
				fmt.Fprintf(b, "%s%s: %s\n", indent, k.name(), word)
				continue
			}
			var below bytes.Buffer
			if randomKeys(rng, &below, k.path, indent+"  ", facts); below.Len() > 0 {
				fmt.Fprintf(b, "%s%s:\n%s", indent, k.name(), below.Bytes())
			}
			continue
		}
		if v := randomValue(rng, k); v != "" {
			fmt.Fprintf(b, "%s%s: %s\n", indent, k.name(), v)
		}
	}
}

// randomValue returns a value that the key may have, as a file writes it.
func randomValue(rng *rand.Rand, k key) string {
	if len(k.words) > 0 && (k.kind == kindChoice || rng.IntN(3) == 0) {
		return pick(rng, k.words...).text
	}
	switch k.kind {
	case kindDuration:
		if k.zero != nil && rng.IntN(4) == 0 {
			return pick(rng, "0", "0s")
		}
		return randomDuration(rng).String()
	case kindCount:
		if k.zero != nil && rng.IntN(4) == 0 {
			return "0"
		}
		return fmt.Sprint(1 + rng.IntN(9))
	case kindNumber:
		if k.zero != nil && rng.IntN(4) == 0 {
			return "0"
		}
		return formatNumber(k.min + (1-rng.Float64())*min(10, max(k.max-k.min, 1)))
	case kindFlag:
		return pick(rng, "true", "false")
	case kindText:
		return pick(rng, "payments-eu", `"true"`, `'12'`, `"#1: \"x\""`)
	case kindJitter:
		return pick(rng, "{additive: 0.125}", "{proportional: 1}")
	case kindCalls:
		return "[ledger, {service: fraud, per_call: 0.5}]"
	case kindSection:
		return "{ignore: [{code: HF012, reason: 'known: \"it\" is # ours'}]}"
	}
	return ""
}

func randomDuration(rng *rand.Rand) time.Duration {
	return pick(rng, time.Duration(1+rng.IntN(999_999)), time.Duration(1+rng.IntN(5000))*time.Millisecond,
		time.Duration(1+rng.IntN(240))*time.Second, time.Duration(1+rng.IntN(600))*time.Minute)
}

// randomService returns a service that a file could have.
func randomService(rng *rand.Rand) Service {
	s := Service{BulkheadPer: pick(rng, PerCall, PerAttempt), BreakerPer: pick(rng, PerCall, PerAttempt)}
	half := func() bool { return rng.IntN(2) == 0 }
	if half() {
		s.Deadline = randomDuration(rng)
	}
	if half() {
		s.AttemptDeadline = randomDuration(rng)
	}
	if half() {
		s.Bulkhead = &bulkhead.Config{MaxConcurrent: rng.IntN(100), MaxWait: pick(rng, 0, -1, randomDuration(rng)), QueueLimit: rng.IntN(3)}
		if rng.IntN(2) == 0 {
			s.Bulkhead.Adaptive = &bulkhead.Adaptive{
				SlowFailures: rng.IntN(9), CutTo: rng.Float64() * 0.9, CutEvery: randomDuration(rng), CalmFor: pick(rng, 0, -1, randomDuration(rng)),
				Times: pick(rng, 0, -1, 1+rng.Float64()),
			}
		}
	}
	if half() {
		c := retry.Config{
			MaxRetries: pick(rng, 0, retry.Unlimited, retry.None, rng.IntN(20)), BaseDelay: pick(rng, 0, randomDuration(rng)),
			MaxDelay: pick[time.Duration](rng, 0, -1), Multiplier: pick(rng, 0, 1, 1+3*rng.Float64(), 1e300),
			Jitter: pick[retry.Jitter](rng, nil, retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter,
				retry.AdditiveJitter(0.3), retry.AdditiveJitter(rng.Float64()/2+0.001), retry.ProportionalJitter(1)),
			Backoff:    pick[retry.Backoff](rng, nil, retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci),
			MinAttempt: pick(rng, 0, randomDuration(rng)), MaxRetryAfter: pick(rng, 0, -1, randomDuration(rng)),
			Patient: half(), QueueLimit: pick(rng, 0, -1, 1+rng.IntN(99)),
		}
		if half() {
			c.Adaptive = &retry.Adaptive{
				Window: pick(rng, 0, 100*time.Millisecond+randomDuration(rng)), MinSamples: rng.IntN(100),
				MinGain: pick(rng, 0, -1, rng.Float64()), Explore: pick(rng, 0, -1, rng.Float64()),
				MaxStretch: pick(rng, 0, -1, 1+9*rng.Float64()),
			}
		}
		s.Retry = &c
	}
	if s.Retry != nil && half() {
		s.Budget = &budget.Config{
			Ratio: pick(rng, 0, -1, rng.Float64()), Floor: pick(rng, 0, -1, 100*rng.Float64()),
			Burst: 50 * rng.IntN(2), Initial: pick(rng, 0, -1, 7),
			DepositOn: pick(rng, budget.Success, budget.Arrival, budget.AnySuccess), Shadow: half(),
			SlowCost: pick(rng, 0, 1+9*rng.Float64()), RefundOnSuccess: half(), SlowTimes: pick(rng, 0, -1, 1+9*rng.Float64()), Fleet: half(),
		}
	}
	if half() {
		s.Breaker = &breaker.Config{
			Name: pick(rng, "", "payments", "eu: 1"), FailureRatio: pick(rng, 0, -1, rng.Float64()), MinRequests: rng.IntN(50),
			ConsecutiveFailures: rng.IntN(50), Window: pick(rng, 0, randomDuration(rng)), Buckets: rng.IntN(20),
			OpenFor: pick(rng, 0, randomDuration(rng)), HalfOpenProbes: rng.IntN(5), ProbeTimeout: pick(rng, 0, -1, randomDuration(rng)),
			SlowCallDuration: pick(rng, 0, -1, randomDuration(rng)), IgnoreUnclassified: half(), Fleet: half(),
		}
		if s.Breaker.OpenFor > 0 {
			s.Breaker.MinOpenFor = pick(rng, 0, -1, 1+time.Duration(rng.Int64N(int64(s.Breaker.OpenFor))))
		}
		if s.Breaker.SlowCallDuration != 0 {
			s.Breaker.SlowCallRatio = pick(rng, 0, 1-rng.Float64())
		}
	}
	if half() {
		s.RateLimitPer = pick(rng, PerCall, PerAttempt)
		s.RateLimit = &ratelimit.Config{Rate: pick(rng, -1, 0.01, 1+100*rng.Float64()), Burst: rng.IntN(9), MaxWait: pick(rng, 0, -1, randomDuration(rng))}
	}
	for range rng.IntN(3) {
		varied(rng, s.RateLimit)
		varied(rng, s.Bulkhead)
		varied(rng, s.Breaker)
		varied(rng, s.Budget)
		varied(rng, s.Retry)
	}
	return s
}

// varied changes a number of a Config, if there is one.
func varied[C resilience.Stage](rng *rand.Rand, c *C) {
	if c != nil {
		*c = vary.Number(rng, *c)
	}
}
