package holdfasthttp

import (
	"errors"
	"net/http"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/check"
)

// Transport is an http.RoundTripper that sends requests through a pipeline. It is made by NewTransport,
// and safe for concurrent use.
type Transport struct {
	options
	pipeline *holdfast.Pipeline // nil if options.choose says which
}

// NewTransport returns a Transport that sends every request through p, each redirect and each
// retry included; or, where WithPipelines is given and p nil, through the pipeline which that chooses. Its error
// names every option that is wrong.
//
// If the pipeline derives no ctx, since its deadlines are off or the request's ctx ends sooner, a call
// that succeeds allocates nothing beyond what the base does. A deadline costs what it takes to
// derive a ctx, and to tie it to the headers alone.
func NewTransport(p *holdfast.Pipeline, opts ...Option) (*Transport, error) {
	t := &Transport{pipeline: p, options: options{
		base: http.DefaultTransport, retried: defaultStatuses, idempotencyKey: "Idempotency-Key",
		wrong: check.Stage("holdfasthttp"),
	}}
	t.apply(opts)
	switch {
	case p == nil && t.choose == nil:
		t.wrong.Fail("pipeline", "nil", "want one made by holdfast.New, or WithPipelines")
	case p != nil && t.choose != nil:
		t.wrong.Fail("pipeline", p.Name(), "want nil beside WithPipelines, which chooses for every request")
	case p != nil && p.Name() == "":
		t.wrong.Fail("pipeline", "without a name", "want one made by holdfast.New")
	}
	if err := t.wrong.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// NewClient returns an http.Client whose Transport is NewTransport(p, opts...). Its Timeout is off;
// where it is set, it bounds the whole call with all retries, and the body too.
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

var errUnmade = errors.New("holdfasthttp: the pipeline chosen for the request is not one made by holdfast.New")

// RoundTrip sends req, as often as the pipeline says and as is safe. It does not change req, and
// sees to it that its body is closed. The package's comment says what comes back.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	c := call{Transport: t, req: req}
	defer c.end()
	p := t.pipeline
	if t.choose != nil {
		p = t.choose(req)
	}
	if p == nil {
		c.begun = true
		return t.base.RoundTrip(req)
	}
	if p.Name() == "" {
		return nil, errUnmade
	}
	return c.result(p.Do(req.Context(), c.attempt))
}
