//go:build !race

package holdfastaws_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
)

// What an operation that succeeds allocates beyond the SDK's own, which is about 270.
func TestAllocs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	all := clients(t)
	allocs := func(name string) int {
		return int(testing.AllocsPerRun(300, func() {
			_, _ = all[name].GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
		}))
	}
	bare := allocs("the SDK, NopRetryer")
	require.LessOrEqual(t, allocs("budget, retry, breaker")-bare, 9)
	require.LessOrEqual(t, allocs("Critical")-bare, 25, "a ctx for the attempt, and net/http's")
}
