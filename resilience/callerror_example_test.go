package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// smsError is the error of a client that sends text messages.
type smsError struct {
	code int // of the reply; 0: none came
	sent bool
	wait time.Duration
}

func (e *smsError) Error() string { return fmt.Sprintf("sms: reply %d", e.code) }

// classifySMS says what the errors of the client mean.
func classifySMS(err error) resilience.Verdict {
	e, ok := errors.AsType[*smsError](err)
	switch {
	case !ok:
		return resilience.Unclassified
	case e.code == 0:
		return resilience.Transient
	case e.code == 420:
		return resilience.Overload
	}
	return resilience.Permanent // no such number, for example
}

// knownSMS tells the stages of a pipeline what is known of an attempt that failed under ctx.
func knownSMS(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	known := &resilience.CallError{Err: err, Judgment: resilience.Assess(ctx, classifySMS, err)}
	e, ok := errors.AsType[*smsError](err)
	switch {
	case ok && !e.sent:
		known.Effect = resilience.EffectUnsent
	case ok && e.code != 0: // every reply of this server says that it sent no message
		known.Effect, known.Pause = resilience.EffectUndone, e.wait
	default:
		known.Effect = resilience.EffectUnknown // a text message cannot be taken back
		known.Repeatable = resilience.RepetitionOf(ctx) == resilience.Idempotent
	}
	return known
}

// An adapter returns a CallError for each attempt that failed.
func ExampleCallError() {
	answers := []error{&smsError{code: 420, sent: true, wait: time.Millisecond}, &smsError{sent: true}, nil}
	send := func(context.Context) error {
		answer := answers[0]
		answers = answers[1:]
		return answer
	}
	loop, err := retry.New(retry.Config{MaxRetries: 5, BaseDelay: time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = loop.Do(context.Background(), func(ctx context.Context) error { return knownSMS(ctx, send(ctx)) })

	fmt.Println(len(answers), "answer is left")
	fmt.Println("find out first:", errors.Is(err, resilience.ErrOutcomeUnknown))
	fmt.Println(resilience.ReasonOf(err))
	fmt.Printf("%T\n", resilience.Origin(err))
	// Output:
	// 1 answer is left
	// find out first: true
	// outcome_unknown
	// *resilience_test.smsError
}
