package holdfastconnect

import (
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	"github.com/media-gateway/holdfast/adapter/rpc"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
)

// Classify is the [resilience.Classifier] for the errors of Connect's clients. It asks, in this
// order:
//
//  1. a verdict that the error carries: see [resilience.Classify];
//  2. the code. CodeUnavailable and CodeDeadlineExceeded are Transient. So is CodeCanceled, since a
//     cancel by the caller shows in the ctx. CodeResourceExhausted is Overload, or Permanent if its
//     message says that a message was too large. CodeUnknown, CodeInternal, CodeDataLoss and
//     numbers that are no code are Unclassified: a failure of the server that is not retried. The
//     other codes are Permanent. An error that Connect's client made itself may have a wrong code;
//     then the error of net/http inside it decides, by holdfasthttp.Classify;
//  3. [resilience.Classify].
//
// The interceptors of this package do not need it, since they know more than the error. It is safe
// for concurrent use.
func Classify(err error) resilience.Verdict {
	if err == nil || resilience.Explains(err) {
		return resilience.Classify(err)
	}
	e, ok := asConnect(err)
	if !ok {
		return resilience.Classify(err)
	}
	if f := newFault(e); f.local {
		if v := f.dependencyVerdict(nil); v != resilience.Transient || f.byHTTP() != resilience.Unclassified {
			return v
		}
		return f.code().Verdict(false)
	}
	return rpc.Code(e.Code()).Verdict(isTooLarge(e, rpc.Pushback{}))
}

// asConnect returns the Connect error in err, if there is one.
func asConnect(err error) (*connect.Error, bool) {
	e, ok := errors.AsType[*connect.Error](err)
	return e, ok && e != nil
}

// fault is a Connect error of a client's call.
type fault struct {
	*connect.Error
	local bool // the client made it: it is not the server's word
}

func newFault(e *connect.Error) fault {
	return fault{e, !connect.IsWireError(e) && !connect.IsNotModifiedError(e)}
}

// unreadable reports whether the client could not read the server's answer. Then the error has
// CodeInvalidArgument, as if the caller had sent what is wrong, or if there was none (a connection
// that ended too soon, say) CodeUnimplemented, as if the server did not know the procedure.
func (f fault) unreadable() bool {
	if !f.local {
		return false
	}
	text := f.Message()
	return f.Code() == connect.CodeInvalidArgument ||
		f.Code() == connect.CodeUnimplemented && strings.HasPrefix(text, "unary response has ")
}

// code returns the error's code: Internal for an answer that cannot be read.
func (f fault) code() rpc.Code {
	if f.unreadable() {
		return rpc.Internal
	}
	return rpc.Code(f.Code())
}

// byHTTP returns what the error of net/http inside a local error means, Unclassified if it has none
// that is known.
func (f fault) byHTTP() resilience.Verdict {
	inner := f.Unwrap()
	if inner == nil {
		return resilience.Unclassified
	}
	return holdfasthttp.Classify(inner)
}

// dependencyVerdict returns what a local error says about the server. answer is nil if there was
// none by HTTP that Connect could not read.
func (f fault) dependencyVerdict(answer *httpAnswer) resilience.Verdict {
	code := f.code()
	switch code {
	case rpc.Canceled, rpc.DeadlineExceeded:
		return resilience.Transient
	case rpc.ResourceExhausted:
		return code.DependencyVerdict(isTooLarge(f.Error, rpc.Pushback{}))
	case rpc.Unavailable, rpc.Unknown, rpc.Internal, rpc.DataLoss:
	default:
		return code.DependencyVerdict(false)
	}
	if answer != nil && answer.status == http.StatusTooManyRequests {
		return resilience.Overload
	}
	if f.unfit() {
		return resilience.Permanent
	}
	switch v := f.byHTTP(); {
	case v == resilience.Overload, v == resilience.Transient, v == resilience.Permanent && code == rpc.Unavailable:
		return v
	}
	return code.DependencyVerdict(false)
}

// unfit reports whether Connect could not send the message at all.
func (f fault) unfit() bool {
	text := f.Message()
	return f.local && (strings.HasPrefix(text, "marshal message") || strings.Contains(text, "can't use get"))
}

// notSent reports whether Connect refused to send the message: it cannot be encoded, or is over a
// limit of the client.
func (f fault) notSent() bool {
	return f.unfit() || f.local && f.Code() == connect.CodeResourceExhausted && saysSending(f.Message())
}

// tooLarge reports whether the error says that a message was over a limit. The server has carried
// out the call if it was the answer, and a handler may pass on such an error of another server. So
// that is no proof, unless the message was notSent.
func (f fault) tooLarge() bool {
	return f.Code() == connect.CodeResourceExhausted && rpc.SaysTooLarge(f.Message())
}

// saysSending reports whether the text of Connect about a message that is too large is that of its
// sender.
func saysSending(text string) bool { return strings.Contains(text, "MaxBytes") }

// isTooLarge reports whether e says that a message was over a limit. Facts decide before the text
// does: a server that asks for a pause or names a quota is busy.
func isTooLarge(e *connect.Error, asked rpc.Pushback) bool {
	if e.Code() != connect.CodeResourceExhausted || asked.Asked {
		return false
	}
	for _, detail := range e.Details() {
		switch detail.Type() {
		case "google.rpc.RetryInfo", "google.rpc.QuotaFailure":
			return false
		}
	}
	return rpc.SaysTooLarge(e.Message())
}
