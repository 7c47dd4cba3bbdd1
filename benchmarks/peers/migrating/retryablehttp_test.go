package migrating_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

func newRetryable(base http.RoundTripper) *http.Client {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: base, Timeout: 2 * time.Second} // of each attempt
	client.RetryMax = 4
	client.RetryWaitMin, client.RetryWaitMax = time.Second, 30*time.Second
	client.Logger = slog.New(slog.DiscardHandler)
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	client.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if resp != nil && resp.StatusCode == http.StatusConflict {
			return true, nil
		}
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	client.PrepareRetry = sign
	return client.StandardClient()
}

func newHoldfastClient(base http.RoundTripper) (*http.Client, error) {
	payments, err := holdfast.New("payments",
		holdfast.Observe(resilience.NewLogObserver(slog.New(slog.DiscardHandler))), // Logger
		deadline.In(time.Minute), // of the whole call; there is none in retryablehttp
		budget.Config{},          // new: retries in proportion to successes
		retry.Config{MaxRetries: 4, BaseDelay: time.Second, MaxDelay: 30 * time.Second},
		breaker.Config{},           // new
		deadline.In(2*time.Second), // HTTPClient.Timeout: of each attempt
	)
	if err != nil {
		return nil, err
	}
	return holdfasthttp.NewClient(payments,
		holdfasthttp.WithBase(base),
		holdfasthttp.WithClassifyResponse(func(r *http.Response) resilience.Verdict { // CheckRetry
			if r.StatusCode == http.StatusConflict {
				return resilience.Transient
			}
			return resilience.Unclassified // the status decides
		}),
		holdfasthttp.WithBeforeAttempt(func(r *http.Request, _ int) error { return sign(r) }), // PrepareRetry
	)
}

func sign(r *http.Request) error {
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return nil
}

// The two columns of the page do the same for a GET: they repeat a 409 and a 503 and hand out the
// last response.
func TestRetryablehttpSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, client := range map[string]func(http.RoundTripper) (*http.Client, error){
			"retryablehttp": func(rt http.RoundTripper) (*http.Client, error) { return newRetryable(rt), nil },
			"holdfast":      newHoldfastClient,
		} {
			b := &backend{script: []answer{{status: 409}, {status: 503}, {hang: true}, {status: 200}}}
			c, err := client(b)
			require.NoError(t, err, name)
			require.Equal(t, 200, status(t, c, get(t)), name)
			require.Len(t, b.bodies, 4, name)

			b = &backend{script: []answer{{status: 503}}}
			c, err = client(b)
			require.NoError(t, err, name)
			require.Equal(t, 503, status(t, c, get(t)), name)
			require.Len(t, b.bodies, 5, name)
		}
	})
}

func get(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://payments.example/", http.NoBody)
	require.NoError(t, err)
	return req
}

func post(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://payments.example/", strings.NewReader("10 EUR"))
	require.NoError(t, err)
	return req
}

// status makes the request, and returns the status of the response, or 0 for an error.
func status(t *testing.T, c *http.Client, req *http.Request) int {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "from the server", string(text))
	return resp.StatusCode
}

// plain returns clients of both libraries with as little said as can be, and 4 retries.
func plain(t *testing.T, b http.RoundTripper, stages ...resilience.Stage) (theirs, ours *http.Client) {
	t.Helper()
	c := retryablehttp.NewClient()
	c.HTTPClient.Transport, c.Logger = b, nil
	if len(stages) == 0 {
		stages = []resilience.Stage{retry.Config{MaxRetries: 4}}
	}
	ours, err := holdfasthttp.NewClient(pipeline(t, stages...), holdfasthttp.WithBase(b))
	require.NoError(t, err)
	return c.StandardClient(), ours
}

// requests counts the requests that come of one, by both libraries.
func requests(t *testing.T, req func(*testing.T) *http.Request, a answer) (theirs, ours int) {
	t.Helper()
	b := &backend{script: []answer{a}}
	t1, o1 := plain(t, b)
	status(t, t1, req(t))
	theirs = len(b.bodies)
	b.bodies = nil
	status(t, o1, req(t))
	return theirs, len(b.bodies)
}

// A POST that may have been carried out is sent again by retryablehttp.
func TestRetryablehttpSendsAPostAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := requests(t, post, answer{status: 503})
		require.Equal(t, 5, theirs)
		require.Equal(t, 1, ours)

		theirs, ours = requests(t, post, answer{err: io.ErrUnexpectedEOF}) // the answer was lost
		require.Equal(t, 5, theirs)
		require.Equal(t, 1, ours)
	})
}

// What makes Holdfast send it again: an idempotency key, a mark, or proof that it was not sent.
func TestRetryablehttpPostsThatAreRepeatedByBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		withKey := func(t *testing.T) *http.Request {
			t.Helper()
			r := post(t)
			r.Header.Set("Idempotency-Key", "7f9c")
			return r
		}
		theirs, ours := requests(t, withKey, answer{status: 503})
		require.Equal(t, 5, theirs)
		require.Equal(t, 5, ours)

		marked := func(t *testing.T) *http.Request {
			t.Helper()
			r := post(t)
			return r.WithContext(resilience.MarkIdempotent(r.Context()))
		}
		_, ours = requests(t, marked, answer{status: 503})
		require.Equal(t, 5, ours)

		_, ours = requests(t, post, answer{err: &net.OpError{Op: "dial", Err: down}})
		require.Equal(t, 5, ours)
	})
}

// Which answers to a GET are repeated.
func TestRetryablehttpRepeatsOtherAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		a            answer
		theirs, ours int
	}{
		"429":          {answer{status: 429}, 5, 5},
		"500":          {answer{status: 500}, 5, 5},
		"501":          {answer{status: 501}, 1, 1},
		"505":          {answer{status: 505}, 5, 1},
		"507":          {answer{status: 507}, 5, 1},
		"408":          {answer{status: 408}, 1, 5},
		"425":          {answer{status: 425}, 1, 5},
		"404":          {answer{status: 404}, 1, 1},
		"no such host": {answer{err: &net.DNSError{Err: "no such host", Name: "payments.example", IsNotFound: true}}, 5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				theirs, ours := requests(t, get, c.a)
				require.Equal(t, c.theirs, theirs)
				require.Equal(t, c.ours, ours)
			})
		})
	}
}

// Without an ErrorHandler the last response is closed, and an error says only how many attempts
// there were.
func TestRetryablehttpHidesTheLastResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := plain(t, &backend{script: []answer{{status: 503}}})
		resp, err := theirs.Do(get(t))
		require.ErrorContains(t, err, "giving up after 5 attempt(s)")
		require.Nil(t, resp)

		resp, err = ours.Do(get(t))
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, 503, resp.StatusCode)
		require.ErrorIs(t, holdfasthttp.Stopped(resp), retry.ErrExhausted)
	})
}

// Their error is of the last attempt, and says how many there were: after one it proves that
// nothing was sent, after several it does not.
func TestRetryablehttpsErrorIsNoProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for retries, unsent := range map[int]bool{0: true, 1: false} {
			c := retryablehttp.NewClient()
			c.Logger, c.RetryMax = slog.New(slog.DiscardHandler), retries
			script := []answer{{err: io.ErrUnexpectedEOF}, {err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}}
			c.HTTPClient = &http.Client{Transport: &backend{script: script[1-retries:]}}
			_, err := c.StandardClient().Do(get(t)) //nolint:bodyclose // there is no response
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			require.Equal(t, unsent, resilience.Unsent(err), "%v", err)
		}
	})
}

// http.Client.Timeout around a loop bounds all of it. In retryablehttp the HTTPClient is inside
// the loop, so its Timeout is an attempt's.
func TestRetryablehttpTimeoutIsOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{script: []answer{{hang: true}}}
		c := retryablehttp.NewClient()
		c.HTTPClient, c.Logger = &http.Client{Transport: b, Timeout: time.Second}, nil
		start := time.Now()
		require.Zero(t, status(t, c.StandardClient(), get(t)))
		require.Equal(t, 20*time.Second, time.Since(start)) // 5 attempts of 1 s, pauses of 1, 2, 4 and 8 s
		require.Len(t, b.bodies, 5)

		b.bodies = nil
		_, ours := plain(t, b)
		ours.Timeout = time.Second
		start = time.Now()
		require.Zero(t, status(t, ours, get(t)))
		require.Equal(t, time.Second, time.Since(start))
		require.Len(t, b.bodies, 1)
	})
}

// What a Retry-After may ask for.
func TestRetryablehttpWaitsAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{script: []answer{{status: 503, retryAfter: "3600"}, {status: 200}}}
		theirs, ours := plain(t, b)
		start := time.Now()
		require.Equal(t, 200, status(t, theirs, get(t)))
		require.Equal(t, time.Hour, time.Since(start))

		b.bodies = nil
		start = time.Now()
		resp, err := ours.Do(get(t))
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		require.Equal(t, 503, resp.StatusCode)
		require.ErrorIs(t, holdfasthttp.Stopped(resp), retry.ErrRetryAfterTooLong)
		require.Zero(t, time.Since(start))
	})
}

// Callers who are told the same Retry-After come back at the same moment, or are spread.
func TestRetryablehttpDoesNotSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		theirs, ours := plain(t, b)
		waits := func(c *http.Client) map[time.Duration]bool {
			all := map[time.Duration]bool{}
			for range 20 {
				b.bodies, b.script = nil, []answer{{status: 429, retryAfter: "10"}, {status: 200}}
				start := time.Now()
				require.Equal(t, 200, status(t, c, get(t)))
				all[time.Since(start)] = true
			}
			return all
		}
		require.Equal(t, map[time.Duration]bool{10 * time.Second: true}, waits(theirs))
		spread := waits(ours)
		require.Greater(t, len(spread), 10)
		for wait := range spread {
			require.GreaterOrEqual(t, wait, 10*time.Second)
			require.Less(t, wait, 15*time.Second)
		}
	})
}

// A pause that the ctx's deadline cuts short.
func TestRetryablehttpSleepsUntilTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{script: []answer{{status: 503}}}
		theirs, ours := plain(t, b, retry.Config{BaseDelay: time.Second})
		call := func(c *http.Client) (int, time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			start := time.Now()
			return status(t, c, get(t).WithContext(ctx)), time.Since(start)
		}
		code, took := call(theirs)
		require.Zero(t, code) // an error: the 503 is lost
		require.Equal(t, 500*time.Millisecond, took)

		code, took = call(ours)
		require.Equal(t, 503, code)
		require.Zero(t, took)
	})
}

// Nothing bounds how much load retries add in an outage. A budget does.
func TestRetryablehttpMultipliesLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{script: []answer{{status: 503}}}
		theirs, ours := plain(t, b, budget.Config{Floor: -1}, retry.Config{MaxRetries: 4}, breaker.Config{})
		for range 100 {
			status(t, theirs, get(t))
		}
		require.Len(t, b.bodies, 500)

		b.bodies = nil
		for range 100 {
			status(t, ours, get(t))
		}
		require.Len(t, b.bodies, 10) // the breaker opens
	})
}

// A number of retries that comes from a configuration may be 0.
func TestRetryablehttpZeroMeansNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{script: []answer{{status: 503}}}
		c := retryablehttp.NewClient()
		c.HTTPClient.Transport, c.Logger, c.RetryMax = b, nil, 0
		status(t, c.StandardClient(), get(t))
		require.Len(t, b.bodies, 1)

		for want, loop := range map[int]retry.Config{
			4: {MaxRetries: 0}, // the default
			1: retry.Custom(0, time.Second, 30*time.Second, true),
		} {
			b.bodies = nil
			_, ours := plain(t, b, loop)
			status(t, ours, get(t))
			require.Len(t, b.bodies, want)
		}
	})
}

// NewClient logs each request to stderr. Holdfast logs nothing unless it is told to.
func TestRetryablehttpLogsByDefault(t *testing.T) {
	require.NotNil(t, retryablehttp.NewClient().Logger)
}
