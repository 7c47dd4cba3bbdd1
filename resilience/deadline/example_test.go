package deadline_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience/deadline"
)

func ExampleNew() {
	p, err := deadline.New(deadline.In(10 * time.Millisecond))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.Do(context.Background(), func(ctx context.Context) error {
		<-ctx.Done() // an op that takes too long, and notices
		return ctx.Err()
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// deadline of 10ms exceeded
	// true
}

func ExampleIn() {
	_, err := deadline.In(-time.Second).Build()
	fmt.Println(err)
	// Output:
	// deadline: Limit is -1s; want a positive duration, such as 500ms
}
