package retry_test

import (
	"context"
	"fmt"
	"time"

	"github.com/media-gateway/holdfast/resilience/retry"
)

func ExampleAdaptive() {
	loop, err := retry.New(retry.Config{BaseDelay: time.Millisecond, Adaptive: &retry.Adaptive{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, failures := range []int{0, 1, 1, 2} {
		if err := loop.Do(context.Background(), flaky(failures)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(loop)
	for i, a := range loop.Learned().Attempts {
		fmt.Printf("attempt %d: %d of %d succeeded\n", i+1, a.Successes, a.Tries)
	}
	// Output:
	// retry 3× 1ms…5s adaptive
	// attempt 1: 1 of 4 succeeded
	// attempt 2: 2 of 3 succeeded
	// attempt 3: 1 of 1 succeeded
	// attempt 4: 0 of 0 succeeded
}
