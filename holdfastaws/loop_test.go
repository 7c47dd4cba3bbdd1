package holdfastaws_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// standard is the SDK's loop with its own three attempts, and pauses that no test has to wait for.
func standard() aws.Retryer {
	return awsretry.NewStandard(func(o *awsretry.StandardOptions) {
		o.Backoff = awsretry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
	})
}

// The trap: three attempts of a pipeline around a client as the SDK makes it are nine requests.
func TestOneLoop(t *testing.T) {
	down := fails(503, "ServiceUnavailable")
	attempts := func(p *holdfast.Pipeline) int64 { return int64(p.Snapshot().Attempts) } //nolint:gosec // a few

	t.Run("the SDK's loop inside a pipeline", func(t *testing.T) {
		s, p := serve(t, down), newPipeline(t, quick)
		cfg := config(s)
		cfg.Retryer = standard
		client := queueOf(cfg)
		require.Error(t, p.Do(t.Context(), func(ctx context.Context) error { return read(ctx, client) }))
		require.EqualValues(t, 3, attempts(p))
		require.EqualValues(t, 9, s.requests.Load())
	})
	t.Run("NewConfig", func(t *testing.T) {
		s, p := serve(t, down), newPipeline(t, quick)
		err := read(t.Context(), queue(t, s, p))
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.EqualValues(t, 3, attempts(p))
		require.EqualValues(t, 3, s.requests.Load())
		require.Equal(t, []string{"attempt=1", "attempt=2", "attempt=3"}, s.header("Amz-Sdk-Request"))
		id := s.header("Amz-Sdk-Invocation-Id")
		require.NotEmpty(t, id[0])
		require.Equal(t, []string{id[0], id[0], id[0]}, id)
	})
	t.Run("whatever the environment says", func(t *testing.T) {
		s, p := serve(t, down), newPipeline(t, quick)
		cfg := config(s)
		cfg.RetryMode, cfg.RetryMaxAttempts = aws.RetryModeAdaptive, 10
		require.Error(t, read(t.Context(), queueOf(protected(t, cfg, p))))
		require.EqualValues(t, 3, s.requests.Load())
	})
	t.Run("whatever the client and the call say", func(t *testing.T) {
		s, p := serve(t, down), newPipeline(t, quick)
		client := queueOf(protected(t, config(s), p), func(o *sqs.Options) { o.Retryer = standard() })
		_, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")}, func(o *sqs.Options) { o.RetryMaxAttempts = 7 })
		require.Error(t, err)
		require.EqualValues(t, 3, s.requests.Load())
	})
	t.Run("Middleware, for one client", func(t *testing.T) {
		s, p := serve(t, down), newPipeline(t, quick)
		protect, err := holdfastaws.Middleware(p)
		require.NoError(t, err)
		cfg := config(s)
		cfg.Retryer = standard
		client := queueOf(cfg, func(o *sqs.Options) { o.APIOptions = append(o.APIOptions, protect) })
		require.Error(t, read(t.Context(), client))
		require.EqualValues(t, 3, s.requests.Load())
	})
	t.Run("Middleware, for one call, instead of the client's", func(t *testing.T) {
		s, p, own := serve(t, down), newPipeline(t, quick), newPipeline(t, retry.Custom(1, time.Millisecond, time.Millisecond, false))
		protect, err := holdfastaws.Middleware(own)
		require.NoError(t, err)
		_, err = queue(t, s, p).GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("q")}, func(o *sqs.Options) {
			o.APIOptions = append(o.APIOptions, protect)
		})
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.EqualValues(t, 2, s.requests.Load())
		require.Zero(t, attempts(p))
		require.EqualValues(t, 2, attempts(own))
	})
	t.Run("a pipeline without a loop", func(t *testing.T) {
		s := serve(t, down)
		require.Error(t, read(t.Context(), queue(t, s, newPipeline(t, breaker.Config{}))))
		require.EqualValues(t, 1, s.requests.Load())
	})
	t.Run("no pipeline", func(t *testing.T) {
		s := serve(t, down)
		require.Error(t, read(t.Context(), queue(t, s, holdfast.None())))
		require.EqualValues(t, 1, s.requests.Load())
	})
}

// What a caller asks of an error: the pipeline's, and the SDK's.
func TestErrors(t *testing.T) {
	s := serve(t, fails(503, "ServiceUnavailable"))
	err := read(t.Context(), queue(t, s, newPipeline(t, quick)))

	var ended *retry.Error
	require.ErrorAs(t, err, &ended)
	require.Equal(t, 3, ended.Attempts)
	require.Equal(t, resilience.ReasonExhausted, resilience.ReasonOf(err))
	var operation *smithy.OperationError
	require.ErrorAs(t, err, &operation)
	require.Equal(t, "GetQueueUrl", operation.Operation())
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	require.Equal(t, 503, response.HTTPStatusCode())
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, "ServiceUnavailable", api.ErrorCode())
	require.ErrorContains(t, err, "operation error SQS: GetQueueUrl, queue: retries exhausted (after 3 attempts in ")
}

func TestBreakerOpens(t *testing.T) {
	s := serve(t, fails(500, "InternalFailure"))
	p := newPipeline(t, retry.Custom(5, time.Millisecond, time.Millisecond, false), breaker.Config{FailureRatio: -1, ConsecutiveFailures: 2})
	client := queue(t, s, p)
	err := read(t.Context(), client)
	require.ErrorIs(t, err, breaker.ErrOpen)
	require.EqualValues(t, 2, s.requests.Load())
	require.ErrorIs(t, read(t.Context(), client), breaker.ErrOpen)
	require.EqualValues(t, 2, s.requests.Load(), "an open breaker sends nothing")
}

// The caller's fault is no failure of the service.
func TestBreakerStaysClosed(t *testing.T) {
	s := serve(t, fails(400, "QueueDoesNotExist"))
	p := newPipeline(t, quick, breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1})
	client := queue(t, s, p)
	for range 3 {
		err := read(t.Context(), client)
		require.Error(t, err)
		require.NotErrorIs(t, err, breaker.ErrOpen)
	}
	require.EqualValues(t, 3, s.requests.Load())
}

func TestBudgetRefuses(t *testing.T) {
	s := serve(t, fails(503, "ServiceUnavailable"))
	p := newPipeline(t, budget.Config{Ratio: 0.1, Floor: -1, Initial: 1}, retry.Custom(5, time.Millisecond, time.Millisecond, false))
	require.ErrorIs(t, read(t.Context(), queue(t, s, p)), budget.ErrExhausted)
	require.EqualValues(t, 2, s.requests.Load())
}

func TestPipelines(t *testing.T) {
	s, reads := serve(t, ok), newPipeline(t, quick)
	var calls []holdfastaws.Call
	choose := func(c holdfastaws.Call) *holdfast.Pipeline {
		calls = append(calls, c)
		if c.Operation == "GetQueueUrl" {
			return reads
		}
		return nil
	}
	client := queue(t, s, nil, holdfastaws.WithPipelines(choose))
	require.NoError(t, read(t.Context(), client))
	err := send(t.Context(), client)
	require.ErrorContains(t, err, "holdfastaws: pipeline is for SQS.SendMessage; the pipeline for this call is nil")
	require.True(t, resilience.Unsent(err))
	require.EqualValues(t, 1, s.requests.Load())
	require.Len(t, calls, 2)
	require.Equal(t, "SQS", calls[0].Service)
	require.Equal(t, "POST", calls[0].Method)
	require.IsType(t, &sqs.GetQueueUrlInput{}, calls[0].Input)
}

func TestNewConfigNamesAllThatIsWrong(t *testing.T) {
	p := newPipeline(t, quick)
	client, err := holdfasthttp.NewClient(p)
	require.NoError(t, err)
	_, err = holdfastaws.NewConfig(aws.Config{Retryer: standard, HTTPClient: client}, nil, nil, holdfastaws.WithIdempotent(nil), holdfastaws.WithPipelines(nil))
	require.EqualError(t, err, `holdfastaws: an option is nil; leave it out
holdfastaws: WithIdempotent is nil; want a function that says which operations may be carried out twice
holdfastaws: WithPipelines is nil; want a function that returns an operation's pipeline
holdfastaws: pipeline is nil; want one made by holdfast.New
holdfastaws: aws.Config.Retryer is a *retry.Standard; leave it out: the pipeline retries
holdfastaws: aws.Config.HTTPClient is a client with a *holdfasthttp.Transport; want one without: its retries and the pipeline's would multiply`)

	_, err = holdfastaws.Middleware(nil)
	require.EqualError(t, err, "holdfastaws: pipeline is nil; want one made by holdfast.New")
}

// A copy leaves the original alone, and may be copied again for another service.
func TestNewConfigCopies(t *testing.T) {
	s, first, second := serve(t, ok), newPipeline(t, quick), newPipeline(t, quick)
	cfg := config(s)
	cfg.APIOptions = make([]func(*middleware.Stack) error, 0, 8)
	a := protected(t, cfg, first)
	b := protected(t, cfg, second)
	require.Nil(t, cfg.Retryer)
	require.Empty(t, cfg.APIOptions)
	require.NoError(t, read(t.Context(), queueOf(a)))
	require.NoError(t, read(t.Context(), queueOf(b)))
	require.NoError(t, read(t.Context(), queueOf(protected(t, a, second))))
	require.EqualValues(t, 1, first.Snapshot().Calls)
	require.EqualValues(t, 2, second.Snapshot().Calls)
}

// A stack without the SDK's loop is one that sends nothing, or it is an error.
func TestStacksWithoutALoop(t *testing.T) {
	protect, err := holdfastaws.Middleware(newPipeline(t, quick))
	require.NoError(t, err)
	named := func(id string) middleware.FinalizeMiddleware {
		return middleware.FinalizeMiddlewareFunc(id, nil)
	}
	for _, id := range []string{"PresignHTTPRequest", "PresignPostRequestMiddleware"} {
		presign := middleware.NewStack("PutObject", nil)
		require.NoError(t, presign.Finalize.Add(named("ResolveAuthScheme"), middleware.After))
		require.NoError(t, presign.Finalize.Add(named(id), middleware.After))
		require.NoError(t, protect(presign))
		require.Equal(t, []string{"ResolveAuthScheme", id}, presign.Finalize.List())
	}

	bare := middleware.NewStack("GetObject", nil)
	require.EqualError(t, protect(bare), "holdfastaws: the retry middleware of GetObject is none; want the SDK's, in whose place the pipeline retries")

	foreign := middleware.NewStack("GetObject", nil)
	require.NoError(t, foreign.Finalize.Add(named("Retry"), middleware.After))
	err = protect(foreign)
	require.ErrorContains(t, err, "the retry middleware of GetObject is a middleware.finalizeMiddlewareFunc; want the SDK's own")
	require.True(t, resilience.Unsent(err))
}

func TestPanics(t *testing.T) {
	s, p := serve(t, ok), newPipeline(t, quick, breaker.Config{})
	cfg := config(s)
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { panic("odd") })
	client := queueOf(protected(t, cfg, p))
	require.PanicsWithValue(t, "odd", func() { _ = read(t.Context(), client) })
	require.Zero(t, s.requests.Load())
	require.NoError(t, read(t.Context(), queue(t, s, p)), "nothing is left locked or taken")
}
