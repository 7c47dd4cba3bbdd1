package holdfastaws_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// wire is an AWS without a network, for tests in virtual time. It answers as service does.
type wire struct {
	answers  []func(*http.Request) (*http.Response, error)
	requests int
}

func (w *wire) Do(req *http.Request) (*http.Response, error) {
	w.requests++
	answer := w.answers[0]
	if len(w.answers) > 1 {
		w.answers = w.answers[1:]
	}
	return answer(req)
}

func (w *wire) config(t *testing.T, stages ...resilience.Stage) (aws.Config, *holdfast.Pipeline) {
	t.Helper()
	p := newPipeline(t, stages...)
	cfg := loaded
	cfg.HTTPClient = w
	return protected(t, cfg, p), p
}

// says answers with a status and headers.
func says(status int, body io.Reader, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
		for i := 0; i+1 < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		if s, ok := body.(*slow); ok {
			s.ctx = req.Context()
		}
		return &http.Response{StatusCode: status, Request: req, Header: h, Body: io.NopCloser(body)}, nil
	}
}

func silent(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// slow is a body that comes after a while, unless the request's ctx ends, as one of net/http.
type slow struct {
	io.Reader
	after time.Duration
	ctx   context.Context
}

func (s *slow) Read(p []byte) (int, error) {
	select {
	case <-time.After(s.after):
		s.after = 0
		return s.Reader.Read(p)
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func empty() io.Reader { return strings.NewReader("{}") }

// A deadline of the pipeline ends an attempt, and the next one is made. The SDK itself would take
// the end of a ctx for the caller's.
func TestAttemptsTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){silent, says(200, empty())}}
		cfg, p := w.config(t, quick, breaker.Config{}, deadline.In(time.Second))
		require.NoError(t, read(t.Context(), queueOf(cfg)))
		require.Equal(t, 2, w.requests)
		counts := p.Snapshot().Breakers[0].Counts
		require.EqualValues(t, 1, counts.Failures)
		require.EqualValues(t, 1, counts.Successes)
	})
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){silent}}
		cfg, _ := w.config(t, quick, deadline.In(time.Second))
		err := send(t.Context(), queueOf(cfg))
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, w.requests)
	})
}

// The deadline of an attempt is for all of an output that is no stream.
func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){
			says(200, &slow{Reader: empty(), after: time.Minute}), says(200, &slow{Reader: empty(), after: time.Millisecond}),
		}}
		cfg, _ := w.config(t, quick, deadline.In(time.Second))
		start := time.Now()
		require.NoError(t, read(t.Context(), queueOf(cfg)))
		require.Equal(t, 2, w.requests)
		require.Equal(t, time.Second+2*time.Millisecond, time.Since(start)) // a deadline, a pause, an answer
	})
}

// The body of a streaming output is read after the call, when the attempt's deadline is no longer
// of interest, nor the whole call's.
func TestStreamsOutliveTheirAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){
			says(503, empty()), says(200, &slow{Reader: strings.NewReader("data"), after: time.Hour}),
		}}
		cfg, _ := w.config(t, deadline.In(2*time.Second), quick, deadline.In(time.Second))
		out, err := ebs.NewFromConfig(cfg).GetSnapshotBlock(t.Context(), getBlock())
		require.NoError(t, err)
		data, err := io.ReadAll(out.BlockData)
		require.NoError(t, err)
		require.Equal(t, "data", string(data))
		require.NoError(t, out.BlockData.Close())
		require.Equal(t, 2, w.requests)
	})
}

// Who is done with a stream lets go of its ctx; the caller's may live as long as the process.
func TestStreamsAreReleased(t *testing.T) {
	for name, done := range map[string]func(*ebs.GetSnapshotBlockOutput) error{
		"read":   func(out *ebs.GetSnapshotBlockOutput) error { _, err := io.ReadAll(out.BlockData); return err },
		"closed": func(out *ebs.GetSnapshotBlockOutput) error { return out.BlockData.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			var ctx context.Context
			w := &wire{answers: []func(*http.Request) (*http.Response, error){func(req *http.Request) (*http.Response, error) {
				ctx = req.Context()
				return says(200, strings.NewReader("data"))(req)
			}}}
			cfg, _ := w.config(t, quick, deadline.In(time.Second))
			out, err := ebs.NewFromConfig(cfg).GetSnapshotBlock(t.Context(), getBlock())
			require.NoError(t, err)
			require.NoError(t, ctx.Err(), name)
			require.NoError(t, done(out))
			require.ErrorIs(t, ctx.Err(), context.Canceled, name)
		})
	}
}

// So does an attempt that failed.
func TestFailedAttemptsAreReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first context.Context
		w := &wire{answers: []func(*http.Request) (*http.Response, error){func(req *http.Request) (*http.Response, error) {
			first = req.Context()
			return says(503, empty())(req)
		}, says(200, empty())}}
		cfg, _ := w.config(t, quick, deadline.In(time.Second))
		require.NoError(t, read(t.Context(), queueOf(cfg)))
		require.ErrorIs(t, first.Err(), context.Canceled)
	})
}

// late is a middleware that takes its time after the answer was read.
func late(d time.Duration) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("late", func(
			ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
		) (middleware.DeserializeOutput, middleware.Metadata, error) {
			defer time.Sleep(d)
			return next.HandleDeserialize(ctx, in)
		}), middleware.Before)
	}
}

// What has come whole is a success, though the attempt's time is over by then. A stream of which
// the rest can no longer be read is none.
func TestAnswersJustInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){says(200, empty())}}
		cfg, _ := w.config(t, quick, deadline.In(time.Second))
		cfg.APIOptions = append(cfg.APIOptions, late(2*time.Second))
		require.NoError(t, read(t.Context(), queueOf(cfg)))
		require.Equal(t, 1, w.requests)

		_, err := ebs.NewFromConfig(cfg).GetSnapshotBlock(t.Context(), getBlock())
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 4, w.requests)
	})
}

// heard keeps the pauses of a loop.
type heard struct{ pauses []time.Duration }

func (h *heard) Observe(_ context.Context, e resilience.Event) {
	if e.Kind == resilience.EventRetry {
		h.pauses = append(h.pauses, e.Delay)
	}
}

// The pause that AWS asks for is the least that the loop makes, in whatever unit it is sent.
func TestPauses(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		headers []string
		want    time.Duration
	}{
		"none":                      {503, nil, time.Millisecond},
		"X-Amz-Retry-After":         {503, []string{"X-Amz-Retry-After", "1500"}, 1500 * time.Millisecond},
		"both":                      {503, []string{"X-Amz-Retry-After", "1500", "Retry-After", "7"}, 1500 * time.Millisecond},
		"a throttle":                {429, []string{"X-Amz-Retry-After", "30"}, 30 * time.Millisecond},
		"not a number":              {503, []string{"X-Amz-Retry-After", "soon"}, time.Millisecond},
		"negative":                  {503, []string{"X-Amz-Retry-After", "-30"}, time.Millisecond},
		"too many":                  {503, []string{"X-Amz-Retry-After", "9223372036854775807"}, time.Millisecond},
		"Retry-After":               {503, []string{"Retry-After", "1"}, time.Second},
		"Retry-After, a date":       {503, []string{"Date", "Mon, 30 Nov 2026 10:00:00 GMT", "Retry-After", "Mon, 30 Nov 2026 10:00:04 GMT"}, 4 * time.Second},
		"Retry-After, no date here": {503, []string{"Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT"}, 9 * time.Second}, // the bubble's clock
		"Retry-After, gone":         {503, []string{"Date", "Mon, 30 Nov 2026 10:00:00 GMT", "Retry-After", "Mon, 30 Nov 2026 09:00:00 GMT"}, time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			observer := &heard{}
			w := &wire{answers: []func(*http.Request) (*http.Response, error){says(c.status, empty(), c.headers...), says(200, empty())}}
			cfg, _ := w.config(t, holdfast.Observe(observer), quick)
			require.NoError(t, read(t.Context(), queueOf(cfg)), name)
			require.Len(t, observer.pauses, 1, name)
			require.GreaterOrEqual(t, observer.pauses[0], c.want, name)
			require.Less(t, observer.pauses[0], c.want+c.want/2+time.Millisecond, name)
		})
	}
}

// A pause that is longer than the pipeline allows ends the call: the SDK would ask again after 5 s
// and its own pause.
func TestPausesThatAreTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){says(503, empty(), "X-Amz-Retry-After", "3600000")}}
		loop := quick
		loop.MaxRetryAfter = time.Minute
		cfg, _ := w.config(t, loop)
		require.ErrorIs(t, read(t.Context(), queueOf(cfg)), retry.ErrRetryAfterTooLong)
		require.Equal(t, 1, w.requests)
	})
}

// odd is an error of a connection that nobody knows.
type odd struct{}

func (odd) Error() string { return "server sent GOAWAY and closed the connection" }

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// What fails on the way is worth another try, whatever its error: while the request is sent, and
// while the answer is read. An answer that came whole, and makes no sense, is not.
func TestConnectionsThatBreakOddly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){
			func(*http.Request) (*http.Response, error) { return nil, odd{} },
			says(200, io.MultiReader(strings.NewReader(`{"QueueUrl":`), failing{odd{}})),
			says(200, empty()),
		}}
		cfg, _ := w.config(t, quick)
		require.NoError(t, read(t.Context(), queueOf(cfg)))
		require.Equal(t, 3, w.requests)
	})
}

// A caller whose time runs out learns what the last attempt met.
func TestTimeRunsOutBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}}}
		cfg, _ := w.config(t, retry.Custom(9, time.Second, time.Second, false))
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := send(ctx, queueOf(cfg))
		require.ErrorIs(t, err, deadline.ErrTooLate)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.True(t, resilience.Unsent(err))
		require.Equal(t, 2, w.requests)
		require.Equal(t, time.Second, time.Since(start), "it does not sleep until the deadline to learn of it")
	})
}

// Successes pay for retries again after an outage has spent the budget.
func TestBudgetsFillUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){says(503, empty())}}
		cfg, _ := w.config(t, budget.Config{Ratio: 0.5, Floor: -1, Initial: 1}, retry.Custom(1, time.Millisecond, time.Millisecond, false))
		client := queueOf(cfg)
		require.ErrorIs(t, read(t.Context(), client), retry.ErrExhausted)
		require.ErrorIs(t, read(t.Context(), client), budget.ErrExhausted)
		require.Equal(t, 3, w.requests)
		for range 2 {
			w.answers = []func(*http.Request) (*http.Response, error){says(200, empty())}
			require.NoError(t, read(t.Context(), client))
		}
		w.answers = []func(*http.Request) (*http.Response, error){says(503, empty()), says(200, empty())}
		require.NoError(t, read(t.Context(), client))
		require.Equal(t, 7, w.requests)
	})
}

// A poll that waits for messages needs a pipeline whose attempts may take that long.
func TestLongPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answers: []func(*http.Request) (*http.Response, error){says(200, &slow{Reader: empty(), after: 20 * time.Second})}}
		poll := func(attempt time.Duration) error {
			cfg, _ := w.config(t, retry.Config{MaxRetries: retry.None}, deadline.In(attempt))
			_, err := queueOf(cfg).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("q"), WaitTimeSeconds: 20})
			return err
		}
		require.NoError(t, poll(25*time.Second))
		w.answers = []func(*http.Request) (*http.Response, error){silent}
		require.ErrorIs(t, poll(10*time.Second), context.DeadlineExceeded)
	})
}
