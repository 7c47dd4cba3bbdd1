package config

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

// Pins: a program that returns before its ctx ends does not hang. Its deferred Close runs before
// the stop that was deferred earlier.
func TestCloseEndsTheUsualProgram(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "services.yaml")
	write(t, file, "services: {payments: {}}")
	var watcher *Watcher
	run := func() error {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		w, err := Watch(ctx, file, holdfast.NewRegistry())
		if err != nil {
			return err
		}
		defer w.Close()
		watcher = w
		return nil
	}
	over := make(chan error)
	go func() { over <- run() }()
	select {
	case err := <-over:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.FailNow(t, "Close waits for a ctx that nobody ends")
	}
	require.Zero(t, inotifies(t))
	watcher.Wait() // returns too
	watcher.Close()
}

// Close may be called again and by several goroutines, before and after ctx has ended.
func TestCloseAgain(t *testing.T) {
	s := plainSite(t, WithDebounce(ms), WithPoll(ms))
	var all sync.WaitGroup
	for range 4 {
		all.Go(s.watcher.Close)
	}
	s.watcher.Wait()
	all.Wait()
	write(t, s.file, "a 2\n")
	s.watcher.Close()
	s.stop() // ends ctx
	s.watcher.Close()
	require.Equal(t, "1", s.retries("a"), "what is in force stays")
	require.Empty(t, s.reloads)
}

// Close waits for an OnReload that runs. After it nothing is applied, and none is called.
func TestCloseWaitsForOnReload(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	entries, returns := 0, 0 // without a lock: Close synchronizes
	s := plainSite(t, WithDebounce(ms), WithOnReload(func(Reload) {
		if entries++; entries == 1 {
			close(entered)
			<-release
			for range 100 {
				runtime.Gosched() // a Close that does not wait would return now
			}
		}
		returns++
	}))
	s.replace("a 2\n")
	<-entered
	s.replace("a 3\n")
	stop := s.watcher.stop
	s.watcher.stop = func() { // a Close has begun: OnReload must not be called any more
		stop()
		close(release)
	}
	s.watcher.Close()
	s.watcher.stop = stop
	require.Equal(t, 1, entries)
	require.Equal(t, 1, returns)
	require.Equal(t, "2", s.retries("a"))
}

// An OnReload ends the watching as the documentation says.
func TestCloseFromOnReload(t *testing.T) {
	var s *site
	ready := make(chan struct{})
	s = plainSite(t, WithDebounce(ms), WithOnReload(func(Reload) {
		<-ready
		go s.watcher.Close()
	}))
	close(ready)
	s.replace("a 2\n")
	s.watcher.Wait()
	require.Equal(t, "2", s.retries("a"))
}

// Err says why the file is not in force, as long as it is not. It is set before OnReload is called.
func TestErrIsThatOfTheFileAsItIs(t *testing.T) {
	var s *site
	ready, seen := make(chan struct{}), make(chan error, 100)
	s = plainSite(t, WithPoll(ms), WithOnReload(func(Reload) {
		<-ready
		seen <- s.watcher.Err()
	}))
	require.NoError(t, s.watcher.Err())
	close(ready)
	step := func(change func()) error {
		change()
		r := s.next()
		require.Equal(t, r.Err, <-seen)
		require.Equal(t, r.Err, s.watcher.Err())
		return r.Err
	}
	replace := func(content string) func() { return func() { s.replace(content) } }
	require.ErrorContains(t, step(replace("broken")), "a broken line")
	require.NoError(t, step(replace("a 1\n")), "the same as what is in force")
	require.ErrorIs(t, step(func() { s.remove(s.file) }), os.ErrNotExist)
	require.ErrorContains(t, step(replace("a -7\n")), "MaxRetries", "what the registry refuses")
	require.NoError(t, step(replace("a 2\n")))
	require.ErrorContains(t, step(replace("broken again")), "broken again")
	s.stop()
	require.ErrorContains(t, s.watcher.Err(), "broken again", "it is as it was when the watching ended")
}

// Pins: every error names the file by the path that was given to Watch.
func TestErrorsCallTheFileAsItWasGiven(t *testing.T) {
	dir := realDir(t)
	mkdir(t, filepath.Join(dir, "conf"))
	t.Chdir(dir)
	path := filepath.Join("conf", "services.yaml")
	r := holdfast.NewRegistry()
	replace := func(content string) {
		write(t, "new", content)
		require.NoError(t, os.Rename("new", path))
	}
	refused := func(want string) {
		t.Helper()
		w, err := Watch(t.Context(), path, r)
		require.Nil(t, w)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), dir)
	}
	refused("config: stat " + path + ": no such file or directory")
	replace(" ")
	refused("config: " + path + " is empty")
	replace("services: 5")
	refused(path + ":1:11: services is 5")
	mkdir(t, "folder")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Rename("folder", path))
	refused("config: " + path + " is a directory; want a regular file")
	require.NoError(t, os.Remove(path))

	replace("services: {a: {}}")
	reloads := make(chan Reload, 10)
	w, err := Watch(t.Context(), path, r, WithDebounce(ms), WithOnReload(func(r Reload) { reloads <- r }))
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, os.Remove(path))
	missing := (<-reloads).Err
	require.EqualError(t, missing, "config: stat "+path+": no such file or directory")
	require.ErrorIs(t, missing, os.ErrNotExist)
	replace("\n")
	require.EqualError(t, (<-reloads).Err, "config: "+path+" is empty; want services, or `services: {}` for none")
}
