package holdfastconnect

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/resilience"
)

// ending is what is known of how an attempt ended, in addition to its error.
type ending struct {
	stop  bool // no other attempt is possible
	unfit bool // Connect could not send a message at all
	begun bool // the server has sent messages
	parts bool // the handler begins before it has all messages
	empty bool // Connect sends an empty message instead of one that it refuses to send

	unconnected bool // net/http got no connection, and will get none
}

// failed describes err, the error of a client's attempt under ctx. It reports whether the server
// may have carried out the call.
func (o *options) failed(ctx context.Context, spec connect.Spec, err error, w *wire, how ending) (doubt bool, failure error) {
	if repeats := w.repeats(); repeats != nil && ctx.Err() == nil {
		err = connect.NewError(connect.CodeUnavailable, repeats)
	}
	e, err := coded(ctx, err)
	f := newFault(e)
	answer := w.answer.Load()
	meta := e.Meta()
	asked := rpc.ParsePushback(meta.Values(rpc.PushbackKey))
	a := rpc.Attempt{
		Err: err, Pause: pauseOf(e, answer, asked), Pushback: asked,
		GaveUp: rpc.GaveUpBy(meta.Values(rpc.GaveUpKey)), Refused: rpc.RefusedBy(meta.Values(rpc.RefusedKey)) && !how.begun,
		Unsent: f.local && !how.begun && w.unsent(err, how.unconnected), Begun: f.mayHaveBegun(w, how),
		Repeated: w.repeated(), Stop: how.stop,
		OnlyReads: onlyReads(ctx, spec), Repeatable: o.mayRepeat(ctx, spec),
	}
	a.Judgment = o.assess(ctx, err, func() resilience.Verdict {
		switch {
		case how.unfit, connect.IsNotModifiedError(err):
			return resilience.Permanent
		case f.local:
			return f.dependencyVerdict(answer)
		}
		return rpc.Code(e.Code()).DependencyVerdict(isTooLarge(e, asked))
	}, f.code())
	if f.local && f.byHTTP().Retryable() && a.Judgment.Retry == resilience.Permanent && a.Judgment.Dependency.Failure() {
		a.Judgment.Retry = a.Judgment.Dependency // the connection broke while the answer came
	}
	known, doubt := a.CallError(ctx)
	return doubt, &attemptError{known, e.Code()}
}

// mayHaveBegun reports whether the server may have begun to carry out the call, whatever the code
// says.
func (f fault) mayHaveBegun(w *wire, how ending) bool {
	switch {
	case how.begun, how.unfit && how.parts:
		return true
	case f.notSent():
		return how.empty || how.parts
	case f.local: // the client made it after it had sent the request
		return f.unreadable() || f.tooLarge() || w.sent(how.unconnected)
	}
	return f.tooLarge()
}

// assess judges err, whose code is code, together with the attempt's ctx.
func (o *options) assess(ctx context.Context, err error, verdict func() resilience.Verdict, code rpc.Code) resilience.Judgment {
	_, foreign := errors.AsType[*uncoded](err)
	j := resilience.Assess(ctx, func(error) resilience.Verdict {
		if foreign {
			return resilience.Unclassified // an interceptor's own error, which has no code
		}
		return verdict()
	}, err)
	if foreign || resilience.Explains(err) {
		return j // an interceptor inside knows better
	}
	return code.Judge(j, o.retryCodes)
}

// uncoded is an error without a code, of an interceptor or a handler.
type uncoded struct{ err error }

func (e *uncoded) Error() string { return e.err.Error() }
func (e *uncoded) Unwrap() error { return e.err }
func (e *uncoded) Origin() error { return e.err }

// coded returns the Connect error in err, and err. If err has none, it returns one around err for
// both. If Connect canceled the call because of ctx's deadline, it returns CodeDeadlineExceeded.
func coded(ctx context.Context, err error) (*connect.Error, error) {
	e, ok := asConnect(err)
	late := ctx.Err() == context.DeadlineExceeded //nolint:errorlint // Err documents these very values
	switch {
	case ok && e.Code() == connect.CodeCanceled && late:
		e = connect.NewError(connect.CodeDeadlineExceeded, ctx.Err())
	case ok:
		return e, err
	case errors.Is(err, context.DeadlineExceeded), late && errors.Is(err, context.Canceled):
		e = connect.NewError(connect.CodeDeadlineExceeded, err)
	case errors.Is(err, context.Canceled):
		e = connect.NewError(connect.CodeCanceled, err)
	default:
		e = connect.NewError(connect.CodeUnknown, &uncoded{err})
	}
	return e, e
}

// pauseOf returns the pause that the server asks for, other than by a pushback: by the RetryInfo in
// the details of its error, or by HTTP. A Retry-After has whole seconds only, so a pushback counts
// instead of it.
func pauseOf(e *connect.Error, answer *httpAnswer, asked rpc.Pushback) time.Duration {
	pause := retryInfo(e)
	if !asked.Asked && answer != nil && (answer.status == http.StatusTooManyRequests || answer.status >= 500) {
		pause = max(pause, answer.pause)
	}
	return pause
}

// retryInfo returns the pause that a RetryInfo in the details of e asks for, 0 if there is none.
func retryInfo(e *connect.Error) time.Duration {
	for _, detail := range e.Details() {
		if detail.Type() != "google.rpc.RetryInfo" {
			continue
		}
		value, err := detail.Value()
		if err != nil {
			continue
		}
		if info, ok := value.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}
