package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// A pipeline for payments. The first stage is the outermost: the outer deadline holds for the
// call with all its retries, the inner one for each attempt.
func ExampleNew() {
	payments, err := holdfast.New("payments",
		deadline.In(2*time.Second), // the whole call
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Custom(3, 50*time.Millisecond, time.Second, true), // 3 retries, 50 ms doubling to 1 s, jittered
		breaker.Config{FailureRatio: 0.5, MinRequests: 20},
		deadline.In(350*time.Millisecond), // each attempt
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(payments)
	// Output:
	// payments: deadline 2s → budget 10%+1/s → retry 3× 50ms…1s → breaker 50%/20 → deadline 350ms
}

// New names every problem at once, and what would be right.
func ExampleNew_refused() {
	_, err := holdfast.New("payments",
		retry.Config{BaseDelay: time.Second, MaxDelay: 100 * time.Millisecond},
		breaker.Config{FailureRatio: 50},
		deadline.In(0),
	)
	fmt.Println(err)
	// Output:
	// payments: stage 1: retry: MaxDelay is 100ms; want at least BaseDelay (1s)
	// payments: stage 2: breaker: FailureRatio is 50; want a number above 0 and up to 1, 0 for the default (0.5), or -1 to turn it off
	// payments: stage 3: deadline: Limit is 0s; want a positive duration, such as 500ms
}

// One budget for a dependency, shared by the pipelines of its endpoints: what one of them spends,
// the other cannot.
func ExampleNew_shared() {
	bank, err := budget.New(budget.Config{Burst: 3, Floor: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy := retry.Custom(5, time.Microsecond, time.Millisecond, false)
	charge := holdfast.Must(holdfast.New("charge", bank, policy))
	refund := holdfast.Must(holdfast.New("refund", bank, policy))
	down := func(context.Context) error { return syscall.ECONNREFUSED }

	for _, p := range []*holdfast.Pipeline{charge, refund} {
		err := p.Do(context.Background(), down)
		fmt.Println(p.Name(), resilience.ReasonOf(err), p.Snapshot().Attempts, "attempts,", bank.Tokens(), "tokens left")
	}
	// Output:
	// charge budget_exhausted 4 attempts, 0 tokens left
	// refund budget_exhausted 1 attempts, 0 tokens left
}

// Must is for package-level variables, where a wrong pipeline is a programming error.
func ExampleMust() {
	var logins = holdfast.Must(holdfast.New("logins", holdfast.Critical()...))
	fmt.Println(logins.Name())
	// Output: logins
}

// Value returns the result of the attempt that succeeded, with its type.
func ExampleValue() {
	payments := holdfast.Must(holdfast.New("payments", retry.Custom(3, time.Millisecond, time.Second, true)))

	attempts := 0
	receipt, err := holdfast.Value(context.Background(), payments, func(context.Context) (string, error) {
		attempts++
		if attempts < 3 {
			return "", syscall.ECONNREFUSED // Transient: worth another try
		}
		return "receipt 4711", nil
	})
	fmt.Printf("%s, %v, %d attempts\n", receipt, err, attempts)
	// Output: receipt 4711, <nil>, 3 attempts
}

// A call that gives up says why, and still holds the dependency's last error.
func ExamplePipeline_Do() {
	payments := holdfast.Must(holdfast.New("payments", retry.Custom(2, time.Millisecond, time.Second, true)))

	err := payments.Do(context.Background(), func(context.Context) error {
		return fmt.Errorf("dial payments: %w", syscall.ECONNREFUSED)
	})
	if stopped, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println("reason:  ", stopped.Reason)
		fmt.Println("attempts:", stopped.Attempts)
		fmt.Println("last:    ", stopped.Err)
	}
	fmt.Println(errors.Is(err, retry.ErrExhausted), errors.Is(err, syscall.ECONNREFUSED))
	// Output:
	// reason:   retries_exhausted
	// attempts: 3
	// last:     dial payments: connection refused
	// true true
}

// An error that is not worth a retry comes back as it is, after one attempt.
func ExamplePipeline_Do_permanent() {
	payments := holdfast.Must(holdfast.New("payments", holdfast.Critical()...))

	declined := &resilience.Error{Kind: resilience.KindValidation, Service: "payments", Op: "charge", Message: "card declined"}
	err := payments.Do(context.Background(), func(context.Context) error { return declined })
	_, wrapped := errors.AsType[*retry.Error](err)
	fmt.Println(err)
	fmt.Println(payments.Snapshot().Attempts, "attempt, wrapped:", wrapped)
	// Output:
	// payments charge: validation error: card declined
	// 1 attempt, wrapped: false
}

// Wrap puts the pipeline around a func once, where the call is wired up.
func ExamplePipeline_Wrap() {
	logins := holdfast.Must(holdfast.New("logins", retry.Custom(1, time.Millisecond, time.Second, true)))

	ping := logins.Wrap(func(context.Context) error {
		fmt.Println("ping")
		return resilience.MarkTransient(errors.New("busy"))
	})
	fmt.Println(resilience.ReasonOf(ping(context.Background())))
	// Output:
	// ping
	// ping
	// retries_exhausted
}

// Observe goes first, and reports everything inside it.
func ExampleObserve() {
	printer := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		fmt.Println(e.Pipeline, e.Kind, e.Verdict)
	})
	payments := holdfast.Must(holdfast.New("payments",
		holdfast.Observe(printer),
		retry.Custom(3, time.Millisecond, time.Second, true),
	))

	attempts := 0
	_ = payments.Do(context.Background(), func(context.Context) error {
		if attempts++; attempts == 1 {
			return syscall.ECONNRESET
		}
		return nil
	})
	// Output:
	// payments attempt transient
	// payments retry transient
	// payments attempt success
	// payments call success
}

// One line says what the errors of a client mean, to the retry loop, the breaker and the observers.
func ExampleClassify() {
	errDeclined := errors.New("card declined")
	payments, _ := holdfast.New("payments",
		holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined)),
		retry.Default(), breaker.Config{})

	err := payments.Do(context.Background(), func(context.Context) error { return fmt.Errorf("charge: %w", errDeclined) })
	fmt.Println(err, "/ failures in a row:", payments.Snapshot().Breakers[0].Counts.ConsecutiveFailures)
	// Output:
	// charge: card declined / failures in a row: 0
}

// SilenceUnclassified is for a pipeline in which unclassified errors are expected.
func ExampleSilenceUnclassified() {
	legacy, _ := holdfast.New("legacy", holdfast.SilenceUnclassified(), retry.Default(), breaker.Config{})

	err := legacy.Do(context.Background(), func(context.Context) error { return errors.New("ERR-17") })
	fmt.Println(err, "/", legacy.Snapshot().Unclassified[0].Count, "unclassified")
	// Output:
	// ERR-17 / 1 unclassified
}

func ExampleCritical() {
	fmt.Println(holdfast.Must(holdfast.New("payments", holdfast.Critical()...)))
	// Output: payments: deadline 10s → budget 300% of any success, slow 5×, refunds → retry 5× 50ms…5s patient → bulkhead adaptive (1000 wait 1s) → breaker 95%/20 → deadline 1s
}

func ExampleStandard() {
	fmt.Println(holdfast.Must(holdfast.New("catalog", holdfast.Standard()...)))
	// Output: catalog: deadline 10s → budget 300% of any success, slow 5×, refunds → retry 3× 100ms…5s patient → bulkhead adaptive (1000 wait 2s) → breaker 95%/20 → deadline 2s
}

// A preset is a slice: put your own stages around it.
func ExampleBackground() {
	stages := append([]resilience.Stage{bulkhead.Config{MaxConcurrent: 8}}, holdfast.Background()...)
	fmt.Println(holdfast.Must(holdfast.New("analytics", stages...)))
	// Output: analytics: bulkhead 8 → deadline 30s → budget 300% of any success, slow 5×, refunds → retry 2× 500ms…3s patient → bulkhead adaptive (1000 wait 8s) → breaker 95%/20 → deadline 8s
}

// Update replaces the stages of a pipeline in use. A refused update changes nothing.
func ExamplePipeline_Update() {
	payments := holdfast.Must(holdfast.New("payments", retry.Aggressive()))

	err := payments.Update(budget.Config{Ratio: 0.05}, retry.Default())
	fmt.Println(err, "|", payments)

	err = payments.Update(retry.Config{Multiplier: 0.5})
	fmt.Println(err, "|", payments)
	// Output:
	// <nil> | payments: budget 5%+1/s → retry 3× 100ms…5s
	// payments: stage 1: retry: Multiplier is 0.5; want 1 or more, or 0 for the default (2) | payments: budget 5%+1/s → retry 3× 100ms…5s
}

// Snapshot returns the state of the pipeline: for a status page, a health check or an alert.
func ExamplePipeline_Snapshot() {
	payments := holdfast.Must(holdfast.New("payments",
		budget.Config{Burst: 2, Floor: -1},
		retry.Custom(5, time.Microsecond, time.Millisecond, false),
		breaker.Config{ConsecutiveFailures: 5},
	))
	for range 2 {
		_ = payments.Do(context.Background(), func(context.Context) error { return syscall.ECONNREFUSED })
	}

	s := payments.Snapshot()
	fmt.Println(s.Calls, "calls,", s.Failed, "failed,", s.Attempts, "attempts, amplification", s.Amplification)
	fmt.Println("stopped:", s.Denials[resilience.ReasonBudget], "by the budget")
	fmt.Println("tokens:", s.Budget.Tokens, "of", s.Budget.Burst)
	fmt.Println("breaker:", s.Breakers[0].State, "after", s.Breakers[0].Counts.ConsecutiveFailures, "failures in a row")
	// Output:
	// 2 calls, 2 failed, 4 attempts, amplification 2
	// stopped: 2 by the budget
	// tokens: 0 of 2
	// breaker: closed after 4 failures in a row
}

func ExamplePipeline_String() {
	p := holdfast.Must(holdfast.New("search",
		bulkhead.Config{MaxConcurrent: 32, MaxWait: 50 * time.Millisecond},
		deadline.In(time.Second),
		retry.Config{MaxRetries: 1},
	))
	fmt.Println(p.String())
	// Output: search: bulkhead 32 (wait 50ms) → deadline 1s → retry 1× 100ms…5s
}

func ExamplePipeline_Tune() {
	p := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	changes, err := p.Tune(context.Background(), holdfast.Tuning{
		By:     "mary",
		Budget: func(c *budget.Config) { c.Ratio = 0.2 },
	})
	fmt.Println(changes, err, p.Budget())

	_, err = p.Tune(context.Background(), holdfast.Tuning{Isolate: []string{"auth"}})
	fmt.Println(err)
	// Output:
	// [budget ratio 3 → 0.2] <nil> budget 20% of any success, slow 5×, refunds
	// payments: Tuning: Isolate names breaker "auth"; want one of "payments"
}

func ExamplePipeline_Tune_stages() {
	p := holdfast.Must(holdfast.New("payments", deadline.In(2*time.Second), retry.Config{}, breaker.Config{}))
	changes, err := p.Tune(context.Background(), holdfast.Tuning{By: "mary", Stages: func(stages []resilience.Stage) {
		for i, s := range stages {
			switch c := s.(type) {
			case retry.Config:
				c.MaxRetries = retry.None
				stages[i] = c
			case breaker.Config:
				c.OpenFor = 20 * time.Second
				c.MaxOpenFor = 0 // the default, which follows from OpenFor
				stages[i] = c
			}
		}
	}})
	for _, c := range changes {
		fmt.Println(c)
	}
	fmt.Println(err)
	// Output:
	// retry max retries 3 → none
	// breaker payments: open for 5s → 20s
	// breaker payments: max open for 10s → 20s
	// <nil>
}

func ExamplePipeline_Watch() {
	p := holdfast.Must(holdfast.New("payments", holdfast.Standard()...))
	stop := p.Watch(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		fmt.Println(e.Kind, e.Verdict)
	}))
	pay := func(context.Context) error { return nil }
	_ = p.Do(context.Background(), pay)
	stop()
	_ = p.Do(context.Background(), pay) // not observed
	// Output:
	// attempt success
	// call success
}
