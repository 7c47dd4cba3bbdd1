package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
)

func TestWatchRefuses(t *testing.T) {
	dir := realDir(t)
	good, broken := filepath.Join(dir, "good"), filepath.Join(dir, "broken")
	write(t, good, "a 1\n")
	write(t, broken, "b")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		path string
		want string
	}{
		"no file":       {t.Context(), filepath.Join(dir, "none"), "none: no such file or directory"},
		"a directory":   {t.Context(), dir, "want a regular file"},
		"a broken file": {t.Context(), broken, "a broken line: b"},
		"an ended ctx":  {ended, good, "good: context canceled"},
	} {
		r := holdfast.NewRegistry()
		w, err := watch(c.ctx, c.path, optionsFor(t), lines, r)
		require.ErrorContains(t, err, c.want, name)
		require.Nil(t, w, name)
		require.Nil(t, r.Applied(), name)
	}
	_, err := Watch(t.Context(), good, nil)
	require.EqualError(t, err, "config: the registry to watch for is nil; want one made by holdfast.NewRegistry")
	require.PanicsWithValue(t, "load", func() {
		_, _ = watch(t.Context(), good, optionsFor(t), func([]byte) (holdfast.ServiceSet, error) { panic("load") }, nil)
	})
	require.Zero(t, inotifies(t), "nothing stays open")
}

// inotifies returns how many inotify descriptors the process has; 0 on a system that does not show
// them.
func inotifies(t *testing.T) (n int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(target, "inotify") {
			n++
		}
	}
	return n
}

func TestWatchingEnds(t *testing.T) {
	s := plainSite(t)
	if runtime.GOOS == "linux" {
		require.Equal(t, 1, inotifies(t))
	}
	s.stop()
	require.Zero(t, inotifies(t))
	write(t, s.file, "a 9\n")
	require.Equal(t, "1", s.retries("a"))
	s.watcher.Wait() // again
}

// Wait waits for an OnReload that runs. None is called after it.
func TestWaitWaitsForOnReload(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	times, returned := 0, 0 // without a lock: Wait synchronizes
	s := plainSite(t, WithOnReload(func(Reload) {
		if times++; times == 1 {
			close(entered)
			<-release
			for range 100 {
				runtime.Gosched() // a Wait that does not wait would return now
			}
		}
		returned++
	}))
	s.replace("a 2\n")
	<-entered
	s.replace("a 3\n")
	go close(release)
	s.stop()
	require.Equal(t, times, returned)
}

// capture makes slog.Default write to the returned buffer until the test ends.
func capture(t *testing.T) func() string {
	t.Helper()
	var mu sync.Mutex
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Pins: a panic on the watcher's goroutine ends neither the process nor the watching.
func TestPanicsAreLogged(t *testing.T) {
	log := capture(t)
	s := plainSite(t, WithOnReload(func(r Reload) {
		if r.Err == nil {
			panic("told")
		}
	}))
	s.replace("a 2\n")
	require.Equal(t, []string{"a"}, s.next().Changed)
	require.NoError(t, s.registry.Amend("b", func([]resilience.Stage) []resilience.Stage { panic("amended") }))
	s.replace("a 3\nb 1\n")
	r := s.next()
	require.EqualError(t, r.Err, "config: "+s.file+": panic while reloading: amended")
	require.Equal(t, "2", s.retries("a"))
	s.replace("a 4\n")
	require.Equal(t, []string{"a"}, s.next().Changed)
	s.stop()
	require.Contains(t, log(), "a reload function panicked")
	require.Contains(t, log(), "panic=told")
	require.Contains(t, log(), "panic=amended")
	require.Contains(t, log(), "TestPanicsAreLogged.func1", "where it was")
}

func TestWithoutOnReloadItIsLogged(t *testing.T) {
	log := capture(t)
	dir := realDir(t)
	file := filepath.Join(dir, "services")
	write(t, file, "a 1\n")
	ctx, cancel := context.WithCancel(t.Context())
	w, err := watch(ctx, file, optionsFor(t, WithDebounce(ms)), lines, holdfast.NewRegistry())
	require.NoError(t, err)
	for content, want := range map[string]string{"b 2\n": "added=[b]", "x": "configuration file refused; the last good one stays in force"} {
		write(t, filepath.Join(dir, "new"), content)
		require.NoError(t, os.Rename(filepath.Join(dir, "new"), file))
		require.Eventually(t, func() bool { return strings.Contains(log(), want) }, 20*time.Second, ms)
	}
	require.Contains(t, log(), "a broken line: x")
	cancel()
	w.Wait()
}

// A system that has run out of watches does not keep a program from starting: the file is polled.
func TestWithoutNotifications(t *testing.T) {
	log := capture(t)
	s := plainSite(t, WithPoll(ms), watchOption(func(o *options) {
		o.connect = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
	}))
	for i := 2; i < 5; i++ {
		s.replace(fmt.Sprintf("a %d\n", i))
		require.Equal(t, []string{"a"}, s.next().Changed)
	}
	require.Equal(t, 1, strings.Count(log(), "too many open files"))
	require.Contains(t, log(), "every=1ms")
}

// Pins: the warning does not speak of polling if nothing polls.
func TestWithoutNotificationsAndPolling(t *testing.T) {
	log := capture(t)
	plainSite(t, WithPoll(-1), watchOption(func(o *options) {
		o.connect = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
	}))
	require.Contains(t, log(), "polling is off")
	require.Contains(t, log(), "WithPoll")
	require.NotContains(t, log(), "every=")
}

// Pins: an overflow means that a change was missed, so it counts as a change.
func TestAnOverflowIsLookedInto(t *testing.T) {
	system := &fsnotify.Watcher{Events: make(chan fsnotify.Event), Errors: make(chan error)}
	n := &notifier{C: make(chan struct{}, 1), system: system}
	n.pump.Go(n.forward)
	for range 3 { // never blocks
		system.Errors <- fsnotify.ErrEventOverflow
	}
	<-n.C
	system.Events <- fsnotify.Event{}
	<-n.C
	close(system.Events)
	close(system.Errors)
	n.pump.Wait()
}
