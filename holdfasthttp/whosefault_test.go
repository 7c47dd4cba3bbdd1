package holdfasthttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfasthttp"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// Servers that break the protocol are to blame: a PUT is sent again, and each attempt counts.
func TestServersThatBreakTheProtocol(t *testing.T) {
	answer := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
			}
			_, _ = io.WriteString(c, text)
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"closes at once":            func(net.Conn) {},
		"closes after the headers":  func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) },
		"a banner":                  answer("220 mail.example ESMTP\r\n"),
		"a header line cut":         answer("HTTP/1.1 200 OK\r\nContent-Le"),
		"no colon":                  answer("HTTP/1.1 200 OK\r\nwhatever\r\n\r\n"),
		"a status that is none":     answer("HTTP/1.1 abc OK\r\n\r\n"),
		"Content-Length that lies":  answer("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"),
		"two lengths":               answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
		"an unknown encoding":       answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: pigeon\r\n\r\n"),
		"headers without end":       answer("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20<<10)),
		"nothing but a line's end":  answer("\r\n"),
		"HTTP/2 where it is not":    answer("\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
		"an interim response alone": answer("HTTP/1.1 103 Early Hints\r\n\r\n"),
	} {
		for _, size := range []int{10, 256 << 10} {
			addr := rawServer(t, func(c net.Conn, _ int) { serve(c) })
			gate, err := breaker.New(breaker.Config{ConsecutiveFailures: 1000})
			require.NoError(t, err)
			rt := newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(&http.Transport{MaxResponseHeaderBytes: 10 << 10}))
			for range 3 {
				req, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+addr, strings.NewReader(strings.Repeat("x", size)))
				require.NoError(t, err)
				_, err = rt.RoundTrip(req)
				require.ErrorIs(t, err, retry.ErrExhausted, "%s, %d B", name, size)
			}
			require.EqualValues(t, 9, gate.Counts().Failures, "%s, %d B", name, size)
		}
	}
}

// An error that is the caller's fault is not retried, and is no failure to a breaker.
func TestTheCallersFaults(t *testing.T) {
	change := func(f func(*http.Request)) func(*http.Request) { return f }
	broken := errors.New("the disk is gone")
	body := func(r io.Reader) func(*http.Request) {
		return func(req *http.Request) {
			req.Body, req.ContentLength = io.NopCloser(r), -1
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(r), nil }
		}
	}
	for name, c := range map[string]struct {
		change  func(*http.Request)
		unknown bool // the server may have got it
	}{
		"no URL":            {change(func(r *http.Request) { r.URL = nil }), false},
		"no headers":        {change(func(r *http.Request) { r.Header = nil }), false},
		"no host":           {change(func(r *http.Request) { r.URL.Host = "" }), false},
		"no scheme":         {change(func(r *http.Request) { r.URL.Scheme = "" }), false},
		"an unknown scheme": {change(func(r *http.Request) { r.URL.Scheme = "gopher" }), false},
		"a bad method":      {change(func(r *http.Request) { r.Method = "P O" }), false},
		"a bad field":       {change(func(r *http.Request) { r.Header["a b"] = []string{"x"} }), false},
		"a bad value":       {change(func(r *http.Request) { r.Header["A"] = []string{"x\r\nB: y"} }), false},
		"a bad trailer":     {change(func(r *http.Request) { r.Trailer = http.Header{"A": {"\x00"}} }), false},
		"a length without a body": {change(func(r *http.Request) {
			r.Body, r.GetBody, r.ContentLength = nil, nil, 5
		}), false},
		"a body that is shorter":  {change(func(r *http.Request) { r.ContentLength = 100 }), true},
		"a body that fails":       {body(io.MultiReader(strings.NewReader("10 "), failing{broken})), true},
		"a body that was closed":  {body(failing{net.ErrClosed}), true},
		"a body that is canceled": {body(failing{context.Canceled}), true},
		"a body that is reset":    {body(failing{io.ErrUnexpectedEOF}), true},
		"a file that is closed":   {body(failing{&fs.PathError{Op: "read", Path: "x", Err: fs.ErrClosed}}), true},
	} {
		for _, method := range []string{"PUT", "POST"} {
			server := newFaulty(t, nil, false)
			gate, err := breaker.New(breaker.Config{})
			require.NoError(t, err)
			var sent atomic.Int32
			rt := newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(counting{server.base(t, 0), &sent}))
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL, strings.NewReader("10 EUR"))
			require.NoError(t, err)
			c.change(req)
			_, err = rt.RoundTrip(req)
			require.Error(t, err, name)
			require.EqualValues(t, 1, sent.Load(), "%s: %v", name, err)
			require.Zero(t, gate.Counts().Failures, "%s: %v", name, err)
			require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%s: %v", name, err)
		}
	}
}

// A body that is longer than Content-Length is the caller's fault. But the server may have received
// a complete request. (Over the wire that depends on timing.)
func TestABodyThatIsLonger(t *testing.T) {
	for _, text := range []string{
		"http: ContentLength=2 with Body length 6", "http2: request body larger than specified content length",
	} {
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		attempts := 0
		rt := newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
			attempts++
			return nil, errors.New(text)
		})))
		_, err = rt.RoundTrip(newRequest(t, "POST", strings.NewReader("10 EUR")))
		require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Equal(t, 1, attempts)
		require.Zero(t, gate.Counts().Failures)
	}
}

// Pins: if a request could not be written, net/http closes the connection. RoundTrip then returns
// either why, or that a read of the closed connection failed, whichever comes first. Both are the
// caller's fault.
func TestTheCallersFaultIsFoundLate(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*http.Request)
		unknown bool
		before  bool // WithBeforeAttempt changes it
	}{
		"a length without a body":                      {func(r *http.Request) { r.Body, r.GetBody, r.ContentLength = nil, nil, 5 }, false, false},
		"no length without a body":                     {func(r *http.Request) { r.Body, r.GetBody, r.ContentLength = nil, nil, -1 }, false, false},
		"a body that is shorter":                       {func(r *http.Request) { r.ContentLength = 100 }, true, false},
		"a body that is longer":                        {func(r *http.Request) { r.ContentLength = 2 }, true, false},
		"a large body that is shorter":                 {func(r *http.Request) { r.Body, r.ContentLength = unknown(99<<10), 100<<10 }, true, false},
		"one that cannot be measured":                  {func(r *http.Request) { r.Body, r.ContentLength = unknown(5), 6 }, true, false},
		"one of which some has been read":              {func(r *http.Request) { _, _ = r.Body.Read(make([]byte, 2)) }, true, false},
		"a body that fails":                            {func(r *http.Request) { r.Body = io.NopCloser(failing{io.ErrUnexpectedEOF}) }, true, false},
		"a body that fails as if it was closed":        {func(r *http.Request) { r.Body = io.NopCloser(failing{net.ErrClosed}) }, true, false},
		"a length that is longer, before the attempt":  {func(r *http.Request) { r.ContentLength = 100 }, true, true},
		"a length that is shorter, before the attempt": {func(r *http.Request) { r.ContentLength = 2 }, true, true},
		"no body any more, before the attempt":         {func(r *http.Request) { r.Body, r.GetBody = nil, nil }, false, true},
	} {
		for _, method := range []string{"PUT", "POST"} {
			for _, foreign := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/foreign=%t", name, method, foreign), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						base := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
						var conn net.Conn
						dial := base.DialContext
						var sent atomic.Int32
						base.DialContext = func(ctx context.Context, network, addr string) (_ net.Conn, err error) {
							sent.Add(1)
							conn, err = dial(ctx, network, addr)
							return conn, err
						}
						ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
							_ = conn.Close()
							<-time.After(second) // in the bubble: the read has failed before net/http hears of the write
						}})
						gate, err := breaker.New(breaker.Config{})
						require.NoError(t, err)
						var rt http.RoundTripper = base
						if foreign {
							rt = tripper(base.RoundTrip)
						}
						options := []holdfasthttp.Option{holdfasthttp.WithBase(rt)}
						if c.before {
							options = append(options, holdfasthttp.WithBeforeAttempt(func(r *http.Request, _ int) error {
								c.change(r)
								return nil
							}))
						}
						rt = newTransport(t, newPipeline(t, soon(2), gate), options...)
						req, err := http.NewRequestWithContext(ctx, method, "http://payments.example/", strings.NewReader("10 EUR"))
						require.NoError(t, err)
						if !c.before {
							c.change(req)
						}
						_, err = rt.RoundTrip(req)
						require.Error(t, err)
						require.EqualValues(t, 1, sent.Load(), "%v", err)
						require.Zero(t, gate.Counts().Failures, "%v", err)
						require.Equal(t, c.unknown, errors.Is(err, resilience.ErrOutcomeUnknown), "%v", err)
					})
				})
			}
		}
	}
}

// Pins: HTTP/1.1 does not send a request with a length and no body, but HTTP/2 does. So the error
// of one try does not prove that another try sent nothing.
func TestALengthWithoutABodyProvesOneTry(t *testing.T) {
	bare := errors.New("http: Request.ContentLength=5 with nil Body")
	type try struct {
		connected, written bool
		err                error // of the writing
	}
	for name, c := range map[string]struct {
		tries   []try
		unknown bool
	}{
		"one":                        {[]try{{true, true, bare}}, false},
		"two, on idle connections":   {[]try{{true, true, bare}, {true, true, bare}}, false},
		"it was written before":      {[]try{{true, true, nil}, {true, true, bare}}, true},
		"some was written before":    {[]try{{true, true, io.ErrClosedPipe}, {true, true, bare}}, true},
		"nobody knows of the first":  {[]try{{true, false, nil}, {true, true, bare}}, true},
		"connections of the base":    {[]try{{false, true, bare}}, false},
		"likewise, it was written":   {[]try{{false, true, nil}, {false, true, bare}}, true},
		"likewise, written after it": {[]try{{false, true, bare}, {false, true, nil}}, true},
	} {
		for _, method := range []string{"PUT", "POST"} {
			for _, err := range []error{bare, net.ErrClosed} {
				base := tripper(func(r *http.Request) (*http.Response, error) {
					trace := httptrace.ContextClientTrace(r.Context())
					for _, try := range c.tries {
						if try.connected {
							trace.GotConn(httptrace.GotConnInfo{})
						}
						if try.written {
							trace.WroteRequest(httptrace.WroteRequestInfo{Err: try.err})
						}
					}
					return nil, err
				})
				rt := newTransport(t, newPipeline(t, soon(0)), holdfasthttp.WithBase(base))
				req := newRequest(t, method, nil)
				req.ContentLength = 5
				_, got := rt.RoundTrip(req)
				require.Error(t, got, name)
				require.Equal(t, c.unknown, errors.Is(got, resilience.ErrOutcomeUnknown), "%s, %s, %v: %v", name, method, err, got)
				require.False(t, resilience.Unsent(got), name)
			}
		}
	}
}

// Pins: if net/http tries a second time, the reason why the first try could not be written is not
// the reason why the second one failed.
func TestTheFaultOfAnEarlierTry(t *testing.T) {
	short := httptrace.WroteRequestInfo{Err: errors.New("http: ContentLength=100 with Body length 5")}
	for name, c := range map[string]struct {
		then     func(*httptrace.ClientTrace) // after the try that could not be written
		failures uint64                       // of the server
	}{
		"there is no other try":        {func(*httptrace.ClientTrace) {}, 0},
		"the next one gets no further": {func(t *httptrace.ClientTrace) { t.GotConn(httptrace.GotConnInfo{}) }, 1},
		"the next one is written":      {func(t *httptrace.ClientTrace) { t.WroteRequest(httptrace.WroteRequestInfo{}) }, 1},
	} {
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		base := tripper(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GotConn(httptrace.GotConnInfo{})
			trace.WroteRequest(short)
			c.then(trace)
			return nil, net.ErrClosed
		})
		rt := newTransport(t, newPipeline(t, gate), holdfasthttp.WithBase(base))
		req := newRequest(t, "PUT", unknown(5))
		req.ContentLength = 100
		_, err = rt.RoundTrip(req)
		require.Error(t, err, name)
		require.Equal(t, c.failures, gate.Counts().Failures, "%s: %v", name, err)
	}
}

// unknown returns a body of n bytes that does not say how many they are.
func unknown(n int) io.ReadCloser {
	return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", n))))
}

// What is wrong with the request itself is the caller's fault, whatever the base says of it. A
// request that another base could send is not wrong.
func TestWhatIsWrongWithARequest(t *testing.T) {
	for name, c := range map[string]struct {
		url, field, value string
		right             bool
	}{
		"http":                 {"http://payments.example/", "A", "x", true},
		"https":                {"https://payments.example/", "A", "x", true},
		"https, a bad field":   {"https://payments.example/", "a b", "x", false},
		"a value of two words": {"http://payments.example/", "A", "x\ty z", true},
		"a control character":  {"http://payments.example/", "A", "x\x1fy", false},
		"another scheme":       {"ftp://payments.example/", "A", "x", true},
		"no scheme":            {"//payments.example/", "A", "x", false},
	} {
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		attempts := 0
		rt := newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
			attempts++
			return nil, errors.New("it did not work")
		})))
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.url, nil)
		require.NoError(t, err)
		req.Header[c.field] = []string{c.value}
		_, err = rt.RoundTrip(req)
		require.Error(t, err, name)
		want := 1
		if c.right {
			want = 3
		}
		require.Equal(t, want, attempts, name)
		require.Equal(t, c.right, gate.Counts().Failures > 0, name)
	}
}

// A base that returns a nil error of some type has failed like any other.
func TestATypedNilOfABase(t *testing.T) {
	attempts := 0
	rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) {
		attempts++
		return nil, (*holdfasthttp.ProxyError)(nil)
	})))
	_, err := rt.RoundTrip(newRequest(t, "GET", nil))
	require.Error(t, err)
	require.Equal(t, 3, attempts)
}

// A pipeline's own Classifier overrules the table.
func TestAClassifierKnowsABasesErrors(t *testing.T) {
	errNoToken := errors.New("no token")
	gate, err := breaker.New(breaker.Config{})
	require.NoError(t, err)
	attempts := 0
	p := newPipeline(t, holdfast.Classify(resilience.Errors(resilience.Permanent, errNoToken)), soon(2), gate)
	rt := newTransport(t, p, holdfasthttp.WithBase(tripper(func(*http.Request) (*http.Response, error) { attempts++; return nil, errNoToken })))
	_, err = rt.RoundTrip(newRequest(t, "GET", nil))
	require.ErrorIs(t, err, errNoToken)
	require.Equal(t, 1, attempts)
	require.Zero(t, gate.Counts().Failures)
}

// A deadline that ends a request is a failure to a breaker, whoever set it and whatever its cause
// is; a cancel by the caller is not. This holds for a Transport, also in a client with a Timeout.
func TestWhoeverEndsARequest(t *testing.T) {
	because := errors.New("because")
	withCause := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeoutCause(ctx, second, because)
	}
	for name, c := range map[string]struct {
		stages  []resilience.Stage
		caller  func(context.Context) (context.Context, context.CancelFunc)
		timeout time.Duration // of the client
		is      error
		failure bool
	}{
		"the caller's deadline": {nil, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, second)
		}, 0, context.DeadlineExceeded, true},
		"the caller's deadline, with a cause": {nil, withCause, 0, because, true},
		"the attempt's":                       {[]resilience.Stage{deadline.In(second)}, nil, 0, context.DeadlineExceeded, true},
		"the client's Timeout":                {nil, nil, second, context.DeadlineExceeded, true},
		"a cancel, with a cause": {nil, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			timer := time.AfterFunc(second, func() { cancel(because) })
			return ctx, func() { timer.Stop(); cancel(nil) }
		}, 0, context.Canceled, false},
	} {
		for _, http2 := range []bool{false, true} {
			for _, method := range []string{"GET", "POST"} {
				t.Run(name+"/"+protocol(http2)+"/"+method, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						gate, err := breaker.New(breaker.Config{})
						require.NoError(t, err)
						base := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
						if http2 {
							base = serve2(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
						}
						ctx := t.Context()
						if c.caller != nil {
							var cancel context.CancelFunc
							ctx, cancel = c.caller(ctx)
							defer cancel()
						}
						p := newPipeline(t, append([]resilience.Stage{retry.Custom(0, 1, 1, false), gate}, c.stages...)...)
						client := &http.Client{Timeout: c.timeout, Transport: newTransport(t, p, holdfasthttp.WithBase(base))}
						req, err := http.NewRequestWithContext(ctx, method, "http://payments.example/", nil)
						require.NoError(t, err)
						_, err = client.Do(req)
						require.ErrorIs(t, err, c.is)
						require.Equal(t, c.failure, gate.Counts().Failures == 1, "%v", err)
						if method == "POST" && c.timeout == 0 { // http.Client makes a text of the error that its Timeout caused
							require.ErrorIs(t, err, resilience.ErrOutcomeUnknown)
						}
						require.False(t, resilience.Unsent(err))
					})
				})
			}
		}
	}
}

// A call whose ctx has ended before it begins sends nothing, and counts nothing.
func TestACallerWhoCameTooLate(t *testing.T) {
	for _, cause := range []error{nil, errors.New("because")} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		gate, err := breaker.New(breaker.Config{})
		require.NoError(t, err)
		base := &answers{codes: []int{200}}
		_, err = newTransport(t, newPipeline(t, soon(2), gate), holdfasthttp.WithBase(base)).RoundTrip(newRequest(t, "POST", nil).WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, resilience.ErrOutcomeUnknown)
		require.Empty(t, base.reqs)
		require.Zero(t, gate.Counts().Requests)
	}
}

// keeping is a base that writes down each answer, on a disk that is full or may not be written to.
type keeping struct {
	http.RoundTripper

	err error
}

func (k keeping) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := k.RoundTripper.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
		err = k.err
	}
	return nil, err
}

// An error of this side is no proof that the server did nothing: a base may return it after the
// server has carried out the request.
func TestAFaultOfThisSideAfterTheAnswer(t *testing.T) {
	for name, err := range map[string]error{
		"no permission":    &fs.PathError{Op: "write", Path: "answers", Err: fs.ErrPermission},
		"no disk":          &fs.PathError{Op: "write", Path: "answers", Err: errors.New("no space left on device")},
		"permission alone": fs.ErrPermission,
		"no such host":     &net.DNSError{Err: "no such host", Name: "audit", IsNotFound: true},
		"no address":       &net.AddrError{Err: "missing port", Addr: "audit"},
	} {
		server := newFaulty(t, nil, false)
		rt := newTransport(t, newPipeline(t, soon(2)), holdfasthttp.WithBase(keeping{server.base(t, 0), err}))
		req, e := http.NewRequestWithContext(resilience.MarkOnce(t.Context()), "POST", server.URL, strings.NewReader("10 EUR"))
		require.NoError(t, e)
		_, e = rt.RoundTrip(req)
		require.ErrorIs(t, e, err)
		require.Len(t, server.arrivals(), 1)
		require.ErrorIs(t, e, resilience.ErrOutcomeUnknown, name)
	}
}
