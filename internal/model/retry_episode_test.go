package model_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/media-gateway/holdfast/internal/model"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// retrySetup is a retry loop and what stands around it and inside.
type retrySetup struct {
	Config       retry.Config
	RetryIf      string // "": none, "yes", "no", "some": of some errors
	Classified   bool
	Form         string // "bare", "pipeline", "observed"
	Outer, Inner time.Duration
	Budget       *budget.Config
}

func (s retrySetup) String() string {
	c := s.Config
	text := fmt.Sprintf("%s: retries %d, base %v, max %v, ×%v, jitter %v, backoff %v, min attempt %v, max retry-after %v, "+
		"only unsent %v, RetryIf %q, classified %v, outer %v, inner %v", s.Form, c.MaxRetries, c.BaseDelay, c.MaxDelay, c.Multiplier,
		c.Jitter, c.Backoff, c.MinAttempt, c.MaxRetryAfter, c.OnlyUnsent, s.RetryIf, s.Classified, s.Outer, s.Inner)
	if s.Budget != nil {
		text += fmt.Sprintf(", budget %+v", *s.Budget)
	}
	return text
}

// retryCall is one call, and what its op is going to do.
type retryCall struct {
	Wait     time.Duration // before it
	Timeout  time.Duration // of the caller's ctx; 0: none
	Cause    bool          // the timeout has a cause of its own
	Cancel   time.Duration // after which the caller cancels; 0: never, -1: before the call
	Mark     string        // "", "once", "idempotent"
	Attempts []step        // after which all attempts succeed
}

// step is what one attempt does.
type step struct {
	Answer model.Answer
	Hint   time.Duration
	Takes  time.Duration
	Obeys  string // "": not; how it answers the end of its ctx: "err", "cause", "own"
	Refuse bool   // a guard refuses it
	Gate   bool   // afterwards the guard says that it would refuse
}

func (c retryCall) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "after %v: timeout %v (cause %v), cancel %v, mark %q", c.Wait, c.Timeout, c.Cause, c.Cancel, c.Mark)
	for _, s := range c.Attempts {
		fmt.Fprintf(&b, "; %s hint %v takes %v obeys %q refused %v gate %v", s.Answer, s.Hint, s.Takes, s.Obeys, s.Refuse, s.Gate)
	}
	return b.String()
}

var (
	errPlain  = errors.New("plain")
	errKnown  = errors.New("known")
	errFine   = errors.New("fine")
	errOwn    = errors.New("cut off")
	errCause  = errors.New("the caller's cause")
	errRefuse = errors.New("refused")
	errGate   = errors.New("gate shut")
)

func classifier() resilience.Classifier {
	return resilience.Classifiers(resilience.Errors(resilience.Transient, errKnown), resilience.Errors(resilience.Success, errFine))
}

// errorOf makes an answer's error, a new one each time.
func errorOf(a model.Answer, hint time.Duration) error {
	switch a {
	case model.OK:
		return nil
	case model.Transient:
		return resilience.MarkTransient(errPlain)
	case model.Overload:
		return resilience.MarkOverload(errPlain, hint)
	case model.RateLimit:
		return &resilience.Error{Kind: resilience.KindRateLimit, RetryAfter: hint}
	case model.Unavailable:
		return &resilience.Error{Kind: resilience.KindServiceUnavailable, RetryAfter: hint}
	case model.Permanent:
		return resilience.MarkPermanent(errPlain)
	case model.NoRetry:
		return resilience.MarkNoRetry(errPlain, resilience.Transient)
	case model.Known:
		return fmt.Errorf("wrapped: %w", errKnown)
	case model.Fine:
		return fmt.Errorf("wrapped: %w", errFine)
	case model.OthersCancel:
		return fmt.Errorf("shared flight: %w", errCanceled)
	case model.Timeout:
		return fmt.Errorf("client: %w", errTimeout)
	case model.Dial:
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case model.Rejects:
		return resilience.MarkRejected(errPlain)
	case model.Panics:
		panic(errPlain)
	}
	return fmt.Errorf("something: %w", errPlain)
}

func randomRetry(rng *rand.Rand) retrySetup {
	s := retrySetup{
		Config: retry.Config{
			MaxRetries:    one(rng, 0, 1, 2, 3, 5, 8, retry.Unlimited, retry.None),
			BaseDelay:     one(rng, 0, time.Millisecond, 100*time.Millisecond, time.Second, 3*time.Second, time.Duration(1+rng.Int64N(1e9))),
			Multiplier:    one(rng, 0, 1, 2, 2, 3, 1.5, 1+9*rng.Float64()),
			Jitter:        one[retry.Jitter](rng, nil, retry.NoJitter, retry.NoJitter, retry.FullJitter, retry.EqualJitter, retry.DecorrelatedJitter, retry.AdditiveJitter(0.3), retry.AdditiveJitter(1), retry.ProportionalJitter(0.2), retry.ProportionalJitter(1), ownJitter{}),
			Backoff:       one[retry.Backoff](rng, nil, retry.Exponential, retry.Constant, retry.Linear, retry.Fibonacci, retry.BackoffFunc(ownBackoff)),
			OnlyUnsent:    rng.IntN(6) == 0,
			MinAttempt:    one(rng, 0, 0, time.Nanosecond, 50*time.Millisecond, time.Second),
			MaxRetryAfter: one(rng, 0, -1, time.Second, 3*time.Second),
		},
		RetryIf:    one(rng, "", "", "", "", "yes", "no", "some"),
		Classified: rng.IntN(2) == 0,
		Form:       one(rng, "bare", "pipeline", "observed"),
	}
	base := model.RetryDefaults(s.Config).BaseDelay
	s.Config.MaxDelay = one(rng, 0, base, base+1, 2*base, 10*base, 5*time.Second+base, -1)
	if _, own := s.Config.Jitter.(ownJitter); own { // who is told the pause to the nanosecond
		s.Config.Multiplier = one[float64](rng, 0, 1, 2, 3)
	}
	if s.Form != "bare" {
		s.Inner = one(rng, 0, 0, 300*time.Millisecond, time.Second)
		s.Outer = one(rng, 0, 2*time.Second, 10*time.Second, time.Minute)
	}
	if rng.IntN(3) > 0 {
		c := randomBudget(rng)
		s.Budget = &c
	}
	return s
}

func generateRetry(rng *rand.Rand) episode[retrySetup, retryCall] {
	e := episode[retrySetup, retryCall]{setup: randomRetry(rng)}
	for range 20 + rng.IntN(40) {
		e.ops = append(e.ops, randomCall(rng, e.setup))
	}
	return e
}

func randomCall(rng *rand.Rand, s retrySetup) retryCall {
	c := retryCall{
		Wait:    one(rng, 0, 0, 10*time.Millisecond, time.Second, 10*time.Second),
		Timeout: one(rng, 0, time.Second, 2*time.Second, 5*time.Second, time.Hour, time.Duration(rng.Int64N(5e9))),
		Cause:   rng.IntN(2) == 0,
		Mark:    one(rng, "", "", "", "", "once", "idempotent"),
	}
	if rng.IntN(6) == 0 {
		c.Cancel = one(rng, -1, time.Duration(1+rng.Int64N(3e9)))
	}
	if s.Config.MaxDelay == -1 && c.Timeout == 0 && s.Outer == 0 {
		c.Timeout = time.Hour // or a pause might be as long as the bubble's clock goes
	}
	for range rng.IntN(8) {
		c.Attempts = append(c.Attempts, randomStep(rng, s, c))
	}
	return c
}

func randomStep(rng *rand.Rand, s retrySetup, c retryCall) step {
	a := step{
		Answer: one(rng, model.Transient, model.Transient, model.Transient, model.Transient, model.Transient, model.Transient,
			model.Overload, model.Overload, model.RateLimit, model.Unavailable, model.Known, model.OthersCancel, model.Timeout, model.Dial, model.Dial, model.OK,
			model.Permanent, model.NoRetry, model.Unknown, model.Fine, model.Rejects, model.Panics),
		Takes: one(rng, 0, 0, time.Millisecond, 100*time.Millisecond, s.Inner, c.Timeout, s.Outer, time.Duration(rng.Int64N(2e9))),
		Obeys: one(rng, "", "", "err", "cause", "own"),
	}
	if model.Hinted(a.Answer) {
		limit := model.RetryDefaults(s.Config).MaxRetryAfter
		a.Hint = one(rng, 0, time.Millisecond, 200*time.Millisecond, time.Second, 2*time.Second, max(0, limit), max(0, limit)+1, time.Duration(rng.Int64N(4e9)))
	}
	// Where two things happen at the same nanosecond, and it matters which is first, it is chance.
	switch {
	case a.Obeys != "":
		a.Takes += 11
	case a.Answer == model.Unknown || a.Answer == model.Known || a.Answer == model.Fine:
		a.Takes += 5
	}
	if s.Form != "bare" {
		a.Refuse, a.Gate = rng.IntN(25) == 0, rng.IntN(25) == 0
	}
	return a
}

// ownJitter answers by all that it is told, so that a wrong word gives another pause; now and then
// with less than nothing.
type ownJitter struct{}

func (ownJitter) Jitter(s retry.Step) time.Duration {
	if s.Retry%5 == 4 {
		return -s.Delay
	}
	mixed := uint64(s.Retry)*31 + uint64(s.Base)*17 + uint64(s.Max)*13 + uint64(s.Prev)*7 + uint64(s.Multiplier*1000)
	return s.Delay/2 + time.Duration(mixed%uint64(s.Delay/2+1))
}

// ownBackoff has pauses that are cut at both ends.
func ownBackoff(n int) time.Duration {
	return []time.Duration{-time.Second, 150 * time.Millisecond, 0, time.Second, 1000 * time.Hour, 7}[n%6]
}
