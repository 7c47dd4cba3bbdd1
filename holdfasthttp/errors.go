package holdfasthttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/media-gateway/holdfast/resilience"
)

// judge returns what a transport's error means, and whether it proves that the server got nothing of the request.
func judge(err error) (verdict resilience.Verdict, unsent bool) {
	verdict = resilience.Classify(err)
	if resilience.Explains(err) {
		return verdict, resilience.Unasked(err)
	}
	if handshakeFailed(err) {
		return verdict, true
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && (e.Op == "dial" || e.Op == "proxyconnect") {
		if verdict == resilience.Permanent && mayDialLater(err) {
			verdict = resilience.Transient
		}
		return verdict, true
	}
	if e, ok := errors.AsType[streamError](err); ok {
		return e.judge()
	}
	if verdict != resilience.Permanent {
		return verdict, false
	}
	text := err.Error()
	switch {
	case errors.Is(err, io.EOF):
		return resilience.Transient, false
	case text == "http2: Transport received Server's graceful shutdown GOAWAY", // for streams that the server has not begun with
		text == "http2: client conn not usable", text == "http2: client conn could not be established":
		return resilience.Transient, true
	case text == "http: server closed idle connection", text == "http2: client connection lost",
		strings.HasPrefix(text, "http2: server sent GOAWAY and closed the connection"):
		return resilience.Transient, false
	}
	return verdict, false
}

// mayDialLater reports whether a dial that failed for an error of no known kind may work later: any
// but one for which the address is no address, the host does not exist, or the system does not allow it.
func mayDialLater(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return false // Classify knows better
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*net.ParseError](err); ok {
		return false
	}
	if _, ok := errors.AsType[net.UnknownNetworkError](err); ok {
		return false
	}
	return !errors.Is(err, fs.ErrPermission)
}

// handshakeFailed reports whether there never was a TLS connection to send anything on.
func handshakeFailed(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	return err.Error() == "net/http: TLS handshake timeout"
}

// streamError is what net/http's HTTP/2 says when a stream was reset. Its own type is not exported, but
// fills in any struct with these fields (see its As method), and so does that of golang.org/x/net/http2.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "HTTP/2 stream reset" }

// Codes of RFC 9113, section 7.
const (
	codeInternal        = 0x2
	codeStreamClosed    = 0x5
	codeRefusedStream   = 0x7
	codeCancel          = 0x8
	codeEnhanceYourCalm = 0xb
)

func (e streamError) judge() (verdict resilience.Verdict, unsent bool) {
	switch e.Code {
	case codeRefusedStream: // "closed prior to any processing having occurred"
		return resilience.Transient, true
	case codeEnhanceYourCalm:
		return resilience.Overload, false
	case codeInternal, codeStreamClosed, codeCancel:
		return resilience.Transient, false
	}
	return resilience.Permanent, false
}

func mark(err error, v resilience.Verdict) error {
	switch v {
	case resilience.Transient:
		return resilience.MarkTransient(err)
	case resilience.Overload:
		return resilience.MarkOverload(err, 0)
	}
	return resilience.MarkPermanent(err)
}

// isTimeout reports whether time ran out.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
