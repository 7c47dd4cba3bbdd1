package holdfasthttp

import (
	"context"
	"net/http"

	"github.com/media-gateway/holdfast/internal/lazyctx"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/deadline"
)

// served is one request in a pipeline. It is not used again for another one: a framework may write
// to it after the Middleware has returned.
type served struct {
	recorder
	*middleware
	next     http.Handler
	original *http.Request // the server's own
	r        *http.Request // with what the client says in its ctx

	ran     bool
	late    error // the pipeline's deadline, if it was over when the handler returned
	aborted bool  // the handler panicked with http.ErrAbortHandler, since the client is gone
}

// run runs the handler. It is the op of the pipeline.
func (s *served) run(ctx context.Context) (err error) {
	s.ran = true
	r := s.r
	if lazyctx.Of(ctx) != lazyctx.Of(r.Context()) {
		r = r.WithContext(ctx)
	}
	done := false
	defer func() {
		returned(s.original, r)
		if !done && s.gone() {
			err = s.abandoned(recover())
		}
	}()
	s.next.ServeHTTP(s.writer(), r)
	done = true
	return s.outcome(ctx, r)
}

// gone reports whether the client has left or its own time is over.
func (s *served) gone() bool { return s.r.Context().Err() != nil }

// abandoned returns the error of a handler that panicked with v after its client was gone. A
// httputil.ReverseProxy does so by design, and that says nothing about the server. Any other panic
// goes on. v is nil if the goroutine exits.
func (s *served) abandoned(v any) error {
	switch v {
	case nil:
		return nil
	case http.ErrAbortHandler:
		s.aborted = true
		return s.nothing()
	}
	panic(v)
}

// nothing returns the error of a call that counts as nothing.
func (s *served) nothing() error {
	return once(context.Cause(s.r.Context()), resilience.Canceled)
}

// outcome returns what the handler's response means to the stages, nil for a success.
func (s *served) outcome(ctx context.Context, r *http.Request) error {
	if s.hijacked {
		return nil
	}
	switch own := deadlineOf(ctx); {
	case own != nil && own != deadlineOf(s.r.Context()):
		s.late = own
	case s.gone():
		return s.nothing()
	}
	code := s.final()
	switch {
	case code != 0:
	case s.late != nil:
		code = http.StatusGatewayTimeout
	default:
		code = http.StatusOK
	}
	if s.classifyStatus != nil {
		switch word := s.classifyStatus(r, code); word {
		case resilience.Success:
			return nil
		case resilience.Transient, resilience.Overload, resilience.Permanent, resilience.Canceled:
			return once(&StatusError{StatusCode: code, verdict: word, dependency: word}, word)
		default: // the rules decide
		}
	}
	switch {
	case s.late != nil:
		return once(s.late, resilience.Transient)
	case code >= 500 && code != http.StatusNotImplemented && code != http.StatusHTTPVersionNotSupported:
		return once(&StatusError{StatusCode: code, verdict: resilience.Transient, dependency: resilience.Transient}, resilience.Transient)
	}
	return nil
}

// deadlineOf returns the error of the deadline stage that ended ctx, nil if none did.
func deadlineOf(ctx context.Context) *deadline.Error {
	e, _ := context.Cause(ctx).(*deadline.Error) //nolint:errorlint // the cause itself
	return e
}

// once returns err as that of a handler, which no loop runs twice: see Final.
func once(err error, word resilience.Verdict) error {
	return &resilience.CallError{
		Err: err, Judgment: resilience.Judgment{Dependency: word, Retry: word}, Effect: resilience.EffectNone, Final: true,
	}
}
