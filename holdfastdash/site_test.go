package holdfastdash

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func newPipeline(t testing.TB, name string, stages ...resilience.Stage) *holdfast.Pipeline {
	t.Helper()
	if len(stages) == 0 {
		stages = holdfast.Standard()
	}
	p, err := holdfast.New(name, stages...)
	require.NoError(t, err)
	return p
}

// newDashboard returns a dashboard that logs nothing and is closed at the test's end.
func newDashboard(t testing.TB, pipelines []*holdfast.Pipeline, opts ...Option) *Dashboard {
	t.Helper()
	d, err := Handler(pipelines, append([]Option{WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// pass lets time pass. Call it only in a bubble, where that takes no real time.
func pass(d time.Duration) { <-time.After(d) }

// call makes a call that takes the given time and ends with err.
func call(t testing.TB, p *holdfast.Pipeline, takes time.Duration, err error) {
	t.Helper()
	got := p.Do(t.Context(), func(context.Context) error {
		if takes > 0 {
			pass(takes)
		}
		return err
	})
	require.Equal(t, err == nil, got == nil, "%v", got)
}

// pipes is a network inside a bubble. Its connections have no buffers, so a writer blocks until the
// other side reads.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// serve serves h in a bubble, and returns a client that reaches it under any name.
func serve(t *testing.T, h http.Handler, limits func(*http.Server)) *http.Client {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	if limits != nil {
		limits(server)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	transport := &http.Transport{DialContext: l.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		running.Wait()
	})
	return &http.Client{Transport: transport}
}

// message is a received event.
type message struct{ event, data string }

// browser reads a stream of events.
type browser struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

func connect(t *testing.T, client *http.Client, url string) *browser {
	t.Helper()
	resp := request(t, client, http.MethodGet, url)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	b := &browser{body: resp.Body, lines: bufio.NewScanner(resp.Body)}
	b.lines.Buffer(nil, 64<<20)
	t.Cleanup(b.close)
	return b
}

func (b *browser) close() { _ = b.body.Close() }

// next returns the next event, or io.EOF when the stream ends.
func (b *browser) next() (m message, err error) {
	for b.lines.Scan() {
		switch line := b.lines.Text(); {
		case strings.HasPrefix(line, "event: "):
			m.event = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			m.data = line[len("data: "):]
		case line == "":
			return m, nil
		default:
			return m, errors.New("not an event: " + line)
		}
	}
	return m, io.EOF
}

// wants reads the next event, which must have that name, into v.
func (b *browser) wants(t *testing.T, event string, v any) {
	t.Helper()
	m, err := b.next()
	require.NoError(t, err)
	require.Equal(t, event, m.event, m.data)
	require.NoError(t, json.Unmarshal([]byte(m.data), v), m.data)
}

// until skips events until one has that name, and reads it into v.
func (b *browser) until(t *testing.T, event string, v any) {
	t.Helper()
	for {
		m, err := b.next()
		require.NoError(t, err)
		if m.event == event {
			require.NoError(t, json.Unmarshal([]byte(m.data), v), m.data)
			return
		}
	}
}

// parsed decodes the data of m.
func parsed[T any](t *testing.T, m message) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(m.data), &v), m.data)
	return v
}

// greeting and tick are the messages that a page reads.
type greeting struct {
	Title     string
	Interval  float64 `json:"interval_seconds"`
	Time      int64   `json:"unix_ms"`
	History   int
	Dropped   int
	Pipelines []struct {
		Name, Chain string
		Samples     []*sample
		Latest      latest
	}
}

type tick struct {
	Time    int64 `json:"unix_ms"`
	Dropped int
	Viewers int
	Samples map[string]sample
	Latest  map[string]latest
}

func request(t *testing.T, client *http.Client, method, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	resp, err := client.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// decoded decodes a hello as the history keeps it.
func decoded(t testing.TB, f frame) (g greeting) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte("{"+string(f.data)), &g))
	return g
}

// last returns the newest sample of a hello's only pipeline.
func last(t testing.TB, f frame) sample {
	t.Helper()
	samples := decoded(t, f).Pipelines[0].Samples
	for i := len(samples) - 1; i >= 0; i-- {
		if samples[i] != nil {
			return *samples[i]
		}
	}
	return sample{}
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func newLog() *logged { return new(logged) }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) count(s string) int { return strings.Count(l.String(), s) }
