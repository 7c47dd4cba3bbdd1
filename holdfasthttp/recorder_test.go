package holdfasthttp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// methods are the optional ones of a ResponseWriter, as a server or a middleware may combine them.
type (
	bare  struct{ http.ResponseWriter }
	flush struct{ flushed *int }
	hij   struct{ hijackErr error }
	note  struct{}
	read  struct{ copied *int64 }
	push  struct{ pushed *string }
)

func (f flush) Flush()                                       { *f.flushed++ }
func (h hij) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return nil, nil, h.hijackErr }
func (note) CloseNotify() <-chan bool                        { return nil }
func (p push) Push(target string, _ *http.PushOptions) error { *p.pushed = target; return nil }
func (r read) ReadFrom(src io.Reader) (n int64, err error) {
	n, err = io.Copy(io.Discard, src)
	*r.copied += n
	return n, err
}

// can returns the letters of what w can do.
func can(w http.ResponseWriter) (all string) {
	for _, c := range []struct {
		letter string
		ok     func() bool
	}{
		{"F", func() bool { _, ok := w.(http.Flusher); return ok }},
		{"H", func() bool { _, ok := w.(http.Hijacker); return ok }},
		{"N", func() bool { _, ok := w.(http.CloseNotifier); return ok }}, //nolint:staticcheck // see recorder.writer
		{"R", func() bool { _, ok := w.(io.ReaderFrom); return ok }},
		{"P", func() bool { _, ok := w.(http.Pusher); return ok }},
	} {
		if c.ok() {
			all += c.letter
		}
	}
	return all
}

// Pins: a handler's writer claims what the server's can do, and never more (gin-gonic/gin#4460:
// a claimed Flush panics).
func TestAWriterClaimsWhatItCanDo(t *testing.T) {
	var (
		f flush
		h hij
		n note
		r read
		p push
	)
	b := bare{httptest.NewRecorder()}
	for want, w := range map[string]http.ResponseWriter{
		"": b,
		"F": struct {
			bare
			flush
		}{b, f},
		"H": struct {
			bare
			hij
		}{b, h},
		"FH": struct {
			bare
			flush
			hij
		}{b, f, h},
		"FN": struct {
			bare
			flush
			note
		}{b, f, n},
		"FP": struct {
			bare
			flush
			push
		}{b, f, p},
		"FHN": struct {
			bare
			flush
			hij
			note
		}{b, f, h, n},
		"FHR": struct {
			bare
			flush
			hij
			read
		}{b, f, h, r},
		"FNP": struct {
			bare
			flush
			note
			push
		}{b, f, n, p},
		"FHNR": struct {
			bare
			flush
			hij
			note
			read
		}{b, f, h, n, r},
	} {
		require.Equal(t, want, can(w), "the test's own")
		require.Equal(t, want, can((&recorder{w: w}).writer()))
	}
	for want, w := range map[string]http.ResponseWriter{
		"F": struct { // nobody has these: less than it can do
			bare
			flush
			read
		}{b, f, r},
		"FHNR": struct {
			bare
			flush
			hij
			note
			read
			push
		}{b, f, h, n, r, p},
	} {
		require.Equal(t, want, can((&recorder{w: w}).writer()))
	}
	outer := wrapsOnly{bare{b}, struct {
		bare
		hij
	}{b, h}}
	require.Equal(t, "H", can((&recorder{w: outer}).writer()), "as an http.ResponseController finds it")
}

// wrapsOnly is a middleware's writer that has nothing but Unwrap.
type wrapsOnly struct {
	bare
	inner http.ResponseWriter
}

func (w wrapsOnly) Unwrap() http.ResponseWriter { return w.inner }

// Pins: what counts as a response, and that each method reaches the server's writer.
func TestWhatARecorderRecords(t *testing.T) {
	var (
		flushed int
		copied  int64
		pushed  string
	)
	var all http.ResponseWriter = struct {
		bare
		flush
		hij
		note
		read
	}{bare{httptest.NewRecorder()}, flush{&flushed}, hij{}, note{}, read{&copied}}
	var http2 http.ResponseWriter = struct {
		bare
		flush
		note
		push
	}{bare{httptest.NewRecorder()}, flush{&flushed}, note{}, push{&pushed}}
	for name, c := range map[string]struct {
		w    http.ResponseWriter
		do   func(w http.ResponseWriter)
		want int
	}{
		"nothing":          {all, func(http.ResponseWriter) {}, 0},
		"headers":          {all, func(w http.ResponseWriter) { w.Header().Set("A", "b") }, 0},
		"status":           {all, func(w http.ResponseWriter) { w.WriteHeader(418) }, 418},
		"the first status": {all, func(w http.ResponseWriter) { w.WriteHeader(204); w.WriteHeader(500) }, 204},
		"100":              {all, func(w http.ResponseWriter) { w.WriteHeader(100) }, 0},
		"101":              {all, func(w http.ResponseWriter) { w.WriteHeader(101) }, 101},
		"199":              {all, func(w http.ResponseWriter) { w.WriteHeader(199) }, 0},
		"200":              {all, func(w http.ResponseWriter) { w.WriteHeader(200) }, 200},
		"an empty write":   {all, func(w http.ResponseWriter) { _, _ = w.Write(nil) }, 200},
		"a string":         {all, func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") }, 200},
		"a copy":           {all, func(w http.ResponseWriter) { _, _ = io.Copy(w, only{strings.NewReader("12345")}) }, 200},
		"a flush":          {all, func(w http.ResponseWriter) { w.(http.Flusher).Flush() }, 200},
		"by a controller":  {all, func(w http.ResponseWriter) { require.NoError(t, http.NewResponseController(w).Flush()) }, 200},
		"HTTP/2's":         {http2, func(w http.ResponseWriter) { require.NoError(t, w.(http.Pusher).Push("/style.css", nil)) }, 0},
		"a flush that is not": {bare{httptest.NewRecorder()}, func(w http.ResponseWriter) {
			require.ErrorIs(t, http.NewResponseController(w).Flush(), http.ErrNotSupported)
		}, 0},
	} {
		rec := &recorder{w: c.w}
		c.do(rec.writer())
		require.Equal(t, c.want, rec.status, name)
		require.Equal(t, c.want == 0, rec.untouched(), name)
		require.Equal(t, c.w, rec.Unwrap())
	}
	require.Equal(t, 2, flushed)
	require.EqualValues(t, 5, copied)
	require.Equal(t, "/style.css", pushed)

	rec := &recorder{w: all}
	_, _, err := rec.writer().(http.Hijacker).Hijack()
	require.NoError(t, err)
	require.False(t, rec.untouched())
	rec = &recorder{w: struct {
		bare
		hij
	}{bare{}, hij{errors.New("no")}}}
	_, _, err = rec.writer().(http.Hijacker).Hijack()
	require.Error(t, err)
	require.True(t, rec.untouched(), "it may still answer")
}

// Pins: after the Middleware's own answer, nothing of a handler's gets through.
func TestAClosedRecorder(t *testing.T) {
	w := httptest.NewRecorder()
	w.WriteHeader(http.StatusGatewayTimeout)
	flushed, copied, pushed := 0, int64(0), ""
	rec := &recorder{closed: true, w: struct {
		http.ResponseWriter
		flush
		hij
		note
		read
	}{w, flush{&flushed}, hij{}, note{}, read{&copied}}}
	late := rec.writer()
	late.WriteHeader(http.StatusOK)
	_, err := late.Write([]byte("x"))
	require.ErrorIs(t, err, http.ErrHandlerTimeout)
	_, err = io.WriteString(late, "x")
	require.ErrorIs(t, err, http.ErrHandlerTimeout)
	_, err = io.Copy(late, only{strings.NewReader("x")})
	require.ErrorIs(t, err, http.ErrHandlerTimeout)
	late.(http.Flusher).Flush()
	require.ErrorIs(t, http.NewResponseController(late).Flush(), http.ErrHandlerTimeout)
	_, _, err = late.(http.Hijacker).Hijack()
	require.ErrorIs(t, err, http.ErrHandlerTimeout)
	require.Empty(t, w.Body.String())
	require.Zero(t, flushed)
	require.Zero(t, copied)

	rec = &recorder{closed: true, w: struct {
		http.ResponseWriter
		flush
		push
	}{w, flush{&flushed}, push{&pushed}}}
	require.ErrorIs(t, rec.writer().(http.Pusher).Push("/x", nil), http.ErrHandlerTimeout)
	require.Empty(t, pushed)
}

// direct is the writer of a framework whose handlers write to it.
type direct struct {
	http.ResponseWriter
	status  int
	written bool
}

func (d direct) Status() int   { return d.status }
func (d direct) Written() bool { return d.written }

// Pins: if a handler wrote around the recorder, the framework's writer knows the status.
func TestAStatusThatTheFrameworkKnows(t *testing.T) {
	for _, c := range []struct {
		status, own int
		written     bool
		want        int
	}{
		{0, 200, false, 0}, // gin's default
		{0, 200, true, 200},
		{0, 500, false, 500}, // gin writes it at the end
		{0, 500, true, 500},
		{204, 500, true, 204},
	} {
		rec := &recorder{status: c.status, w: direct{httptest.NewRecorder(), c.own, c.written}}
		require.Equal(t, c.want, rec.final(), c)
		require.Equal(t, c.want == 0, rec.untouched(), c)
	}
}

// only hides the other methods of a reader, as io.WriterTo.
type only struct{ io.Reader }
