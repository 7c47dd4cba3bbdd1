package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func trace(name string) resilience.Policy {
	return resilience.PolicyFunc(func(next resilience.Func) resilience.Func {
		return func(ctx context.Context) error {
			fmt.Println(name, "before")
			err := next(ctx)
			fmt.Println(name, "after")
			return err
		}
	})
}

// The first policy is the outermost.
func ExampleChain() {
	call := resilience.Chain(trace("outer"), trace("inner")).Wrap(func(context.Context) error {
		fmt.Println("call")
		return nil
	})
	fmt.Println(call(context.Background()))
	// Output:
	// outer before
	// inner before
	// call
	// inner after
	// outer after
	// <nil>
}

func ExampleClassify() {
	fmt.Println(resilience.Classify(nil))
	fmt.Println(resilience.Classify(context.DeadlineExceeded))
	fmt.Println(resilience.Classify(errors.New("what nobody knows is not retried")))
	fmt.Println(resilience.Classify(&resilience.Error{Kind: resilience.KindRateLimit, Service: "payments"}))
	// Output:
	// success
	// transient
	// unclassified
	// overload
}

func ExampleMarkTransient() {
	err := resilience.MarkTransient(errors.New("replica is catching up"))
	fmt.Println(err, "/", resilience.Classify(err))
	// Output:
	// replica is catching up / transient
}

func ExampleMarkPermanent() {
	err := resilience.MarkPermanent(context.DeadlineExceeded) // you know better: it will not get faster
	fmt.Println(err, "/", resilience.Classify(err))
	// Output:
	// context deadline exceeded / permanent
}

func ExampleMarkOverload() {
	err := resilience.MarkOverload(errors.New("429 Too Many Requests"), 3*time.Second)
	fmt.Println(resilience.Classify(err), resilience.RetryAfter(err))
	// Output:
	// overload 3s
}

// The connection died while the payment was made: no retry, but no credit to the dependency either.
func ExampleMarkNoRetry() {
	err := resilience.MarkNoRetry(io.ErrUnexpectedEOF, resilience.Transient)
	fmt.Println(err, resilience.Classify(err))                    // to a retry loop
	fmt.Println(resilience.Judge(context.Background(), nil, err)) // to a breaker
	fmt.Println(resilience.NoRetry(err), errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// unexpected EOF permanent
	// transient
	// true true
}

func ExampleMarkRejected() {
	err := resilience.MarkRejected(errors.New("too many logins from this address"))
	fmt.Println(err, "/", resilience.Classify(err))
	// Output:
	// too many logins from this address / rejected
}

func ExampleError() {
	err := &resilience.Error{
		Kind: resilience.KindServiceUnavailable, Service: "payments", Op: "charge", Status: 503, Message: "maintenance",
	}
	fmt.Println(err)
	fmt.Println(err.Retryable())
	// Output:
	// payments charge: service unavailable (503): maintenance
	// true
}

// quota is a Guard: it lets so many calls pass, and no more.
type quota struct{ left int }

func (q *quota) Wrap(next resilience.Func) resilience.Func { return resilience.WrapGuard(q, next) }

func (q *quota) Acquire(context.Context) error {
	if q.left == 0 {
		return errors.New("quota used up")
	}
	q.left--
	return nil
}

func (q *quota) Release(context.Context, error) {}

func ExampleWrapGuard() {
	call := (&quota{left: 1}).Wrap(func(context.Context) error { return nil })
	fmt.Println(call(context.Background()))
	err := call(context.Background())
	fmt.Println(err, "/", resilience.Classify(err))
	// Output:
	// <nil>
	// quota used up / rejected
}

func ExamplePrebuilt() {
	stage := resilience.Prebuilt(&quota{left: 1}) // a Guard without a Build method, for a pipeline
	p, err := stage.Build()
	fmt.Println(p != nil, err)
	// Output:
	// true <nil>
}

func ExampleObservers() {
	count := 0
	counter := resilience.ObserverFunc(func(context.Context, resilience.Event) { count++ })
	printer := resilience.ObserverFunc(func(_ context.Context, e resilience.Event) { fmt.Println(e.Pipeline, e.Kind) })
	both := resilience.Observers(counter, printer)
	both.Observe(context.Background(), resilience.Event{Kind: resilience.EventRetry, Pipeline: "payments"})
	fmt.Println(count)
	// Output:
	// payments retry
	// 1
}

func ExampleNewLogObserver() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime})
	o := resilience.NewLogObserver(slog.New(handler))
	o.Observe(context.Background(), resilience.Event{
		Kind: resilience.EventBreaker, Pipeline: "payments", Stage: "breaker", Breaker: "ledger",
		From: resilience.StateClosed, To: resilience.StateOpen,
	})
	// Output:
	// level=WARN msg="circuit breaker open" pipeline=payments stage=breaker breaker=ledger from=closed to=open
}

// Errors names a client's errors, by their sentinels or types.
func ExampleErrors() {
	classify := resilience.Errors(resilience.Permanent, io.EOF, resilience.Type[*strconv.NumError]())
	_, err := strconv.Atoi("x")

	fmt.Println(classify(fmt.Errorf("read: %w", io.EOF)), classify(err), classify(errors.New("another")))
	// Output:
	// permanent permanent unclassified
}

func ExampleType() {
	_, err := strconv.Atoi("x")
	fmt.Println(resilience.Errors(resilience.Permanent, resilience.Type[*strconv.NumError]())(err))
	// Output:
	// permanent
}

// Classifiers are asked in order; Unclassified leaves the decision to the next.
func ExampleClassifiers() {
	classify := resilience.Classifiers(
		resilience.Errors(resilience.Permanent, io.EOF),
		resilience.Errors(resilience.Transient, io.EOF, io.ErrClosedPipe),
	)
	fmt.Println(classify(io.EOF), classify(io.ErrClosedPipe))
	// Output:
	// permanent transient
}

// The same error means one thing under a ctx that was canceled, and another under one that was not.
func ExampleAssess() {
	live := context.Background()
	canceled, cancel := context.WithCancel(live)
	cancel()
	reset := syscall.ECONNRESET

	fmt.Println(resilience.Assess(live, nil, reset).Dependency, resilience.Assess(canceled, nil, reset).Dependency)
	fmt.Println(resilience.Assess(live, nil, context.Canceled).Dependency, "(somebody else's cancel)")
	// Output:
	// transient canceled
	// transient (somebody else's cancel)
}

// A charge without an idempotency key is not made again unless it provably was not sent.
func ExampleMarkOnce() {
	charges, attempts := 0, 0
	ctx := resilience.MarkOnce(context.Background())
	err := retry.Do(ctx, retry.Custom(3, time.Millisecond, time.Millisecond, false), func(context.Context) error {
		if attempts++; attempts == 1 {
			return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		charges++
		return fmt.Errorf("read the answer: %w", syscall.ECONNRESET)
	})
	fmt.Println("attempts", attempts, "charges", charges, errors.Is(err, resilience.ErrOutcomeUnknown))
	// Output:
	// attempts 2 charges 1 true
}

// An idempotent call may be repeated after a lost answer, even if the loop is OnlyUnsent.
func ExampleMarkIdempotent() {
	attempts := 0
	loop := retry.Custom(3, time.Millisecond, time.Millisecond, false)
	loop.OnlyUnsent = true
	err := retry.Do(resilience.MarkIdempotent(context.Background()), loop, func(context.Context) error {
		if attempts++; attempts == 1 {
			return syscall.ECONNRESET
		}
		return nil
	})
	fmt.Println(attempts, err)
	// Output:
	// 2 <nil>
}

// NotStarted is what a stage of your own returns for a call whose ctx has ended already.
func ExampleNotStarted() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := resilience.NotStarted(ctx)
	fmt.Println(err, resilience.Unasked(err))
	// Output:
	// context canceled true
}

// An adapter asks what a SQLSTATE means.
func ExampleClassifySQLState() {
	fmt.Println(resilience.ClassifySQLState("40001"), resilience.ClassifySQLState("23505"), resilience.ClassifySQLState("PAY01"))
	// Output:
	// transient permanent unclassified
}

// A Classifier knows the error that a limit ended, and calls it Permanent: the limit is not the
// reason.
func ExampleReasonFor() {
	err := fmt.Errorf("charge: %w", context.DeadlineExceeded)
	fmt.Println(resilience.ReasonOf(err))
	fmt.Println(resilience.ReasonFor(resilience.Permanent, err))
	// Output:
	// too_late
	// permanent
}

// An adapter asks what its caller said of the call. The last word counts.
func ExampleRepetitionOf() {
	ctx := context.Background()
	fmt.Println(resilience.RepetitionOf(ctx) == resilience.RepetitionUnknown)
	ctx = resilience.MarkOnce(ctx)
	fmt.Println(resilience.RepetitionOf(ctx) == resilience.Once)
	ctx = resilience.MarkIdempotent(ctx)
	fmt.Println(resilience.RepetitionOf(ctx) == resilience.Idempotent)
	// Output:
	// true
	// true
	// true
}
