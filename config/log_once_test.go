package config

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// lockedBuffer is a buffer that goroutines share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// updates returns what the observers have logged of updates since it was called last.
func (l *lockedBuffer) updates() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, "pipeline updated") {
			lines = append(lines, line[strings.Index(line, "pipeline="):len(line)-1])
		}
	}
	l.b.Reset()
	return lines
}

// Whatever a reload changes, it stands in the log of the watcher once, in the watcher's words, and
// in another log once, in the observer's.
func TestEachFormOfAReloadIsLoggedOnce(t *testing.T) {
	var mine, theirs lockedBuffer
	was := slog.Default()
	t.Cleanup(func() { slog.SetDefault(was) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&mine, nil)))
	file := func(stages string) string { return "services: {a: {template: none, " + stages + "}}\n" }
	registry := holdfast.NewRegistry(resilience.NewLogObserver(nil), resilience.NewLogObserver(slog.New(slog.NewTextHandler(&theirs, nil))))
	s := follow(t, registry, file("retry: {}"))
	reloads := 1
	reload := func(stages string) {
		t.Helper()
		reloads++
		s.replace(file(stages))
		require.Eventually(t, func() bool { return s.watcher.Status().Reloads == uint64(reloads) }, 20*time.Second, ms)
	}
	for _, c := range []struct{ stages, want string }{
		{"retry: {max_retries: 5}", `"retry max retries 3 → 5"`},
		{"retry: {adaptive: {}}", `"retry max retries 5 → 3; retry adaptive off → on"`},
		{"retry: {adaptive: {window: 1m}}", `"retry adaptive window 30s → 1m0s"`},
		{"retry: {jitter: none}", `"retry jitter additive(0.3) → none; retry adaptive on → off"`},
		{"retry: {jitter: none}, attempt_deadline: 1s", `"deadline 1s added"`},
		{"retry: {jitter: none}, attempt_deadline: 1s, deadline: 2s", `"deadline 2s added"`},
		{"retry: {jitter: none}, attempt_deadline: 1s, deadline: 4s", `"deadline call: limit 2s → 4s"`},
		{"retry: {jitter: none}, attempt_deadline: 1s", `"deadline 4s removed"`},
		{"retry: {}, breaker: {}", `"retry jitter none → additive(0.3); breaker 50%/20 added; deadline 1s removed"`},
		{"retry: {}, breaker: {per: call}", `"pipeline order retry → breaker → breaker → retry"`},
		{"retry: {}, breaker: {per: call, open_for: 20s}", `"breaker a: open for 5s → 20s; breaker a: max open for 10s → 20s"`},
		{"retry: {}", `"breaker 50%/20 removed"`},
	} {
		reload(c.stages)
		require.Empty(t, mine.updates(), c.stages)
		require.Equal(t, []string{"pipeline=a changes=" + c.want}, theirs.updates())
	}
}

// A value that was set by hand is not in the file. That a reload replaces it stands in the log, and
// nothing else beside it.
func TestALogHasWhatAReloadUndoes(t *testing.T) {
	var mine lockedBuffer
	was := slog.Default()
	t.Cleanup(func() { slog.SetDefault(was) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&mine, nil)))
	registry := holdfast.NewRegistry(resilience.NewLogObserver(nil))
	s := follow(t, registry, "services: {a: {retry: {max_retries: 1}, budget: {ratio: 0.1}}}\n")
	a, ok := registry.Get("a")
	require.True(t, ok)
	_, err := a.Tune(context.Background(), holdfast.Tuning{Budget: func(c *budget.Config) { c.Ratio = 0.3 }})
	require.NoError(t, err)
	s.replace("services: {a: {retry: {max_retries: 2}, budget: {ratio: 0.1}}}\n")
	require.Eventually(t, func() bool { return s.watcher.Status().Reloads == 2 }, 20*time.Second, ms)
	require.Equal(t, []string{`pipeline=a changes="budget ratio 0.3 → 0.1"`}, mine.updates())
}
