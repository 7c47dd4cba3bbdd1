package holdfasthttp

import (
	"errors"
	"reflect"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// streamError is net/http's error for an HTTP/2 stream that was reset. net/http does not export the
// type, but its As method fills in any struct with these fields. The type of golang.org/x/net/http2
// does so too.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "HTTP/2 stream reset" }

func asStreamError(err error) (streamError, bool) { return errors.AsType[streamError](err) }

// Codes of RFC 9113, section 7.
const (
	codeRefusedStream   = 0x7 // "closed prior to any processing having occurred"
	codeEnhanceYourCalm = 0xb
)

// goAwayAtOnce is how net/http's error begins for the first request on a connection, if a GOAWAY
// with an error says that the server has not processed it. The code's name follows.
const goAwayAtOnce = "http2: Transport received GOAWAY from server ErrCode:"

// asksForCalm reports whether the server sent ENHANCE_YOUR_CALM, for a stream or for the
// connection: it asks for fewer requests.
func asksForCalm(err error) bool {
	if e, ok := asStreamError(err); ok {
		return e.Code == codeEnhanceYourCalm
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if code, ok := goAwayCode(err); ok {
			return code == codeEnhanceYourCalm
		}
		if foreign.Text(err) == goAwayAtOnce+"ENHANCE_YOUR_CALM" {
			return true
		}
	}
	return false
}

// goAwayCode returns the code of a GOAWAY. Its error is a struct with these fields, in net/http and
// in golang.org/x/net/http2.
func goAwayCode(err error) (uint64, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Struct || v.NumField() != 3 {
		return 0, false
	}
	code := v.FieldByName("ErrCode")
	if !v.FieldByName("LastStreamID").IsValid() || !code.IsValid() || !code.CanUint() {
		return 0, false
	}
	return code.Uint(), true
}
