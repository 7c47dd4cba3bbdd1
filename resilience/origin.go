package resilience

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/media-gateway/holdfast/internal/foreign"
)

// Origin returns the dependency's own error, without the wrappers that were put around it on the
// way. Its type says what happened, so that error.type in a trace is the same through every layer.
// Origin looks through
//
//   - an error with a method Origin() error that returns one: a [CallError], an [Error], the errors
//     of this module's stages and adapters have it. Give it to your own wrappers;
//   - errors of fmt.Errorf and errors.Join. If one wraps several, Origin takes the first whose type
//     says more than that of errors.New does, else the last.
//
// It returns err itself if err is not a wrapper, and nil for nil.
func Origin(err error) error {
	for {
		inner := inside(err)
		switch len(inner) {
		case 0:
			return err
		case 1:
			err = inner[0]
		default:
			return mostTelling(inner)
		}
	}
}

type originError interface {
	error
	Origin() error
}

// inside returns what Origin looks at next: nothing if err is the origin, or if a method of err
// panics, as on a nil pointer.
func inside(err error) (inner []error) {
	defer func() {
		if recover() != nil {
			inner = nil
		}
	}()
	if o, ok := err.(originError); ok { //nolint:errorlint // one step of the walk
		return withoutNil(o.Origin())
	}
	if !saysLittle(err) {
		return nil
	}
	switch e := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		return withoutNil(e.Unwrap())
	case interface{ Unwrap() []error }:
		return withoutNil(e.Unwrap()...)
	}
	return nil
}

func mostTelling(errs []error) error {
	var origin error
	for _, err := range errs {
		if origin = Origin(err); !saysLittle(origin) {
			return origin
		}
	}
	return origin
}

// saysLittle reports whether err's type does not tell errors apart: it is that of errors.New, of
// errors.Join or of fmt.Errorf.
func saysLittle(err error) bool {
	t := reflect.TypeOf(err)
	if t == nil {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.PkgPath() {
	case "errors", "fmt", "":
		return true
	}
	return false
}

// maxErrorText bounds, in bytes, an error's text in the name of its kind.
const maxErrorText = 120

// DescribeError names the kind of err in a few words, so that errors that differ only in a number
// have one name: the type of its [Origin] ("*pay.Decline"). If that is the type of errors.New or
// fmt.Errorf, it adds the origin's text without its digits, quoted, and cut at 120 bytes
// (`*errors.errorString "order : declined"`). It is meant for logs and reports.
func DescribeError(err error) string {
	if err == nil {
		return "nil"
	}
	origin := Origin(err)
	name := fmt.Sprintf("%T", origin)
	if !saysLittle(origin) {
		return name
	}
	return name + " " + quoteText(foreign.Text(origin))
}

func quoteText(text string) string {
	text = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
	return strconv.QuoteToGraphic(cutText(text))
}

func cutText(text string) string {
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}
