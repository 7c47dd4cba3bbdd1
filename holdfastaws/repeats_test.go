package holdfastaws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/resilience"
)

// again is a middleware that makes two tries of each attempt of the pipeline.
func again(o *sqs.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("Again", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (middleware.FinalizeOutput, middleware.Metadata, error) {
			req := in.Request.(*smithyhttp.Request)
			out, metadata, err := next.HandleFinalize(ctx, middleware.FinalizeInput{Request: req.Clone()})
			if err == nil {
				return out, metadata, err
			}
			if err := req.RewindStream(); err != nil {
				return out, metadata, err
			}
			return next.HandleFinalize(ctx, middleware.FinalizeInput{Request: req.Clone()})
		}), "Retry", middleware.After)
	})
}

// againHTTP is an HTTP client with a loop of its own, of two tries.
type againHTTP struct{ base http.RoundTripper }

func (a againHTTP) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	try := func() (*http.Response, error) {
		req := req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
		return a.base.RoundTrip(req)
	}
	resp, err := try()
	switch {
	case err != nil:
	case resp.StatusCode < http.StatusInternalServerError:
		return resp, nil
	default:
		_ = resp.Body.Close()
	}
	return try()
}

// Pins: where something inside of an attempt makes several tries, the end of the last one does not
// prove that one before it was not carried out.
func TestALoopInside(t *testing.T) {
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		dials   int32 // from the next one on, nobody answers; 0: all work

		requests int64
		unknown  bool
		unsent   bool
		reason   resilience.Reason // ReasonNone: the call succeeded
	}{
		"lost, then no connection": {answers: []http.HandlerFunc{lost, ok}, dials: 1, requests: 1, unknown: true, reason: resilience.ReasonOutcomeUnknown},
		"lost, then throttled": {
			answers: []http.HandlerFunc{lost, fails(400, "ThrottlingException"), ok}, requests: 2,
			unknown: true, reason: resilience.ReasonOutcomeUnknown,
		},
		"500, then throttled": {
			answers: []http.HandlerFunc{fails(500, "InternalFailure"), fails(400, "ThrottlingException"), ok}, requests: 2,
			unknown: true, reason: resilience.ReasonOutcomeUnknown,
		},
		"lost, then declined": {
			answers: []http.HandlerFunc{lost, fails(400, "InvalidMessageContents"), ok}, requests: 2,
			unknown: true, reason: resilience.ReasonOutcomeUnknown,
		},
		"never a connection":  {answers: []http.HandlerFunc{ok}, dials: -1, unsent: true, reason: resilience.ReasonExhausted},
		"lost, then answered": {answers: []http.HandlerFunc{lost, ok}, requests: 2},
	} {
		for _, by := range []string{"a middleware", "an HTTP client"} {
			t.Run(name+"/"+by, func(t *testing.T) {
				s := serve(t, c.answers...)
				var dials atomic.Int32
				base := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					if n := dials.Add(1); c.dials != 0 && n > max(0, c.dials) {
						addr = nobody
					}
					return new(net.Dialer).DialContext(ctx, network, addr)
				}}
				cfg, more := config(s), again
				cfg.HTTPClient = &http.Client{Transport: base}
				if by == "an HTTP client" {
					cfg.HTTPClient, more = againHTTP{base}, func(*sqs.Options) {}
				}
				err := send(t.Context(), queueOf(protected(t, cfg, newPipeline(t, quick)), more))
				require.Equal(t, c.requests, s.requests.Load(), "not sent again: %v", err)
				require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
				require.Equal(t, c.unsent, resilience.Unsent(err))
				require.Equal(t, c.reason.String(), resilience.ReasonOf(err).String(), "%v", err)
			})
		}
	}
}

// Pins: the error of the SDK's own loop, in a pipeline without this package, is no proof either: it
// is of the last try.
func TestTheSDKsLoopInAPipeline(t *testing.T) {
	s := serve(t, lost, ok)
	var dials atomic.Int32
	cfg := config(s)
	cfg.Retryer = standard
	cfg.HTTPClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if n := dials.Add(1); n > 1 && n <= 3 { // the rest of the first attempt's tries
			addr = nobody
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}}
	client := queueOf(cfg)
	err := newPipeline(t, quick).Do(resilience.MarkOnce(t.Context()), func(ctx context.Context) error { return send(ctx, client) })
	require.EqualValues(t, 1, s.requests.Load(), "not sent again: %v", err)
	require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
}

// A redirect is no try that may have been carried out: the server that sent it says so.
func TestAThrottleAfterARedirect(t *testing.T) {
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}
	s := serve(t, redirect, fails(400, "ThrottlingException"), ok)
	_, err := blocks(t, s, newPipeline(t, quick)).ListSnapshotBlocks(resilience.MarkOnce(t.Context()), &ebs.ListSnapshotBlocksInput{
		SnapshotId: aws.String("snap-1"),
	})
	require.NoError(t, err)
	require.EqualValues(t, 3, s.requests.Load())
}

// nobody is an address without a listener. No test gets its port, as it may get one that is free
// again.
const nobody = "127.0.0.1:1"
