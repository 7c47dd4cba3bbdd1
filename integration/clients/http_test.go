package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// instrumented wraps errors, as middleware for traces and metrics does.
type instrumented struct{ http.RoundTripper }

func (i instrumented) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := i.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("instrumented transport: %w", err)
	}
	return resp, nil
}

// raw is a server that accepts connections and leaves them to serve.
func raw(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// read returns once the beginning of a request is there.
func read(conn net.Conn) { _, _ = conn.Read(make([]byte, 4096)) }

// get returns the error of a GET through transport.
func get(t *testing.T, url string, transport http.RoundTripper, limit time.Duration) error {
	t.Helper()
	c := &http.Client{Transport: transport, Timeout: limit}
	defer c.CloseIdleConnections()
	resp, err := c.Get(url) //nolint:noctx // the client's own timeout is what some rows are about
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("GET %s succeeded", url)
	}
	return err
}

func TestNetHTTP(t *testing.T) {
	const short = 50 * time.Millisecond
	plain := func() *http.Transport { return &http.Transport{} }

	eof := raw(t, func(c net.Conn) { read(c); _ = c.Close() })
	reset := raw(t, func(c net.Conn) {
		read(c)
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	})
	garbage := raw(t, func(c net.Conn) {
		read(c)
		_, _ = c.Write([]byte("SSH-2.0-OpenSSH\r\n\r\n"))
		_ = c.Close()
	})
	truncated := raw(t, func(c net.Conn) {
		read(c)
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Le"))
		_ = c.Close()
	})
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	hang := silent.Addr().String()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of handshakes that fail
	secure.StartTLS()
	defer secure.Close()
	clear := httptest.NewServer(http.NotFoundHandler())
	defer clear.Close()

	slow := func() *http.Transport { return &http.Transport{ResponseHeaderTimeout: short} }
	slowTLS := func() *http.Transport { return &http.Transport{TLSHandshakeTimeout: short} }
	trusting := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}} //nolint:gosec // a version that the server refuses
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hang, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	hangs := &http.Client{Transport: plain()}
	_, ctxErr := hangs.Do(req) //nolint:bodyclose // there is none
	hangs.CloseIdleConnections()
	badHeader, err := http.NewRequestWithContext(t.Context(), http.MethodGet, clear.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	badHeader.Header.Set("X", "a\nb")
	_, headerErr := clear.Client().Do(badHeader) //nolint:bodyclose // there is none
	loop := httptest.NewServer(http.RedirectHandler("/", http.StatusFound))
	defer loop.Close()
	_, parseErr := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a b/%zz", http.NoBody)
	_, mismatchErr := http.NewRequestWithContext(t.Context(), "GET ", "http://x", http.NoBody)

	check(t, []row{
		{name: "connection refused", err: get(t, "http://127.0.0.1:1", plain(), 0), should: transient},
		{name: "server closed without an answer", err: get(t, "http://"+eof, plain(), 0), should: transient},
		{name: "the same, instrumented", err: get(t, "http://"+eof, instrumented{plain()}, 0), should: transient},
		{name: "connection reset", err: get(t, "http://"+reset, plain(), 0), should: transient},
		{name: "garbage", err: get(t, "http://"+garbage, plain(), 0), should: transient},
		{name: "garbage, instrumented", err: get(t, "http://"+garbage, instrumented{plain()}, 0), should: transient},
		{name: "cut off in the headers", err: get(t, "http://"+truncated, plain(), 0), should: transient},
		{name: "ctx timeout", err: ctxErr, should: transient},
		{name: "Client.Timeout", err: get(t, "http://"+hang, plain(), short), should: transient},
		{name: "ResponseHeaderTimeout", err: get(t, "http://"+hang, slow(), 0), should: transient},
		{name: "ResponseHeaderTimeout, instrumented", err: get(t, "http://"+hang, instrumented{slow()}, 0), should: transient},
		{name: "TLSHandshakeTimeout", err: get(t, "https://"+hang, slowTLS(), 0), should: transient},
		{name: "TLSHandshakeTimeout, instrumented", err: get(t, "https://"+hang, instrumented{slowTLS()}, 0), should: transient},
		{name: "unknown CA", err: get(t, secure.URL, plain(), 0), should: permanent},
		{name: "unknown CA, instrumented", err: get(t, secure.URL, instrumented{plain()}, 0), should: permanent},
		{name: "a TLS version that the server refuses", err: get(t, secure.URL, trusting, 0), should: permanent},
		{name: "https to an http port", err: get(t, strings.Replace(clear.URL, "http:", "https:", 1), plain(), 0), should: permanent},
		{name: "unsupported scheme", err: get(t, "foo://x", plain(), 0), should: permanent},
		{name: "no host", err: get(t, "http://", plain(), 0), should: permanent},
		{name: "header that is none", err: headerErr, should: permanent},
		{name: "URL that is none", err: parseErr, should: permanent},
		{name: "method that is none", err: mismatchErr, should: permanent},
		{name: "too many redirects", err: get(t, loop.URL, plain(), 0), should: permanent},
	})
}
