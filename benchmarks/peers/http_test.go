package peers

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	fsbudget "github.com/failsafe-go/failsafe-go/budget"
	fsbulkhead "github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	fstimeout "github.com/failsafe-go/failsafe-go/timeout"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// server stands for a base transport and the server behind it. It answers 503 as often as it is
// told in each call, and then 200, with the same two responses, so that no row pays for making
// them.
type server struct {
	failures, attempts int
	down, up           *http.Response
}

func newServer(failures int) *server {
	answer := func(code int) *http.Response {
		return &http.Response{StatusCode: code, Header: http.Header{}, Body: http.NoBody}
	}
	return &server{failures: failures, down: answer(http.StatusServiceUnavailable), up: answer(http.StatusOK)}
}

func (s *server) RoundTrip(*http.Request) (*http.Response, error) {
	if s.attempts++; s.attempts <= s.failures {
		return s.down, nil
	}
	return s.up, nil
}

var errStatus = errors.New("peers: not the 200 that it should be")

// through makes calls by rt, which was built around s. The request is made once for each ctx, as no
// row has to do with that.
func through(tb testing.TB, s *server, rt http.RoundTripper) call {
	var req *http.Request
	return func(ctx context.Context) (attempts int, err error) {
		if req == nil || req.Context() != ctx {
			if req, err = http.NewRequestWithContext(ctx, http.MethodGet, "http://peer.example/", http.NoBody); err != nil {
				tb.Fatal(err)
			}
		}
		s.attempts = 0
		resp, err := rt.RoundTrip(req)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = errStatus
		}
		return s.attempts, err
	}
}

func retryable(s http.RoundTripper, base, ceiling time.Duration) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: s}
	client.RetryMax, client.RetryWaitMin, client.RetryWaitMax = maxRetries, base, ceiling
	client.Logger = nil
	return &retryablehttp.RoundTripper{Client: client}
}

func holdfastHTTP(tb testing.TB, s *server, p *holdfast.Pipeline) call {
	rt, err := holdfasthttp.NewTransport(p, holdfasthttp.WithBase(s))
	require.NoError(tb, err)
	return through(tb, s, rt)
}

// A RoundTripper with everything that BenchmarkPipeline has, around a base that answers 200 at
// once. The baseline is the pipeline itself, called by hand around the same base: the rest is what
// it costs to speak HTTP.
var httpSuccess = scenario{attempts: 1, ctx: inherited, candidates: []candidate{
	{"holdfast pipeline", func(tb testing.TB) call {
		s, p := newServer(0), newPipeline(tb, wholePipeline()...)
		return through(tb, s, byHand{s, p})
	}},
	{"holdfast", func(tb testing.TB) call { return holdfastHTTP(tb, newServer(0), newPipeline(tb, wholePipeline()...)) }},
	{"failsafehttp", func(tb testing.TB) call {
		s := newServer(0)
		return through(tb, s, failsafehttp.NewRoundTripper(s,
			fstimeout.New[*http.Response](totalLimit),
			fsbulkhead.New[*http.Response](maxConcurrent),
			failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(maxRetries).WithBackoff(baseDelay, maxDelay).WithBudget(fsbudget.New()).Build(),
			newFailsafeBreaker[*http.Response](failureRatio, openFor),
			fstimeout.New[*http.Response](attemptLimit),
		))
	}},

	// Retries are all that it has.
	{"retryablehttp", func(tb testing.TB) call {
		s := newServer(0)
		return through(tb, s, retryable(s, baseDelay, maxDelay))
	}},
}}

// byHand is what a user would write around a pipeline for a GET that never fails.
type byHand struct {
	base *server
	p    *holdfast.Pipeline
}

func (b byHand) RoundTrip(req *http.Request) (*http.Response, error) {
	return holdfast.Value(req.Context(), b.p, func(context.Context) (*http.Response, error) { return b.base.RoundTrip(req) })
}

// A retry loop and nothing else, around a base that answers 503 twice; pauses of 1 ns.
var httpRetryPath = scenario{attempts: 3, ctx: unbounded, candidates: []candidate{
	{"holdfast", func(tb testing.TB) call {
		return holdfastHTTP(tb, newServer(2), newPipeline(tb, retry.Config{MaxRetries: maxRetries, BaseDelay: 1, MaxDelay: 1, Jitter: retry.NoJitter}))
	}},
	{"failsafehttp", func(tb testing.TB) call {
		s := newServer(2)
		return through(tb, s, failsafehttp.NewRoundTripper(s, failsafehttp.NewRetryPolicyBuilder().WithMaxRetries(maxRetries).WithDelay(1).Build()))
	}},
	{"retryablehttp", func(tb testing.TB) call {
		s := newServer(2)
		return through(tb, s, retryable(s, 1, 1))
	}},
}}

func BenchmarkHTTPSuccess(b *testing.B)   { httpSuccess.run(b) }
func BenchmarkHTTPRetryPath(b *testing.B) { httpRetryPath.run(b) }

func TestHTTPLikeWithLike(t *testing.T) {
	for name, s := range map[string]scenario{"HTTPSuccess": httpSuccess, "HTTPRetryPath": httpRetryPath, "HTTPPreset": httpPreset} {
		for _, c := range s.candidates {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				ctx, do := s.ctx(t), c.build(t)
				for range 5 {
					attempts, err := do(ctx)
					require.NoError(t, err)
					require.Equal(t, s.attempts, attempts)
				}
			})
		}
	}
}
