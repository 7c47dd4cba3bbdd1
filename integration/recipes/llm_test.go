package recipes

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// newLLM returns the HTTP client for an SDK whose own retries are off.
func newLLM(base http.RoundTripper) (*http.Client, error) {
	llm, err := holdfast.New("llm",
		deadline.In(3*time.Minute),
		budget.Config{Ratio: 0.2, Floor: 1},
		retry.Config{MaxRetries: 4, BaseDelay: time.Second, MaxDelay: 20 * time.Second, MaxRetryAfter: time.Minute},
		breaker.Config{FailureRatio: 0.8, MinRequests: 20},
		deadline.In(time.Minute), // until the headers are here: without streaming, that is the whole answer
	)
	if err != nil {
		return nil, err
	}
	return holdfasthttp.NewClient(llm,
		holdfasthttp.WithBase(base), // http.DefaultTransport, or one of your own
		holdfasthttp.WithIdempotent(func(*http.Request) bool { return true }), // twice costs tokens, and nothing else
		holdfasthttp.WithClassifyResponse(noCredit),
	)
}

// noCredit knows the 429 that no pause mends.
func noCredit(r *http.Response) resilience.Verdict {
	var answer struct{ Error struct{ Code string } }
	if r.StatusCode == http.StatusTooManyRequests &&
		json.NewDecoder(r.Body).Decode(&answer) == nil && answer.Error.Code == "insufficient_quota" {
		return resilience.Permanent
	}
	return resilience.Unclassified // the status decides
}

// answer is one response of a stub server.
type answer struct {
	status int
	header string // "name: value", or ""
	body   string
}

// stub gives one answer after the other, and the last for ever. It notes when it was asked.
type stub struct {
	answers []answer
	asked   []time.Time
}

func (s *stub) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	s.asked = append(s.asked, time.Now())
	a := s.answers[min(len(s.asked), len(s.answers))-1]
	header := http.Header{"Content-Type": {"application/json"}}
	if name, value, ok := strings.Cut(a.header, ": "); ok {
		header.Set(name, value)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

// post sends a POST through a client.
func post(t *testing.T, client *http.Client, url, body string) (resp *http.Response, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err = client.Do(req)
	require.NoError(t, err)
	whole, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(whole)
}

const messages = "http://llm.example/v1/messages"

// anthropics/anthropic-sdk-typescript#791 asks for the rows of 529.
func TestLLM(t *testing.T) {
	const ok = `{"content":"hello"}`
	for name, c := range map[string]struct {
		answers []answer
		asked   int
		pause   time.Duration // the least before the second request
		status  int
		stopped resilience.Reason
	}{
		"529, and when to come back, in milliseconds": {
			[]answer{{529, "retry-after-ms: 1700", ""}, {529, "retry-after-ms: 1700", ""}, {200, "", ok}}, 3, 1700 * time.Millisecond, 200, resilience.ReasonNone,
		},
		"529 without a word": {[]answer{{529, "", ""}, {200, "", ok}}, 2, time.Second, 200, resilience.ReasonNone},
		"429, in seconds":    {[]answer{{429, "Retry-After: 9", ""}, {200, "", ok}}, 2, 9 * time.Second, 200, resilience.ReasonNone},
		"429, in fractions":  {[]answer{{429, "Retry-After: 9.25", ""}, {200, "", ok}}, 2, 9250 * time.Millisecond, 200, resilience.ReasonNone},
		"no credit": {
			[]answer{{429, "", `{"error":{"code":"insufficient_quota","message":"..."}}`}}, 1, 0, 429, resilience.ReasonNone,
		},
		"a limit per minute": {
			[]answer{{429, "", `{"error":{"code":"rate_limit_exceeded"}}`}, {200, "", ok}}, 2, time.Second, 200, resilience.ReasonNone,
		},
		"a day's quota is used up":  {[]answer{{429, "Retry-After: 7200", ""}}, 1, 0, 429, resilience.ReasonRetryAfterTooLong},
		"a prompt that is too long": {[]answer{{400, "", ""}}, 1, 0, 400, resilience.ReasonNone},
		"the server says no":        {[]answer{{529, "x-should-retry: false", ""}}, 1, 0, 529, resilience.ReasonPermanent},
		"the server says yes":       {[]answer{{409, "x-should-retry: true", ""}, {200, "", ok}}, 2, time.Second, 200, resilience.ReasonNone},
		"overloaded for good":       {[]answer{{529, "", ""}}, 5, time.Second, 529, resilience.ReasonExhausted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &stub{answers: c.answers}
				client, err := newLLM(server)
				require.NoError(t, err)
				resp, text := post(t, client, messages, `{"model":"m","messages":[]}`)
				require.Equal(t, c.status, resp.StatusCode)
				require.Equal(t, c.answers[len(c.answers)-1].body, text, "the caller gets the whole body")
				require.Len(t, server.asked, c.asked)
				require.Equal(t, c.stopped, resilience.ReasonOf(holdfasthttp.Stopped(resp)))
				if c.asked > 1 {
					require.GreaterOrEqual(t, server.asked[1].Sub(server.asked[0]), c.pause)
				}
			})
		})
	}
}
