package holdfasthttp_test

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// tripper is a func as a base.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return f(r)
}

// body is a request body that records how it is read and closed.
type body struct {
	io.Reader
	mu     sync.Mutex
	closed int
}

func newBody(text string) *body { return &body{Reader: strings.NewReader(text)} }

func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed++
	return nil
}

func (b *body) closes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func response(code int, b io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: b, ContentLength: -1}
}

// answers is a base that answers with the statuses in turn, the last one forever. It keeps its
// requests and responses.
type answers struct {
	codes  []int
	reqs   []*http.Request
	bodies []*body
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return tripper(func(r *http.Request) (*http.Response, error) {
		code := a.codes[min(len(a.reqs), len(a.codes)-1)]
		b := newBody("body")
		a.reqs, a.bodies = append(a.reqs, r), append(a.bodies, b)
		return response(code, b), nil
	}).RoundTrip(r)
}

// soon is a loop with very short pauses.
func soon(retries int) retry.Config {
	return retry.Config{MaxRetries: retries, BaseDelay: 1, MaxDelay: 1, Jitter: retry.NoJitter}
}

func newPipeline(tb testing.TB, stages ...resilience.Stage) *holdfast.Pipeline {
	tb.Helper()
	p, err := holdfast.New("payments", stages...)
	require.NoError(tb, err)
	return p
}

func newTransport(tb testing.TB, p *holdfast.Pipeline, opts ...holdfasthttp.Option) *holdfasthttp.Transport {
	tb.Helper()
	t, err := holdfasthttp.NewTransport(p, opts...)
	require.NoError(tb, err)
	return t
}

func newRequest(tb testing.TB, method string, b io.Reader) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), method, "http://payments.example/", b)
	require.NoError(tb, err)
	return r
}

const ms = time.Millisecond

// fill sets the fields StreamID, Code and Cause of the struct that target points to.
func fill(target any, code uint32) bool {
	v := reflect.ValueOf(target).Elem()
	if v.Kind() != reflect.Struct || v.NumField() != 3 || !v.FieldByName("StreamID").IsValid() {
		return false
	}
	v.FieldByName("Code").Set(reflect.ValueOf(code).Convert(v.FieldByName("Code").Type()))
	return true
}
