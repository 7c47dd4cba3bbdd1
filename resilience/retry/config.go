package retry

import (
	"math"
	"time"

	"github.com/media-gateway/holdfast/internal/check"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// NoRetries is the MaxRetries of a loop that never retries, 0 being the default.
const NoRetries = math.MinInt

// Config is a retry loop as data. The zero value is Default().
type Config struct {
	// MaxRetries is how many attempts may follow the first. Default 3; -1: as many as
	// deadline and budget allow; NoRetries: none.
	MaxRetries int

	// BaseDelay is the first pause, from which Backoff makes the others. Default 100ms.
	BaseDelay time.Duration

	// MaxDelay is the longest pause that Backoff yields; additive jitter and a retry-after
	// may still lengthen it. Default 5s, or BaseDelay if that is longer; -1: no limit.
	MaxDelay time.Duration

	// Multiplier is the growth of the exponential backoff. Default 2, at least 1.
	Multiplier float64

	// Jitter spreads the pauses at random. Default AdditiveJitter(0.3); NoJitter for none.
	Jitter Jitter

	// Backoff is how the pauses grow. Default Exponential.
	Backoff Backoff

	// Classify decides what an error means. Default: resilience.Classify. It is not asked about an
	// error that was marked by resilience.MarkNoRetry.
	Classify resilience.Classifier

	// RetryIf, if set, overrules the verdict: an error is retried if it returns true, and
	// only then. It is not asked about a Rejected call, since a retry would be refused as well, nor
	// about an error that was marked by resilience.MarkNoRetry.
	RetryIf func(error) bool

	// MinAttempt is how much time an attempt needs to be worth starting before the deadline.
	// Default 0: any time at all.
	MinAttempt time.Duration

	// MaxRetryAfter is the longest pause that a retry-after may ask for; a longer one ends
	// the call. Default 1m; -1: no limit.
	MaxRetryAfter time.Duration

	// Budget, if set, pays for the retries. In a pipeline a budget stage does the same.
	Budget *budget.Budget

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

// Custom returns an exponential policy. A maxRetries of 0 means no retry. With jitter, up to
// 30 % is added to each pause.
func Custom(maxRetries int, base, maxDelay time.Duration, jitter bool) Config {
	c := Config{MaxRetries: maxRetries, BaseDelay: base, MaxDelay: maxDelay, Multiplier: 2, Jitter: NoJitter}
	if maxRetries == 0 {
		c.MaxRetries = NoRetries
	}
	if jitter {
		c.Jitter = AdditiveJitter(defaultJitter)
	}
	return c
}

const defaultJitter = 0.3

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
	switch {
	case c.MaxRetries == 0:
		r.MaxRetries = 3
	case c.MaxRetries < check.Off && c.MaxRetries != NoRetries:
		p.Fail("MaxRetries", c.MaxRetries, "want a number of retries, 0 for the default (3), -1 for no limit, or NoRetries")
	}
	r.BaseDelay = p.Duration("BaseDelay", c.BaseDelay, 100*time.Millisecond)
	r.MaxDelay = p.DurationOrOff("MaxDelay", c.MaxDelay, max(5*time.Second, r.BaseDelay), check.Off)
	if r.MaxDelay != check.Off && r.MaxDelay < r.BaseDelay {
		p.Fail("MaxDelay", r.MaxDelay, "want at least BaseDelay (%v)", r.BaseDelay)
	}
	if c.Multiplier == 0 {
		r.Multiplier = 2
	} else if !(c.Multiplier >= 1) || math.IsInf(c.Multiplier, 0) {
		p.Fail("Multiplier", c.Multiplier, "want 1 or more, or 0 for the default (2)")
	}
	r.Jitter = c.resolveJitter(p)
	r.Backoff = c.resolveBackoff(p)
	if c.MinAttempt < 0 {
		p.Fail("MinAttempt", c.MinAttempt, "want a duration, or 0 for any time at all")
	}
	r.MaxRetryAfter = p.DurationOrOff("MaxRetryAfter", c.MaxRetryAfter, time.Minute, check.Off)
	r.Adaptive = c.Adaptive.resolve(p)
	return r, p.Err()
}

func (c Config) resolveJitter(p *check.Check) Jitter {
	switch j := c.Jitter.(type) {
	case nil:
		return AdditiveJitter(defaultJitter)
	case StandardJitter:
		if j < NoJitter || j > DecorrelatedJitter {
			p.Fail("Jitter", uint8(j), "want NoJitter, FullJitter, EqualJitter or DecorrelatedJitter")
		}
	case AdditiveJitter:
		checkFactor(p, "AdditiveJitter", float64(j))
	case ProportionalJitter:
		checkFactor(p, "ProportionalJitter", float64(j))
	}
	return c.Jitter
}

func checkFactor(p *check.Check, name string, factor float64) {
	if !(factor > 0 && factor <= 1) {
		p.Fail("Jitter", name+"("+formatFactor(factor)+")", "want a factor above 0 and at most 1; for no jitter use NoJitter")
	}
}

func (c Config) resolveBackoff(p *check.Check) Backoff {
	switch b := c.Backoff.(type) {
	case nil:
		return Exponential
	case StandardBackoff:
		if b < Exponential || b > Fibonacci {
			p.Fail("Backoff", uint8(b), "want Exponential, Constant, Linear or Fibonacci")
		}
	case BackoffFunc:
		if b == nil {
			p.Fail("Backoff", "a nil BackoffFunc", "want a function, or a nil Backoff for the default (Exponential)")
		}
	}
	return c.Backoff
}
