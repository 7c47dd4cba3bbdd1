package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// An adapter describes a failed attempt by its code and by what the server told.
func ExampleAttempt() {
	ctx := context.Background()
	err := errors.New("unavailable: warming up")
	code := rpc.Unavailable
	judgment := resilience.Assess(ctx, func(error) resilience.Verdict { return code.DependencyVerdict(false) }, err)
	a := rpc.Attempt{Err: err, Judgment: code.Judge(judgment, nil), Pushback: rpc.ParsePushback([]string{"250"})}
	known, doubt := a.CallError(ctx)
	fmt.Println(known.Retry, known.Pause, doubt, known.Repeatable)
	// Output: overload 250ms true true
}

// The code of a call that was refused before its first attempt.
func ExampleFinalCode() {
	fmt.Println(rpc.FinalCode(resilience.ReasonBreakerOpen, false) == rpc.Unavailable)
	fmt.Println(rpc.FinalCode(resilience.ReasonBulkheadFull, false) == rpc.ResourceExhausted)
	fmt.Println(rpc.FinalCode(resilience.ReasonExhausted, true) == rpc.OK) // the attempt's own
	// Output:
	// true
	// true
	// true
}

func ExampleParsePushback() {
	fmt.Println(rpc.ParsePushback([]string{rpc.FormatPushback(1500 * time.Microsecond)}).Pause)
	fmt.Println(rpc.ParsePushback([]string{"soon"}).Stop)
	// Output:
	// 2ms
	// true
}

func ExampleNames() {
	names := rpc.Names{}.Add("auth.Auth/Check").Add("/catalog.Catalog/")
	fmt.Println(names.Has("/auth.Auth/Check"), names.Has("/auth.Auth/Login"), names.Has("/catalog.Catalog/List"))
	// Output: true false true
}
