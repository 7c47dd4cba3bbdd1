package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What is written while an OnReload runs is applied afterwards: only the last version of it.
func TestASlowOnReloadLosesNothing(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	first := true // on the watcher's goroutine
	s := plainSite(t, WithDebounce(ms), WithOnReload(func(Reload) {
		if first {
			first = false
			close(entered)
			<-release
		}
	}))
	goOn := sync.OnceFunc(func() { close(release) })
	t.Cleanup(goOn) // runs before the site's own cleanup, which waits
	s.replace("a 2\n")
	<-entered
	require.Equal(t, []string{"a"}, s.next().Changed)
	require.Equal(t, "2", s.retries("a"), "it is in force before it is told")
	for _, content := range []string{"a 3\n", "a 4\n", "a 5\n"} {
		s.replace(content)
	}
	goOn()
	require.Equal(t, []string{"a"}, s.next().Changed)
	require.Equal(t, "5", s.retries("a"))
	s.stop()
	require.Empty(t, s.reloads, "those in between were never looked at")
}

// The file changes while it is loaded for the first time: Watch applies the old one, and then the
// new one.
func TestAChangeDuringTheFirstLoad(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "services")
	write(t, file, "a 1\n")
	reloads, first := make(chan Reload, 10), true
	ctx, cancel := context.WithCancel(t.Context())
	w, err := watch(ctx, file, optionsFor(t, WithDebounce(ms), WithPoll(-1), WithOnReload(func(r Reload) { reloads <- r })),
		func(content []byte) (holdfast.ServiceSet, error) {
			if first {
				first = false
				write(t, file+".new", "a 2\n")
				require.NoError(t, os.Rename(file+".new", file))
			}
			return lines(content)
		}, holdfast.NewRegistry())
	require.NoError(t, err)
	select {
	case r := <-reloads:
		require.Equal(t, []string{"a"}, r.Changed)
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it was not noticed")
	}
	cancel()
	w.Wait()
}

// A ctx ends while a file is applied: that reload finishes and is reported, and no other follows.
func TestCtxEndsWhileApplying(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "services")
	write(t, file, "a 1\n")
	ctx, cancel := context.WithCancel(t.Context())
	r, told, loads := holdfast.NewRegistry(), 0, 0
	w, err := watch(ctx, file, optionsFor(t, WithDebounce(ms), WithPoll(ms), WithOnReload(func(Reload) { told++ })),
		func(content []byte) (holdfast.ServiceSet, error) {
			if loads++; loads == 2 {
				cancel()
				write(t, file+".new", "a 3\n")
				require.NoError(t, os.Rename(file+".new", file))
			}
			return lines(content)
		}, r)
	require.NoError(t, err)
	write(t, file+".new", "a 2\n")
	require.NoError(t, os.Rename(file+".new", file))
	w.Wait()
	require.Equal(t, 2, loads)
	require.Equal(t, 1, told)
	c, _ := r.MustGet("a").Stages()[0].(retry.Config)
	require.Equal(t, 2, c.MaxRetries)
}

// A link that leads to itself is an error that is reported once; resolving it ends.
func TestALinkThatLeadsToItself(t *testing.T) {
	s := plainSite(t, WithDebounce(ms), WithPoll(ms))
	s.remove(s.file)
	require.ErrorIs(t, s.next().Err, os.ErrNotExist)
	symlink(t, "services", s.file)
	require.ErrorContains(t, s.next().Err, "too many")
	s.remove(s.file)
	require.ErrorIs(t, s.next().Err, os.ErrNotExist)
	s.replace("a 2\n")
	require.Equal(t, []string{"a"}, s.next().Changed)
}

// Pins: if a file is removed or replaced while it is read, the error is the same as if that had
// happened before. Two different errors would be two Reloads.
func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	remove := func(t *testing.T, path string) {
		t.Helper()
		require.NoError(t, os.Remove(path))
	}
	for name, c := range map[string]struct {
		steps []func(t *testing.T, path string) // before it is opened for the first time, the second...
		want  string
	}{
		"removed":    {[]func(*testing.T, string){remove}, "config: stat services: no such file or directory"},
		"a folder":   {[]func(*testing.T, string){func(t *testing.T, path string) { t.Helper(); remove(t, path); mkdir(t, path) }}, "config: services is a directory; want a regular file"},
		"no mistake": {[]func(*testing.T, string){nil}, ""},
		"back again": {[]func(*testing.T, string){remove, nil}, ""},
	} {
		file := filepath.Join(realDir(t), "services")
		write(t, file, "a 1\n")
		opened := 0
		content, err := readBy(func(path string) (*os.File, error) {
			if step := c.steps[opened]; step != nil {
				step(t, path)
			}
			opened++
			f, err := os.Open(path)
			if err != nil && opened < len(c.steps) {
				write(t, path, "a 1\n")
			}
			return f, err
		}, file, "services")
		require.Equal(t, len(c.steps), opened, name)
		if c.want == "" {
			require.NoError(t, err, name)
			require.Equal(t, "a 1\n", string(content), name)
		} else {
			require.EqualError(t, fmt.Errorf("config: %w", err), c.want, name)
		}
	}
}

// A file that cannot be opened is tried maxLooks times, and the error says why it failed.
func TestAFileThatCannotBeOpened(t *testing.T) {
	file, tries := filepath.Join(realDir(t), "services"), 0
	write(t, file, "a 1\n")
	_, err := readBy(func(path string) (*os.File, error) {
		tries++
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrPermission}
	}, file, "services")
	require.EqualError(t, err, "open services: permission denied")
	require.Equal(t, maxLooks, tries)
}
