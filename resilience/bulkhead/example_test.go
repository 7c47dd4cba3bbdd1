package bulkhead_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/media-gateway/holdfast/resilience/bulkhead"
)

func ExampleNew() {
	reports, err := bulkhead.New(bulkhead.Config{MaxConcurrent: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	err = reports.Wrap(func(ctx context.Context) error {
		// While this one is in flight, a second is refused.
		return reports.Wrap(func(context.Context) error { return nil })(ctx)
	})(ctx)
	fmt.Println(err)
	fmt.Println(errors.Is(err, bulkhead.ErrFull))
	// Output:
	// bulkhead is full: 1 call in flight
	// true
}
