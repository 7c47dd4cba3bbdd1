package holdfasthttp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// recorder is a ResponseWriter that remembers the status. What a handler gets is the result of
// writer, which has the optional methods that w has.
type recorder struct {
	w        http.ResponseWriter
	status   int // of what was written here; 0: nothing was
	hijacked bool
	closed   bool // the Middleware has answered: what is written now comes too late
}

// final returns the status of the response, 0 if nothing was written. Handlers of gin and negroni
// write to w, and not here: those say their status themselves.
func (r *recorder) final() int {
	if r.status != 0 {
		return r.status
	}
	own, ok := r.w.(interface {
		Status() int
		Written() bool
	})
	if ok && (own.Written() || own.Status() != http.StatusOK) {
		return own.Status()
	}
	return 0
}

func (r *recorder) untouched() bool { return !r.hijacked && r.final() == 0 }

// begun takes note that the headers are sent, if not before, with 200. It returns
// http.ErrHandlerTimeout if it is too late for that.
func (r *recorder) begun() error {
	if r.closed {
		return http.ErrHandlerTimeout
	}
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return nil
}

func (r *recorder) Header() http.Header { return r.w.Header() }

// WriteHeader passes each status on. An informational one (1xx) is not the response, except 101.
func (r *recorder) WriteHeader(code int) {
	if r.closed {
		return
	}
	r.w.WriteHeader(code)
	if r.status == 0 && (code >= http.StatusOK || code == http.StatusSwitchingProtocols) {
		r.status = code
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	if err := r.begun(); err != nil {
		return 0, err
	}
	return r.w.Write(b)
}

// WriteString does not copy s, if w can do that.
func (r *recorder) WriteString(s string) (int, error) {
	if err := r.begun(); err != nil {
		return 0, err
	}
	return io.WriteString(r.w, s)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.w }

// FlushError is for http.ResponseController, which would otherwise flush w unnoticed.
func (r *recorder) FlushError() error {
	if r.closed {
		return http.ErrHandlerTimeout
	}
	err := http.NewResponseController(r.w).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		_ = r.begun() // it is not closed
	}
	return err
}

// writer returns r with those of the optional methods that w has, in the sets that occur: a writer
// with a method that does nothing would mislead handlers, which ask for it by a type assertion. The
// types have one pointer, so none of them is allocated.
func (r *recorder) writer() http.ResponseWriter {
	_, flushes := r.w.(http.Flusher)
	_, reads := r.w.(io.ReaderFrom)
	_, pushes := r.w.(http.Pusher)
	_, notifies := r.w.(http.CloseNotifier) //nolint:staticcheck // SA1019: gin's Context.Stream panics without it
	hijacks := canHijack(r.w)
	switch f := (flusher{r}); {
	case flushes && hijacks && notifies && reads: // net/http's for HTTP/1
		return http1Writer{notifyHijacker{flushHijacker{f}}}
	case flushes && hijacks && notifies: // gin's
		return notifyHijacker{flushHijacker{f}}
	case flushes && hijacks && reads: // chi's
		return copyHijacker{flushHijacker{f}}
	case flushes && hijacks: // echo's
		return flushHijacker{f}
	case flushes && notifies && pushes: // net/http's for HTTP/2
		return http2Writer{notifier{f}}
	case flushes && notifies:
		return notifier{f}
	case flushes && pushes:
		return pusher{f}
	case flushes: // httptest's
		return f
	case hijacks:
		return hijacker{r}
	}
	return r
}

// canHijack reports whether an http.ResponseController could take over w's connection. Hijack is
// offered then, so that it is noticed.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch v := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return false
		}
	}
}

func (r *recorder) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if r.closed {
		return nil, nil, http.ErrHandlerTimeout
	}
	conn, buffer, err := http.NewResponseController(r.w).Hijack()
	r.hijacked = r.hijacked || err == nil
	return conn, buffer, err
}

// readFrom lets w use sendfile. If src has nothing, because it fails at once, say, net/http has not
// sent the headers, and the handler may still say what went wrong.
func (r *recorder) readFrom(src io.Reader) (int64, error) {
	if r.closed {
		return 0, http.ErrHandlerTimeout
	}
	n, err := r.w.(io.ReaderFrom).ReadFrom(src) //nolint:forcetypeassert // see writer
	if n > 0 {
		_ = r.begun() // it is not closed
	}
	return n, err
}

func (r *recorder) closeNotify() <-chan bool {
	return r.w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck,forcetypeassert // see writer
}

func (r *recorder) push(target string, opts *http.PushOptions) error {
	if r.closed {
		return http.ErrHandlerTimeout
	}
	return r.w.(http.Pusher).Push(target, opts) //nolint:forcetypeassert // see writer
}

type (
	flusher        struct{ *recorder }
	hijacker       struct{ *recorder }
	flushHijacker  struct{ flusher }
	copyHijacker   struct{ flushHijacker }
	notifyHijacker struct{ flushHijacker }
	http1Writer    struct{ notifyHijacker }
	notifier       struct{ flusher }
	pusher         struct{ flusher }
	http2Writer    struct{ notifier }
)

func (w flusher) Flush() {
	if w.begun() == nil {
		w.w.(http.Flusher).Flush() //nolint:forcetypeassert // see writer
	}
}

func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return w.hijack() }
func (w flushHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
func (w copyHijacker) ReadFrom(src io.Reader) (int64, error)         { return w.readFrom(src) }
func (w notifyHijacker) CloseNotify() <-chan bool                    { return w.closeNotify() }
func (w http1Writer) ReadFrom(src io.Reader) (int64, error)          { return w.readFrom(src) }
func (w notifier) CloseNotify() <-chan bool                          { return w.closeNotify() }
func (w pusher) Push(target string, o *http.PushOptions) error       { return w.push(target, o) }
func (w http2Writer) Push(target string, o *http.PushOptions) error  { return w.push(target, o) }
