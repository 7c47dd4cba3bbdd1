package config

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// What is written while an OnReload takes its time is taken afterwards: the last of it, and nothing of what is past.
func TestASlowOnReloadLosesNothing(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	first := true // on the watcher's goroutine
	s := plainSite(t, Debounce(ms), OnReload(func(Reload) {
		if first {
			first = false
			close(entered)
			<-release
		}
	}))
	goOn := sync.OnceFunc(func() { close(release) })
	t.Cleanup(goOn) // before the site's own cleanup, which waits
	write(t, s.at("new"), "a 2\n")
	s.rename(s.at("new"), s.file)
	<-entered
	require.Equal(t, "2", s.retries("a"), "it is in force before it is told")
	for _, content := range []string{"a 3\n", "a 4\n", "a 5\n"} {
		write(t, s.at("new"), content)
		s.rename(s.at("new"), s.file)
	}
	goOn()
	s.becomes("5")
	s.stop()
	close(s.reloads)
	told := 0
	for range s.reloads {
		told++
	}
	require.LessOrEqual(t, told, 1, "those in between were never looked at")
}

// The file changes while it is loaded for the first time: Watch takes the old one, and then notices.
func TestAChangeDuringTheFirstLoad(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "services")
	write(t, file, "a 1\n")
	reloads, first := make(chan Reload, 10), true
	ctx, cancel := context.WithCancel(t.Context())
	w, err := watch(ctx, file, newOptions([]Option{Debounce(ms), Poll(-1), OnReload(func(r Reload) { reloads <- r })}).watching,
		func(content []byte) (holdfast.ServiceSet, error) {
			if first {
				first = false
				write(t, file+".new", "a 2\n")
				require.NoError(t, os.Rename(file+".new", file))
			}
			return lines(content)
		}, holdfast.NewRegistry().Reconcile)
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

// A ctx that ends while a file is being applied: that is finished and told, and nothing after it.
func TestCtxEndsWhileApplying(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "services")
	write(t, file, "a 1\n")
	ctx, cancel := context.WithCancel(t.Context())
	r, told, loads := holdfast.NewRegistry(), 0, 0
	w, err := watch(ctx, file, newOptions([]Option{Debounce(ms), Poll(ms), OnReload(func(Reload) { told++ })}).watching,
		func(content []byte) (holdfast.ServiceSet, error) {
			if loads++; loads == 2 {
				cancel()
				write(t, file+".new", "a 3\n")
				require.NoError(t, os.Rename(file+".new", file))
			}
			return lines(content)
		}, r.Reconcile)
	require.NoError(t, err)
	write(t, file+".new", "a 2\n")
	require.NoError(t, os.Rename(file+".new", file))
	w.Wait()
	require.Equal(t, 2, loads)
	require.Equal(t, 1, told)
	c, _ := r.MustGet("a").Stages()[0].(retry.Config)
	require.Equal(t, 2, c.MaxRetries)
}

// A link that leads to itself is an error that is told once, and looking at it ends.
func TestALinkThatLeadsToItself(t *testing.T) {
	s := plainSite(t, Debounce(ms), Poll(ms))
	s.remove(s.file)
	require.ErrorIs(t, s.next().Err, os.ErrNotExist)
	symlink(t, "services", s.file)
	require.ErrorContains(t, s.next().Err, "too many")
	s.remove(s.file)
	require.ErrorIs(t, s.next().Err, os.ErrNotExist)
	write(t, s.at("new"), "a 2\n")
	s.rename(s.at("new"), s.file)
	require.Equal(t, []string{"a"}, s.next().Changed)
}
