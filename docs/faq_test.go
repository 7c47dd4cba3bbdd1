package docs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
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

// What docs/faq.md says. Each answer there names its test.

var refused = syscall.ECONNREFUSED // Transient

func try(t *testing.T, p *holdfast.Pipeline, answers ...error) (attempts int, err error) {
	t.Helper()
	err = p.Do(t.Context(), func(context.Context) error {
		attempts++
		return answers[min(attempts, len(answers))-1]
	})
	return attempts, err
}

func quick(retries int) retry.Config {
	return retry.Custom(retries, time.Millisecond, time.Millisecond, false)
}

func TestFAQWhyIsItNotRetried(t *testing.T) {
	errBusy := errors.New("busy")
	p := holdfast.Must(holdfast.New("p", quick(2)))
	for name, c := range map[string]struct {
		err      error
		attempts int
		reason   resilience.Reason
	}{
		"nobody knows it":          {errBusy, 1, resilience.ReasonUnclassified},
		"the caller's fault":       {resilience.MarkPermanent(errBusy), 1, resilience.ReasonPermanent},
		"%v hides what it was":     {fmt.Errorf("charge: %v", refused), 1, resilience.ReasonUnclassified}, //nolint:errorlint // this is what goes wrong
		"%w shows it":              {fmt.Errorf("charge: %w", refused), 3, resilience.ReasonExhausted},
		"somebody says what it is": {resilience.MarkTransient(errBusy), 3, resilience.ReasonExhausted},
	} {
		attempts, err := try(t, p, c.err)
		require.Equal(t, c.attempts, attempts, name)
		require.Equal(t, c.reason, resilience.ReasonOf(err), name)
	}
	classified := holdfast.Must(holdfast.New("p", holdfast.Classify(resilience.Errors(resilience.Transient, errBusy)), quick(2)))
	attempts, _ := try(t, classified, errBusy)
	require.Equal(t, 3, attempts)
}

func TestFAQWhyDoesTheBreakerNotOpen(t *testing.T) {
	after := func(n int, err error, stages ...resilience.Stage) breaker.State {
		p := holdfast.Must(holdfast.New("p", stages...))
		for range n {
			_, _ = try(t, p, err)
		}
		return p.Snapshot().Breakers[0].State
	}
	byShare := breaker.Config{ConsecutiveFailures: -1, FailureRatio: 0.5, MinRequests: 20}
	require.Equal(t, breaker.StateClosed, after(19, refused, byShare), "less than MinRequests")
	require.Equal(t, breaker.StateOpen, after(20, refused, byShare))
	require.Equal(t, breaker.StateOpen, after(10, refused, breaker.Config{}), "the default: 10 in a row")
	require.Equal(t, breaker.StateClosed, after(10, refused, holdfast.Critical()[4]), "a preset's breaker waits for 40")
	require.Equal(t, breaker.StateClosed, after(100, resilience.MarkPermanent(refused), breaker.Config{}), "the dependency answered")
	for range 3 { // one that is made anew for each call has counted nothing
		require.Equal(t, breaker.StateClosed, after(1, refused, breaker.Config{ConsecutiveFailures: 3}))
	}
}

func TestFAQWhyOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holdfast.Must(holdfast.New("p", retry.Custom(3, time.Second, time.Second, false)))
		once := func(ctx context.Context, p *holdfast.Pipeline, err error) resilience.Reason {
			attempts := 0
			err = p.Do(ctx, func(context.Context) error { attempts++; return err })
			require.Equal(t, 1, attempts)
			return resilience.ReasonOf(err)
		}
		short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		require.Equal(t, resilience.ReasonTooLate, once(short, p, refused), "the pause would outlast the caller's time")
		require.Equal(t, resilience.ReasonOutcomeUnknown, once(resilience.MarkOnce(t.Context()), p, syscall.ECONNRESET))
		require.Equal(t, resilience.ReasonRetryAfterTooLong, once(t.Context(), p, resilience.MarkOverload(refused, time.Hour)))
		empty := holdfast.Must(holdfast.New("p", budget.Config{Initial: -1, Floor: -1}, retry.Config{}))
		require.Equal(t, resilience.ReasonBudget, once(t.Context(), empty, refused))
		opens := holdfast.Must(holdfast.New("p", retry.Config{}, breaker.Config{ConsecutiveFailures: 1}))
		require.Equal(t, resilience.ReasonBreakerOpen, once(t.Context(), opens, refused))
	})
}

func TestFAQWhyBudgetExhausted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holdfast.Must(holdfast.New("p", budget.Config{Ratio: 0.1, Burst: 2, Floor: -1}, quick(1)))
		retried := func() bool {
			attempts, err := try(t, p, refused)
			require.Equal(t, attempts == 1, errors.Is(err, budget.ErrExhausted))
			return attempts == 2
		}
		require.True(t, retried())
		require.True(t, retried())
		require.False(t, retried(), "the burst is spent")
		for range 9 {
			_, _ = try(t, p, nil)
		}
		require.False(t, retried(), "nine successes pay for 0.9 retries")
		_, _ = try(t, p, nil)
		require.True(t, retried(), "ten pay for one")
	})
}

func TestFAQWhyRetriedAlthoughISaidNo(t *testing.T) {
	errDeclined := errors.New("declined")
	no := holdfast.Classify(resilience.Errors(resilience.Permanent, errDeclined))
	always := quick(2)
	always.RetryIf = func(error) bool { return true }

	attempts, _ := try(t, holdfast.Must(holdfast.New("p", no, quick(2))), errDeclined)
	require.Equal(t, 1, attempts)
	attempts, _ = try(t, holdfast.Must(holdfast.New("p", no, always)), errDeclined)
	require.Equal(t, 3, attempts, "RetryIf overrules the classifier")
	attempts, _ = try(t, holdfast.Must(holdfast.New("p", always)), resilience.MarkNoRetry(errDeclined, resilience.Permanent))
	require.Equal(t, 1, attempts, "and not MarkNoRetry")
	attempts, _ = try(t, holdfast.Must(holdfast.New("p", no, quick(2))), resilience.MarkTransient(errDeclined))
	require.Equal(t, 3, attempts, "an error that says itself what it means goes before a classifier")

	total := 0 // a client with a loop of its own
	inner, outer := holdfast.Must(holdfast.New("client", quick(3))), holdfast.Must(holdfast.New("p", quick(3)))
	require.Error(t, outer.Do(t.Context(), func(ctx context.Context) error {
		return inner.Do(ctx, func(context.Context) error { total++; return refused })
	}))
	require.Equal(t, 16, total)
}

func TestFAQWhyDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		says := func(p *holdfast.Pipeline) (code int, body string) {
			w := httptest.NewRecorder()
			holdfast.Health(p).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", http.NoBody))
			return w.Code, w.Body.String()
		}
		p := holdfast.Must(holdfast.New("p", quick(0), breaker.Config{ConsecutiveFailures: 10, FailureRatio: 1, OpenFor: time.Second}))
		for range 9 {
			_, _ = try(t, p, refused)
		}
		code, body := says(p)
		require.Equal(t, 200, code)
		require.Contains(t, body, `"healthy"`, "9 calls say nothing yet")
		for range 9 {
			_, _ = try(t, p, nil)
		}
		code, body = says(p)
		require.Equal(t, 200, code)
		require.Contains(t, body, "50 % of 18 calls in 10 s failed")
		<-time.After(11 * time.Second)
		_, body = says(p)
		require.Contains(t, body, `"healthy"`, "that is long ago")
		for range 10 {
			_, _ = try(t, p, refused)
		}
		code, body = says(p)
		require.Equal(t, 503, code)
		require.Contains(t, body, "unhealthy", "the breaker is open")

		spent := holdfast.Must(holdfast.New("p", budget.Config{Burst: 1, Floor: -1}, quick(1)))
		_, _ = try(t, spent, refused)
		code, body = says(spent)
		require.Equal(t, 200, code)
		require.Contains(t, body, "degraded", "the budget is empty")
	})
}

func TestFAQNoHedging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holdfast.Must(holdfast.New("p", holdfast.Critical()...))
		var now, most atomic.Int32
		attempts := 0
		_ = p.Do(t.Context(), func(ctx context.Context) error {
			attempts++
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			<-ctx.Done() // a dependency that hangs
			return ctx.Err()
		})
		require.Greater(t, attempts, 1)
		require.EqualValues(t, 1, most.Load(), "the next attempt begins when the last one has ended")
	})
}

// answering is a base that counts requests, and answers after a while.
func answering(status int, after time.Duration, asked *int) holdfasthttp.Option {
	return holdfasthttp.WithBase(roundTripper(func(r *http.Request) (*http.Response, error) {
		*asked++
		select {
		case <-time.After(after):
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFAQPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			ctx   func(context.Context) context.Context
			key   string
			asked int
		}{
			"a POST":              {func(ctx context.Context) context.Context { return ctx }, "", 1},
			"with a key":          {func(ctx context.Context) context.Context { return ctx }, "order-7", 3},
			"marked":              {resilience.MarkIdempotent, "", 3},
			"with a key, to be 1": {resilience.MarkOnce, "order-7", 1},
		} {
			asked := 0
			client, err := holdfasthttp.NewClient(holdfast.Must(holdfast.New("p", quick(2))), answering(503, 0, &asked))
			require.NoError(t, err)
			req, err := http.NewRequestWithContext(c.ctx(t.Context()), http.MethodPost, "http://shop.example", strings.NewReader("x"))
			require.NoError(t, err)
			if c.key != "" {
				req.Header.Set("Idempotency-Key", c.key)
			}
			resp, err := client.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, c.asked, asked, name)
			require.ErrorIs(t, holdfasthttp.Stopped(resp), resilience.ErrOutcomeUnknown, name)
		}
	})
}

func TestFAQClientTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client, err := holdfasthttp.NewClient(holdfast.Must(holdfast.New("p",
			retry.Custom(5, time.Second, time.Second, false), deadline.In(time.Minute))), answering(503, time.Second, &asked))
		require.NoError(t, err)
		client.Timeout = 5500 * time.Millisecond
		start := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop.example", http.NoBody)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err, "the last response, since another attempt would not fit")
		require.NoError(t, resp.Body.Close())
		require.ErrorIs(t, holdfasthttp.Stopped(resp), deadline.ErrTooLate)
		require.Equal(t, 3, asked) // at 0 s, 2 s and 4 s
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}

func TestFAQOneOrMany(t *testing.T) {
	down, up := holdfast.Must(holdfast.New("down", breaker.Config{ConsecutiveFailures: 3})), holdfast.Must(holdfast.New("up", breaker.Config{}))
	for range 3 {
		_, _ = try(t, down, refused)
	}
	_, err := try(t, down, nil)
	require.ErrorIs(t, err, breaker.ErrOpen)
	_, err = try(t, up, nil)
	require.NoError(t, err, "the other dependency is not refused")

	hosts, err := holdfast.NewKeyed[string]("hosts", holdfast.KeyedConfig{}, breaker.Config{ConsecutiveFailures: 3})
	require.NoError(t, err)
	for range 3 {
		_, _ = try(t, hosts.Get("a"), refused)
	}
	_, err = try(t, hosts.Get("a"), nil)
	require.ErrorIs(t, err, breaker.ErrOpen)
	_, err = try(t, hosts.Get("b"), nil)
	require.NoError(t, err)
}

func TestFAQLongerThanTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holdfast.Must(holdfast.New("p", deadline.In(time.Second)))
		start := time.Now()
		_ = p.Do(t.Context(), func(context.Context) error { <-time.After(time.Minute); return refused }) // deaf to its ctx
		require.Equal(t, time.Minute, time.Since(start))
		start = time.Now()
		_ = p.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestFAQSlowInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := func(patient bool, openFor time.Duration) time.Duration {
			loop := retry.Custom(3, 100*time.Millisecond, time.Second, false)
			loop.Patient = patient
			p := holdfast.Must(holdfast.New("p", deadline.In(5*time.Second), loop, breaker.Config{ConsecutiveFailures: 1, OpenFor: openFor}))
			_, _ = try(t, p, refused)
			start := time.Now()
			_, err := try(t, p, refused)
			require.Error(t, err)
			return time.Since(start)
		}
		require.Zero(t, takes(false, time.Second), "an open breaker ends the call at once")
		require.Greater(t, takes(true, time.Second), 500*time.Millisecond, "a patient loop waits for it")
		require.Zero(t, takes(true, time.Hour), "but not if the call's time is over by then")
	})
}

func TestFAQCallersWhoLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := holdfast.Must(holdfast.New("p", breaker.Config{ConsecutiveFailures: 1}))
		leave := func(after time.Duration) breaker.State {
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(after, cancel).Stop()
			require.ErrorIs(t, p.Do(ctx, func(ctx context.Context) error {
				<-ctx.Done() // the dependency hangs
				return ctx.Err()
			}), context.Canceled)
			return p.Snapshot().Breakers[0].State
		}
		require.NoError(t, p.Do(t.Context(), func(context.Context) error {
			<-time.After(10 * time.Millisecond)
			return nil
		}))
		require.Equal(t, breaker.StateClosed, leave(15*time.Millisecond))
		require.Equal(t, breaker.StateOpen, leave(20*time.Millisecond))
	})

	p := holdfast.Must(holdfast.New("p", quick(2), breaker.Config{ConsecutiveFailures: 1}))
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	err := p.Do(ctx, func(ctx context.Context) error {
		attempts++
		cancel()
		return fmt.Errorf("read: %w", ctx.Err())
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, attempts)
	require.Equal(t, breaker.StateClosed, p.Snapshot().Breakers[0].State)
}

var (
	question = regexp.MustCompile(`(?m)^## (.+)$`)
	itsTest  = regexp.MustCompile("`(Test[A-Za-z0-9]+)`\\s+in\\s+`([^`]+)`")
)

// Every answer is shown by a test that is there.
func TestEveryAnswerIsShownByATest(t *testing.T) {
	text := read(t, "faq.md")
	heads := question.FindAllStringSubmatchIndex(text, -1)
	require.GreaterOrEqual(t, len(heads), 12)
	for i, head := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		tests := itsTest.FindAllStringSubmatch(text[head[0]:end], -1)
		require.NotEmpty(t, tests, "%q names no test", text[head[2]:head[3]])
		for _, named := range tests {
			file, err := os.ReadFile("../" + named[2])
			require.NoError(t, err)
			require.Contains(t, string(file), "func "+named[1]+"(t *testing.T)", "%q", text[head[2]:head[3]])
		}
	}
}
