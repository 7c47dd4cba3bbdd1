package holdfasthttp

import (
	"fmt"
	"net/http"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/adapter"
	"github.com/media-gateway/holdfast/resilience"
)

// Transport is an http.RoundTripper that sends requests through a pipeline. It is made by
// NewTransport, and safe for concurrent use.
type Transport struct {
	options

	watched          bool // the base says what becomes of a request, as http.Transport does
	nested           bool // the base is a Transport, and knows itself what may be sent again
	unencryptedHTTP2 bool // the base may speak it
}

// NewTransport returns a Transport that sends every request through p, each redirect and each retry
// included. p may be nil if [WithPipelines] chooses a pipeline for every request. Its error names
// everything that is wrong.
//
// A call that succeeds at its first attempt allocates nothing beyond what the base does if the
// pipeline derives no ctx: its deadlines are off, or the request's ctx ends sooner. There are two
// exceptions. Over an *http.Transport it allocates 5 times, to learn whether the request got a
// connection: without one, nothing was sent. And it allocates up to twice for a body that is to be
// sent once, or that is neither in memory nor a file.
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

// RoundTrip sends req, as often as the pipeline says and as is safe. It does not change req, and
// closes its body. The package's comment says what it returns.
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
