package config_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func ExampleKnobs() {
	payments := holdfast.Must(holdfast.New("payments", deadline.In(2*time.Second), retry.Custom(3, 50*time.Millisecond, time.Second, true)))
	knobs, err := config.Knobs(payments)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, k := range knobs[:4] {
		fmt.Printf("%s: %s (%s; %s)\n", k.Key, k.Value, k.Kind, k.Want)
	}
	// Output:
	// deadline: 2s (duration; a duration above 0, such as 500ms)
	// retry.max_retries: 3 (count; a whole number of at least 0, or none or unlimited)
	// retry.base_delay: 50ms (duration; a duration above 0, such as 500ms)
	// retry.max_delay: 1s (duration; a duration above 0, such as 500ms, or unlimited)
}

func ExampleTune() {
	ctx := context.Background()
	payments := holdfast.Must(holdfast.New("payments", retry.Config{}, breaker.Config{}))
	changed, err := config.Tune(ctx, payments, "mary", map[string]string{"retry.max_retries": "none", "breaker.open_for": "20s"})
	fmt.Println(changed, err)

	_, err = config.Tune(ctx, payments, "mary", map[string]string{"retry.max_retries": "none", "breaker.open_for": "20"})
	fmt.Println(err)

	back := map[string]string{}
	for _, c := range changed {
		back[c.Key] = c.From
	}
	changed, err = config.Tune(ctx, payments, "mary", back)
	fmt.Println(changed, err)
	// Output:
	// [{retry.max_retries 3 none} {breaker.open_for 5s 20s} {breaker.max_open_for 10s 20s}] <nil>
	// config: breaker.open_for is 20; want a duration above 0, such as 500ms; a duration has a unit: 20s, or 20ms
	// [{retry.max_retries none 3} {breaker.open_for 20s 5s} {breaker.max_open_for 20s 10s}] <nil>
}

func ExamplePatch() {
	patch, err := config.Patch("payments", map[string]string{
		"retry.max_retries": "1", "retry.jitter": "{additive: 0.2}", "bulkhead.adaptive.cut_to": "0.5", "deadline": "8s",
	})
	fmt.Printf("%s%v\n", patch, err)
	// Output:
	// services:
	//   payments:
	//     deadline: 8s
	//     bulkhead:
	//       adaptive:
	//         cut_to: 0.5
	//     retry:
	//       max_retries: 1
	//       jitter: {additive: 0.2}
	// <nil>
}

// What was changed in Go, in the words of a file.
func ExampleChangedKeys() {
	payments := holdfast.Must(holdfast.New("payments", retry.Config{}))
	changes, err := payments.Tune(context.Background(), holdfast.Tuning{By: "mary", Stages: func(stages []resilience.Stage) {
		c := stages[0].(retry.Config)
		c.MaxRetries = retry.None
		stages[0] = c
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(changes[0])
	fmt.Println(config.ChangedKeys(payments, changes)[0])
	// Output:
	// retry max retries 3 → none
	// {retry.max_retries 3 none}
}

// A page shows 3 retries. Meanwhile somebody else has set 5, which must not be overwritten unseen.
func ExampleTuneFrom() {
	ctx := context.Background()
	payments := holdfast.Must(holdfast.New("payments", retry.Config{}))
	if _, err := config.Tune(ctx, payments, "mary", map[string]string{"retry.max_retries": "5"}); err != nil {
		fmt.Println(err)
		return
	}
	seen := map[string]string{"retry.max_retries": "3"}
	_, err := config.TuneFrom(ctx, payments, "ana", seen, map[string]string{"retry.max_retries": "2"})
	fmt.Println(errors.Is(err, config.ErrTurned), err)
	// Output: true config: retry.max_retries is 5 now, and no longer "3"; look at it again before you change it
}
