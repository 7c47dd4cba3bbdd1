package holdfastaws_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastaws"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// service is AWS: it answers each request as the next of its answers says, and the last one again
// and again.
type service struct {
	*httptest.Server

	requests atomic.Int64
	mu       sync.Mutex
	answers  []http.HandlerFunc
	headers  []http.Header
	bodies   []string
}

func serve(t *testing.T, answers ...http.HandlerFunc) *service {
	t.Helper()
	s := &service{answers: answers}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.headers, s.bodies = append(s.headers, r.Header), append(s.bodies, string(body))
		answer := s.answers[0]
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		s.mu.Unlock()
		answer(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// header returns a header of each request.
func (s *service) header(name string) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.headers {
		all = append(all, h.Get(name))
	}
	return all
}

// sent returns the bodies of the requests.
func (s *service) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, _ = io.WriteString(w, "{}")
}

// fails answers with an API error.
func fails(status int, code string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#`+code+`","message":"as was asked for"}`)
	}
}

// lost carries the request out, and sends no answer.
func lost(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		_ = conn.Close()
	}
}

// cut sends half an answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"MessageId":"half`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// hangs sends no answer until the client leaves.
func hangs(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func config(s *service) aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(s.URL), HTTPClient: s.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "secret"}, nil
		}),
	}
}

// quick is a loop of three attempts.
var quick = retry.Custom(2, time.Millisecond, time.Millisecond, false)

func newPipeline(t *testing.T, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New("queue", stages...)
	require.NoError(t, err)
	return p
}

func protected(t *testing.T, cfg aws.Config, p *holdfast.Pipeline, opts ...holdfastaws.Option) aws.Config {
	t.Helper()
	cfg, err := holdfastaws.NewConfig(cfg, p, opts...)
	require.NoError(t, err)
	return cfg
}

// queueOf returns a client whose answers need not have the right checksum.
func queueOf(cfg aws.Config, more ...func(*sqs.Options)) *sqs.Client {
	return sqs.NewFromConfig(cfg, append(more, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true })...)
}

func queue(t *testing.T, s *service, p *holdfast.Pipeline, opts ...holdfastaws.Option) *sqs.Client {
	t.Helper()
	return queueOf(protected(t, config(s), p, opts...))
}

func blocks(t *testing.T, s *service, p *holdfast.Pipeline) *ebs.Client {
	t.Helper()
	return ebs.NewFromConfig(protected(t, config(s), p))
}

// The operations of the tests.

func send(ctx context.Context, c *sqs.Client) error {
	_, err := c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String("q"), MessageBody: aws.String("10 EUR")})
	return err
}

func remove(ctx context.Context, c *sqs.Client) error {
	_, err := c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String("q"), ReceiptHandle: aws.String("r")})
	return err
}

func read(ctx context.Context, c *sqs.Client) error {
	_, err := c.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("q")})
	return err
}

var errSTS = errors.New("no credentials today")

// Stages of some tests.
var (
	failsAtOnce = breaker.Config{FailureRatio: -1, ConsecutiveFailures: 1}
	oneAtATime  = bulkhead.Config{MaxConcurrent: 1}
)
