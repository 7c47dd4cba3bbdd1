package holdfastaws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What is sent again, and what its error says. SendMessage must not be carried out twice,
// DeleteMessage may be, GetQueueUrl changes nothing.
func TestWhatIsSentAgain(t *testing.T) {
	throttled := fails(400, "ThrottlingException")
	for name, c := range map[string]struct {
		op      func(context.Context, *sqs.Client) error
		answers []http.HandlerFunc
		mark    func(context.Context) context.Context
		only    bool // retry.Config.OnlyUnsent

		requests int64
		reason   resilience.Reason // ReasonNone: the call succeeded
		unknown  bool
		again    bool // it may be made again
		unsent   bool
		why      error
	}{
		"lost": {
			op: send, answers: []http.HandlerFunc{lost, ok}, requests: 1,
			reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent,
		},
		"lost, repeatable":       {op: remove, answers: []http.HandlerFunc{lost, ok}, requests: 2},
		"lost, a read":           {op: read, answers: []http.HandlerFunc{lost, ok}, requests: 2},
		"lost, by the user":      {op: send, answers: []http.HandlerFunc{lost, ok}, mark: resilience.MarkIdempotent, requests: 2},
		"lost, repeatable, once": {op: remove, answers: []http.HandlerFunc{lost, ok}, mark: resilience.MarkOnce, requests: 1, reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent},
		"lost, a read, once":     {op: read, answers: []http.HandlerFunc{lost, ok}, mark: resilience.MarkOnce, requests: 1, reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent},
		"lost, only unsent":      {op: remove, answers: []http.HandlerFunc{lost, ok}, only: true, requests: 1, reason: resilience.ReasonOutcomeUnknown, unknown: true},
		"lost each time":         {op: remove, answers: []http.HandlerFunc{lost}, requests: 3, reason: resilience.ReasonExhausted, unknown: true, again: true},
		"lost each time, a read": {op: read, answers: []http.HandlerFunc{lost}, requests: 3, reason: resilience.ReasonExhausted},
		"lost, then refused": {
			op: remove, answers: []http.HandlerFunc{lost, fails(400, "ReceiptHandleIsInvalid")}, requests: 2,
			reason: resilience.ReasonPermanent, unknown: true, again: true,
		},
		"cut": {
			op: send, answers: []http.HandlerFunc{cut, ok}, requests: 1,
			reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent,
		},
		"cut, a read":                 {op: read, answers: []http.HandlerFunc{cut, ok}, requests: 2},
		"throttled":                   {op: send, answers: []http.HandlerFunc{throttled, ok}, requests: 2},
		"throttled, once":             {op: send, answers: []http.HandlerFunc{throttled, ok}, mark: resilience.MarkOnce, requests: 2},
		"throttled, only unsent":      {op: send, answers: []http.HandlerFunc{throttled, ok}, only: true, requests: 2},
		"throttled each time":         {op: send, answers: []http.HandlerFunc{throttled}, requests: 3, reason: resilience.ReasonExhausted, unsent: true},
		"throttled with a 503":        {op: send, answers: []http.HandlerFunc{fails(503, "SlowDown"), ok}, requests: 2},
		"429 without a code, a write": {op: send, answers: []http.HandlerFunc{fails(429, ""), ok}, requests: 1, reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent},
		"429 without a code, a read":  {op: read, answers: []http.HandlerFunc{fails(429, ""), ok}, requests: 2},
		"the same transaction is at work": {
			op: send, answers: []http.HandlerFunc{fails(400, "TransactionInProgressException"), ok}, requests: 1,
			reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent,
		},
		"500": {
			op: send, answers: []http.HandlerFunc{fails(500, "InternalFailure"), ok}, requests: 1,
			reason: resilience.ReasonOutcomeUnknown, unknown: true, why: holdfastaws.ErrNotIdempotent,
		},
		"500, repeatable":       {op: remove, answers: []http.HandlerFunc{fails(500, "InternalFailure"), ok}, requests: 2},
		"400":                   {op: send, answers: []http.HandlerFunc{fails(400, "InvalidMessageContents"), ok}, requests: 1, reason: resilience.ReasonPermanent},
		"400, once":             {op: send, answers: []http.HandlerFunc{fails(400, "InvalidMessageContents"), ok}, mark: resilience.MarkOnce, requests: 1, reason: resilience.ReasonPermanent},
		"400, by the user":      {op: send, answers: []http.HandlerFunc{fails(400, "InvalidMessageContents"), ok}, mark: resilience.MarkIdempotent, requests: 1, reason: resilience.ReasonPermanent},
		"403, an expired token": {op: read, answers: []http.HandlerFunc{fails(403, "ExpiredTokenException"), ok}, requests: 1, reason: resilience.ReasonPermanent},
		"304, not modified":     {op: read, answers: []http.HandlerFunc{fails(304, ""), ok}, requests: 1, reason: resilience.ReasonPermanent},
		"301, another region":   {op: read, answers: []http.HandlerFunc{fails(301, "PermanentRedirect"), ok}, requests: 1, reason: resilience.ReasonPermanent},
		"an answer that is none": {
			op: read, answers: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, ok},
			requests: 1, reason: resilience.ReasonUnclassified,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.answers...)
			loop := quick
			loop.OnlyUnsent = c.only
			ctx := t.Context()
			if c.mark != nil {
				ctx = c.mark(ctx)
			}
			err := c.op(ctx, queue(t, s, newPipeline(t, loop)))
			require.Equal(t, c.requests, s.requests.Load(), "%v", err)
			if c.reason == resilience.ReasonNone {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, c.reason.String(), resilience.ReasonOf(err).String(), "%v", err)
			require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "unknown: %v", err)
			require.Equal(t, c.again, c.unknown && !resilience.NoRetry(err), "again: %v", err)
			require.Equal(t, c.unsent, resilience.Unsent(err), "unsent: %v", err)
			if c.why != nil {
				require.ErrorIs(t, err, c.why)
			}
		})
	}
}

// The caller's word holds without a loop, too: what only reads, and must be made once, is unknown.
func TestOnceWithoutALoop(t *testing.T) {
	s := serve(t, lost)
	client := queue(t, s, newPipeline(t, breaker.Config{}))
	err := read(resilience.MarkOnce(t.Context()), client)
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.ErrorIs(t, err, holdfastaws.ErrNotIdempotent)
	err = read(t.Context(), client)
	require.Error(t, err)
	require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// Nothing of an answer that was cut off is in the next one.
func TestAnswersDoNotMix(t *testing.T) {
	half := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"NextToken":"stale","QueueUrls":["a","b"],"x":`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	whole := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"QueueUrls":["c"]}`) }
	s := serve(t, half, whole)
	out, err := queue(t, s, newPipeline(t, quick)).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	require.NoError(t, err)
	require.EqualValues(t, 2, s.requests.Load())
	require.Equal(t, []string{"c"}, out.QueueUrls)
	require.Nil(t, out.NextToken)
}

// A server that is not there got nothing: even what must not be carried out twice is sent again.
func TestNobodyThere(t *testing.T) {
	p, cfg := newPipeline(t, quick), config(serve(t, ok))
	cfg.BaseEndpoint = aws.String("http://" + nobody)
	client := queueOf(protected(t, cfg, p))
	err := send(resilience.MarkOnce(t.Context()), client)
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.True(t, resilience.Unsent(err))
	require.EqualValues(t, 3, p.Snapshot().Attempts)
}

func TestCallerCancels(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hangs(w, r)
	})
	p := newPipeline(t, quick, breaker.Config{}, deadline.In(time.Minute))
	err := send(ctx, queue(t, s, p))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, resilience.ReasonCanceled, resilience.ReasonOf(err))
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.EqualValues(t, 1, s.requests.Load())
	require.Zero(t, p.Snapshot().Breakers[0].Counts.Failures)

	err = send(ctx, queue(t, s, p))
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, resilience.Unsent(err))
	require.EqualValues(t, 1, s.requests.Load(), "a ctx that has ended sends nothing")
}

// A service that says when to come back has too much to do: that is an Overload, and no other
// failure.
func TestAskingToWaitIsOverload(t *testing.T) {
	for want, answer := range map[resilience.Verdict]http.HandlerFunc{
		resilience.Overload:  fails(503, "ServiceUnavailable", "X-Amz-Retry-After", "10"),
		resilience.Transient: fails(503, "ServiceUnavailable"),
	} {
		err := read(t.Context(), queue(t, serve(t, answer), newPipeline(t, breaker.Config{})))
		require.Equal(t, want.String(), resilience.Judge(t.Context(), nil, err).String())
	}
}

// One event for each attempt, and one for the call.
func TestEvents(t *testing.T) {
	var kinds []string
	p := newPipeline(t, holdfast.Observe(resilience.ObserverFunc(func(_ context.Context, e resilience.Event) {
		kinds = append(kinds, e.Kind.String())
	})), quick)
	s := serve(t, fails(503, "ServiceUnavailable"), ok)
	require.NoError(t, read(t.Context(), queue(t, s, p)))
	require.Equal(t, []string{"attempt", "retry", "attempt", "call"}, kinds)
}

// The SDK corrects its clock by the answer of the first attempt, and the second is signed anew.
func TestClockSkew(t *testing.T) {
	for _, code := range []string{"RequestTimeTooSkewed", "InvalidSignatureException", "AccessDeniedException"} {
		s := serve(t, fails(403, code, "Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)), ok)
		client := queue(t, s, newPipeline(t, quick))
		require.NoError(t, send(resilience.MarkOnce(t.Context()), client), code)
		require.EqualValues(t, 2, s.requests.Load())
		require.NoError(t, send(t.Context(), client), code) // by a clock that is right again
		var at []time.Time
		for _, date := range s.header("X-Amz-Date") {
			signed, err := time.Parse("20060102T150405Z", date)
			require.NoError(t, err)
			at = append(at, signed)
		}
		require.InDelta(t, time.Hour, at[0].Sub(at[1]), float64(time.Minute))
		require.InDelta(t, 0, at[0].Sub(at[2]), float64(time.Minute))
		require.NotEqual(t, s.header("Authorization")[0], s.header("Authorization")[1])
	}
	s := serve(t, fails(403, "AccessDeniedException"), ok) // without a skew, it is the caller's fault
	require.Equal(t, resilience.ReasonPermanent, resilience.ReasonOf(read(t.Context(), queue(t, s, newPipeline(t, quick)))))
	require.EqualValues(t, 1, s.requests.Load())
}

// A key of the caller's, or the SDK's, makes a write repeatable: it is the same in each attempt.
func TestTokens(t *testing.T) {
	s := serve(t, lost, ok)
	_, err := blocks(t, s, newPipeline(t, quick)).StartSnapshot(t.Context(), startSnapshot())
	require.NoError(t, err)
	sent := s.sent()
	require.Len(t, sent, 2)
	require.Contains(t, sent[0], `"ClientToken":"`)
	require.Equal(t, sent[0], sent[1])

	s = serve(t, lost, ok)
	_, err = blocks(t, s, newPipeline(t, quick)).StartSnapshot(resilience.MarkOnce(t.Context()), startSnapshot())
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
	require.Len(t, s.sent(), 1)
}

// The user knows the own queue: a message with a deduplication ID may be sent twice.
func TestWithIdempotent(t *testing.T) {
	s := serve(t, lost, ok)
	client := queue(t, s, newPipeline(t, quick), holdfastaws.WithIdempotent(func(c holdfastaws.Call) bool {
		in, ok := c.Input.(*sqs.SendMessageInput)
		return ok && in.MessageDeduplicationId != nil || holdfastaws.Idempotent(c)
	}))
	_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String("q"), MessageBody: aws.String("x"), MessageDeduplicationId: aws.String("order-7"),
	})
	require.NoError(t, err)
	require.EqualValues(t, 2, s.requests.Load())
}
