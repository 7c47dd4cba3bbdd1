package retry

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
)

// The values of Config.MaxRetries that are not a number of retries. They have names because neither
// 0 nor -1 can say them without being mistaken for the other: see
// docs/adr/0015-how-many-retries.md.
const (
	// None makes one attempt and no retry.
	None = math.MinInt
	// Unlimited makes as many retries as the deadline and the budget allow.
	Unlimited = math.MaxInt
)

// Config is a retry loop as data. The zero value is Default().
type Config struct {
	// MaxRetries is how many attempts may follow the first: a number, None or Unlimited. Default
	// (0): 3. A negative number is an error.
	MaxRetries int

	// BaseDelay is the first pause, from which Backoff makes the others. Default 100ms.
	BaseDelay time.Duration

	// MaxDelay is the longest pause that Backoff yields; additive jitter and a retry-after
	// (see MaxRetryAfter) may still lengthen it. Default 5s, or BaseDelay if that is longer; -1: no
	// limit.
	MaxDelay time.Duration

	// Multiplier is the growth of the exponential backoff. Default 2, at least 1.
	Multiplier float64

	// Jitter spreads the pauses at random. Default AdditiveJitter(0.3); NoJitter for none.
	Jitter Jitter

	// Backoff is how the pauses grow. Default Exponential.
	Backoff Backoff

	// Classify says what errors mean that do not explain themselves: see resilience.Assess. Where
	// it has no word (Unclassified), and by default, that is resilience.Classify. In a pipeline
	// holdfast.Classify sets it for all stages at once.
	Classify resilience.Classifier

	// OnlyUnsent repeats a call only after attempts that provably never reached the dependency (see
	// resilience.Unsent): for what must not be carried out twice, such as a charge without an
	// idempotency key. After any other failure the call ends with resilience.ErrOutcomeUnknown. An
	// attempt must send its request once: the error of a loop inside it is of the last try.
	// resilience.MarkOnce says the same of one call, and resilience.MarkIdempotent the opposite.
	// Default false: a Transient or Overload failure is repeated.
	OnlyUnsent bool

	// RetryIf, if set, overrules the verdict: an error is retried if it returns true, and
	// only then. It is not asked about a Rejected call, since a retry would be refused as well, nor
	// about a Canceled one, nor about an error that was marked by resilience.MarkNoRetry. It does
	// not overrule OnlyUnsent or resilience.MarkOnce.
	RetryIf func(error) bool

	// MinAttempt is how much time an attempt needs to be worth starting before the deadline: a
	// retry that would have no more than that left is not made. The first attempt is made
	// whatever is left. Default 0: any time at all.
	MinAttempt time.Duration

	// MaxRetryAfter is the longest pause that a retry-after may ask for; a longer one ends
	// the call. Default 1m; -1: no limit.
	//
	// Many callers are told the same retry-after at the same moment, so it is the least pause,
	// and they are spread beyond it: the pause is hint + U[0, max(the jittered backoff, hint/2)).
	// If the deadline leaves less than that after the hint, they are spread over what it leaves.
	// With NoJitter nobody is spread: the pause is the longer one of backoff and hint.
	MaxRetryAfter time.Duration

	// Patient makes the loop wait for what is refused now and may not be a moment later: a retry
	// that the budget does not pay for, an attempt that an open breaker, a full bulkhead or a rate
	// limit inside the loop refuses, also the first. Instead of an end the refusal is a turn
	// without an attempt: the loop pauses as if an attempt had failed, and asks again, as long as
	// MaxRetries and the deadline allow. For a place in a bulkhead it asks after that bulkhead's
	// MaxWait, as after an attempt. A breaker that was isolated by hand ends the call at once.
	//
	// It gets more calls through where what fails comes back within seconds. Its price: in an
	// outage calls fail after all pauses, and not at once, and so many more of them are under way.
	// QueueLimit bounds that. Default false: a refusal ends the call (fail fast).
	Patient bool

	// QueueLimit is how many calls of a Patient loop may wait at once for what was refused. One
	// more fails at once, as without Patient. All keys of a Keyed count together, unless the loop
	// is Adaptive. Default 1000; -1: no limit. Without Patient no call waits, whatever it says.
	QueueLimit int

	// Adaptive, if set, makes the loop learn which attempts help, and leave out those that do
	// not. Default nil: every call is treated alike. It takes a Policy that is kept, so Do and
	// Value refuse it.
	Adaptive *Adaptive
}

// Default returns the policy for most calls: 3 retries, 100 ms doubling to 5 s, jittered.
func Default() Config { return Custom(3, 100*time.Millisecond, 5*time.Second, true) }

// Aggressive returns the policy for calls that must succeed, such as payments and logins:
// 5 retries, 50 ms doubling to 5 s, jittered.
func Aggressive() Config { return Custom(5, 50*time.Millisecond, 5*time.Second, true) }

// Gentle returns the policy for calls that may fail, such as analytics and cache updates:
// 2 retries, 500 ms doubling to 3 s, jittered.
func Gentle() Config { return Custom(2, 500*time.Millisecond, 3*time.Second, true) }

// Custom returns an exponential policy. An argument is always said, so a maxRetries of 0 is None,
// where a zero Config.MaxRetries is the default. With jitter, up to 30 % is added to each pause.
func Custom(maxRetries int, base, maxDelay time.Duration, jitter bool) Config {
	c := Config{MaxRetries: maxRetries, BaseDelay: base, MaxDelay: maxDelay, Multiplier: 2, Jitter: NoJitter}
	if maxRetries == 0 {
		c.MaxRetries = None
	}
	if jitter {
		c.Jitter = AdditiveJitter(defaultJitter)
	}
	return c
}

const defaultJitter = 0.3

// noLimit is what -1 does, in a field that is a limit.
const noLimit = "for no limit"

// What the numbers of a Config may be. They stand here since Do resolves a Config in each call.
var (
	retries = check.Range[int]{Default: 3, Special: []resilience.Special{
		{Value: None, Name: "retry.None"}, {Value: Unlimited, Name: "retry.Unlimited"},
	}}
	baseDelays     = check.Range[time.Duration]{Default: 100 * time.Millisecond}
	multipliers    = check.Range[float64]{Min: 1, Default: 2}
	minAttempts    = check.Range[time.Duration]{Zero: "for any time at all"}
	queueLimits    = check.Range[int]{Max: math.MaxInt32, Default: 1000, Off: noLimit}
	maxRetryAfters = check.Range[time.Duration]{Default: time.Minute, Off: noLimit}
)

// Build returns New(c).
func (c Config) Build() (resilience.Policy, error) {
	p, err := New(c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Resolve returns c with every default filled in (-1 stays for what has no limit), or an
// error that names every wrong field.
func (c Config) Resolve() (Config, error) {
	p := check.Stage("retry")
	r := c
	r.MaxRetries = check.NumberIn(p, "MaxRetries", c.MaxRetries, &retries)
	r.BaseDelay = check.NumberIn(p, "BaseDelay", c.BaseDelay, &baseDelays)
	r.MaxDelay = check.Number(p, "MaxDelay", c.MaxDelay, check.Range[time.Duration]{Default: max(5*time.Second, r.BaseDelay), Off: noLimit})
	if r.MaxDelay != check.Off && r.MaxDelay < r.BaseDelay {
		p.Refuse("MaxDelay", r.MaxDelay, resilience.Rule{AtLeast: &resilience.Bound{Field: "BaseDelay", Value: r.BaseDelay}})
	}
	r.Multiplier = check.NumberIn(p, "Multiplier", c.Multiplier, &multipliers)
	r.Jitter = resolveJitter(p, c.Jitter)
	r.Backoff = resolveBackoff(p, c.Backoff)
	r.MinAttempt = check.NumberIn(p, "MinAttempt", c.MinAttempt, &minAttempts)
	r.MaxRetryAfter = check.NumberIn(p, "MaxRetryAfter", c.MaxRetryAfter, &maxRetryAfters)
	r.QueueLimit = check.NumberIn(p, "QueueLimit", c.QueueLimit, &queueLimits)
	r.Adaptive = c.Adaptive.resolve(p)
	return r, p.Err()
}

func resolveJitter(p *check.Check, jitter Jitter) Jitter {
	switch j := jitter.(type) {
	case nil:
		return AdditiveJitter(defaultJitter)
	case StandardJitter:
		if j < NoJitter || j > DecorrelatedJitter {
			p.Refuse("Jitter", uint8(j), resilience.Rule{Choices: []string{"NoJitter", "FullJitter", "EqualJitter", "DecorrelatedJitter"}})
		}
	case AdditiveJitter:
		checkFactor(p, "AdditiveJitter", float64(j))
	case ProportionalJitter:
		checkFactor(p, "ProportionalJitter", float64(j))
	}
	return jitter
}

func checkFactor(p *check.Check, name string, factor float64) {
	if !(factor > 0 && factor <= 1) {
		p.Refuse("Jitter", name+"("+formatFactor(factor)+")", resilience.Rule{
			Min: 0.0, Above: true, Max: 1.0, Special: []resilience.Special{{Value: NoJitter, Name: "NoJitter", Means: "for none"}},
		})
	}
}

func resolveBackoff(p *check.Check, backoff Backoff) Backoff {
	switch b := backoff.(type) {
	case nil:
		return Exponential
	case StandardBackoff:
		if b < Exponential || b > Fibonacci {
			p.Refuse("Backoff", uint8(b), resilience.Rule{Choices: []string{"Exponential", "Constant", "Linear", "Fibonacci"}})
		}
	case BackoffFunc:
		if b == nil {
			p.Refuse("Backoff", "a nil BackoffFunc", resilience.Rule{Choices: []string{"a function", "a nil Backoff for the default (Exponential)"}})
		}
	}
	return backoff
}
