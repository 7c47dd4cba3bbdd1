package browsertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/holdfastdash"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/breaker"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/deadline"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// made returns a pipeline with a budget and a breaker.
func made(t *testing.T, name string) *holdfast.Pipeline {
	t.Helper()
	p, err := holdfast.New(name,
		deadline.In(time.Second),
		budget.Config{Ratio: 0.1, Floor: 1},
		retry.Config{MaxRetries: 2, BaseDelay: time.Millisecond, MaxDelay: time.Millisecond},
		breaker.Config{OpenFor: time.Minute},
	)
	require.NoError(t, err)
	return p
}

// named returns pipelines with these names.
func named(t *testing.T, names ...string) (pipelines []*holdfast.Pipeline) {
	t.Helper()
	for _, name := range names {
		pipelines = append(pipelines, made(t, name))
	}
	return pipelines
}

// allow is an authorizer that allows everyone.
func allow() holdfastdash.Option {
	return holdfastdash.WithAuthorizer(func(*http.Request) (string, error) { return "ada", nil })
}

// dashboard returns a handler that samples often, so that the tests are fast.
func dashboard(t *testing.T, pipelines []*holdfast.Pipeline, opts ...holdfastdash.Option) *holdfastdash.Dashboard {
	t.Helper()
	opts = append([]holdfastdash.Option{
		holdfastdash.WithLogger(slog.New(slog.DiscardHandler)),
		holdfastdash.WithInterval(200 * time.Millisecond),
	}, opts...)
	d, err := holdfastdash.Handler(pipelines, opts...)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// serve serves h, and returns its address with a slash at the end.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL + "/"
}

// telling serves the page with a stream that the test writes: each value of frames is sent
// unchanged. The stream stays open.
func telling(t *testing.T, frames ...string) string {
	t.Helper()
	return serve(t, saying(t, frames...))
}

// saying is the handler of telling.
func saying(t *testing.T, frames ...string) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", dashboard(t, named(t, "other"), allow()))
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, f := range frames {
			_, _ = io.WriteString(w, f+"\n\n")
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	return mux
}

// hello is a frame that introduces one pipeline with one sample, three times.
func hello(name, sample string) string {
	return fmt.Sprintf(`event: hello`+"\n"+`data: {"dropped":0,"title":"Holdfast","interval_seconds":60,"unix_ms":1700000000000,"history":60,`+
		`"pipelines":[{"name":%q,"chain":"retry 3×","samples":[%s,null,null]}]}`, name, sample)
}

var errDown = resilience.MarkTransient(errors.New("down"))

// traffic makes calls through every pipeline until the test ends. fails says whose calls fail.
func traffic(t *testing.T, pipelines []*holdfast.Pipeline, fails func(name string) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		pace := time.NewTicker(100 * time.Millisecond)
		defer pace.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			for _, p := range pipelines {
				err := error(nil)
				if fails(p.Name()) {
					err = errDown
				}
				_ = p.Do(ctx, func(context.Context) error { return err }) // the page shows what becomes of it
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func none(string) bool { return false }
