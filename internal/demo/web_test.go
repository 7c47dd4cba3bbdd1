package demo

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast/internal/cli"
)

// patience is how long a test waits for what is to happen, on a machine that has more to do.
const patience = time.Minute

// quick is the Config of a round of a tenth of a second.
func quick() Config {
	c := Round()
	c.Healthy, c.Outage, c.Recovery = 30*ms, 30*ms, 40*ms
	c.Rate = 500
	return c
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func get(t *testing.T, url, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func TestWebServesThePageAndTheMetrics(t *testing.T) {
	var log lines
	w, err := StartWeb(t.Context(), quick(), "127.0.0.1:0", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer w.Close()

	status, page := get(t, w.URL(), "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "<html")

	require.Eventually(t, func() bool { return strings.Count(log.String(), "outage") >= 2 }, patience, 10*ms,
		"the outage comes again")
	metrics := ""
	for _, service := range []string{"payments", "auth", "search"} {
		success := `holdfast_calls_total{outcome="success",pipeline="` + service + `",reason="none"}`
		require.Eventually(t, func() bool {
			_, metrics = get(t, w.URL()+"metrics", "")
			return strings.Contains(metrics, success)
		}, patience, 10*ms, "a busy machine may need more rounds for it")
	}
	for _, p := range w.Pipelines() {
		require.NotZero(t, p.Snapshot().Calls, p.Name())
		require.Contains(t, p.String(), "bulkhead")
	}

	status, refusal := get(t, w.URL(), "evil.example:80")
	require.Equal(t, http.StatusForbidden, status, "a name that was made to point here")
	require.Contains(t, refusal, `host "evil.example:80"`)
	status, _ = get(t, w.URL(), "localhost:1")
	require.Equal(t, http.StatusOK, status)
}

func TestNothingOfWebIsLeft(t *testing.T) {
	w, err := StartWeb(t.Context(), quick(), "127.0.0.1:0", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	p := w.Pipelines()[0]
	require.Eventually(t, func() bool { return p.Snapshot().Calls > 0 }, patience, ms)
	w.Close()
	require.Zero(t, p.Snapshot().Live)
	require.ErrorIs(t, w.listener.Close(), net.ErrClosed, "it was closed, so the port is free again")
}

func TestWebListensOnTheLoopbackInterfaceOnly(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:0":     `address "0.0.0.0:0" is not on the loopback interface; want one that is, such as 127.0.0.1:8642`,
		":0":            `address ":0" is not on the loopback interface`,
		"example.com:1": `address "example.com:1" is not on the loopback interface`,
		"localhost":     `address "localhost": `,
	} {
		_, err := StartWeb(t.Context(), quick(), addr, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, want)
	}
}

func TestWebAsACommand(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close() //nolint:errcheck // nothing is left to lose

	var stdout, stderr lines
	require.Equal(t, cli.Failure, runDemo(t.Context(), []string{"-web", "-addr", taken.Addr().String()}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "another address can be given by -addr")

	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int)
	go func() { code <- runDemo(ctx, []string{"-web", "-addr", "127.0.0.1:0"}, &stdout, &stderr) }()
	require.Eventually(t, func() bool { return strings.Contains(stdout.String(), "The dashboard is at http://127.0.0.1:") }, patience, ms)
	interrupt()
	require.Equal(t, cli.OK, <-code)

	for _, args := range [][]string{{"-web", "-short"}, {"-web", "-json"}, {"-addr", "127.0.0.1:0"}} {
		require.Equal(t, cli.Misuse, runDemo(t.Context(), args, &stdout, &stderr), args)
	}
}
