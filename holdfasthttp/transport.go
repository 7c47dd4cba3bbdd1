package holdfasthttp

import (
	"fmt"
	"net/http"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// Transport is an http.RoundTripper that sends requests through a pipeline. Create it with
// [NewTransport]. It is safe for concurrent use.
type Transport struct {
	options

	watched          bool // the base is an http.Transport, which reports its connections
	nested           bool // the base is a Transport, which prevents repeats itself
	unencryptedHTTP2 bool // the base may use HTTP/2 without TLS
}

// NewTransport returns a Transport that sends every request through p. http.Client sends each
// redirect as a request of its own. p may be nil if [WithPipelines] chooses a pipeline for every
// request. The error names every problem.
//
// If the pipeline derives no ctx (it has no deadline, or the request's ctx ends sooner), a call
// that succeeds at its first attempt allocates nothing beyond what the base allocates, with two
// exceptions. If the base is an *http.Transport, or if the request may change something (it is no
// GET, HEAD, OPTIONS or TRACE, or must not be repeated), the call allocates 5 times, to learn
// whether the request got a connection: without one, nothing was sent. Where HTTP/2 is possible, it
// allocates up to 5 times more, to end repeats by net/http itself, which may have no end. A POST
// without a body costs 6 such allocations with any base, and so does a request whose ContentLength
// is not what its body has left, or whose body cannot say, and any with WithBeforeAttempt. And it
// allocates up to twice for a body that must be sent only once, or that is neither in memory nor a
// file.
func NewTransport(p *holdfast.Pipeline, opts ...Option) (*Transport, error) {
	t := &Transport{options: options{
		base: http.DefaultTransport, retried: defaultStatuses, idempotencyKey: "Idempotency-Key",
		wrong: &adapter.Check{Package: "holdfasthttp"},
	}}
	adapter.Apply(t.wrong, &t.options, opts)
	t.pipelines.Default = p
	t.pipelines.Check(t.wrong)
	if err := t.wrong.Err(); err != nil {
		return nil, err
	}
	switch base := t.base.(type) {
	case *http.Transport:
		t.watched = true
		t.unencryptedHTTP2 = base.Protocols != nil && base.Protocols.UnencryptedHTTP2()
	case *Transport:
		t.nested = true
	default:
		t.unencryptedHTTP2 = true
	}
	return t, nil
}

// NewClient returns an http.Client whose Transport is NewTransport(p, opts...). It has no Timeout.
// If you set one, it bounds the whole call: all retries and the reading of the body.
func NewClient(p *holdfast.Pipeline, opts ...Option) (*http.Client, error) {
	t, err := NewTransport(p, opts...)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: t}, nil
}

// CloseIdleConnections closes the base's idle connections, if it can.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip sends req, and sends it again if the pipeline retries and that is safe. It does not
// change req, and closes its body. The package comment says what it returns.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := call{Transport: t, req: req, unused: req.Body}
	defer c.end()
	p, err := t.pipelines.For(req)
	switch {
	case err != nil:
		return nil, resilience.MarkRejected(fmt.Errorf("holdfasthttp: %w", err))
	case p == nil:
		c.unused = nil
		return t.base.RoundTrip(req)
	}
	return c.result(p.Do(req.Context(), c.attempt))
}
