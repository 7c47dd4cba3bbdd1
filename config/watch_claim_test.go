package config

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
)

// Pins: of two Watchers of one registry each would remove what the other put in, and both would say
// that their file is in force.
func TestARegistryFollowsOneFile(t *testing.T) {
	dir := realDir(t)
	one, two := dir+"/one.yaml", dir+"/two.yaml"
	write(t, one, "services: {a: {}}\n")
	write(t, two, "services: {b: {}}\n")
	r := holdfast.NewRegistry()
	w, err := Watch(t.Context(), one, r)
	require.NoError(t, err)
	for _, path := range []string{two, one} {
		other, err := Watch(t.Context(), path, r)
		require.EqualError(t, err, "config: the registry already follows "+one+"; want a registry of its own for "+path+", or that Watcher closed first")
		require.Nil(t, other)
	}
	require.NotNil(t, r.MustGet("a"))

	w.Close()
	w.Close()
	w, err = Watch(t.Context(), two, r)
	require.NoError(t, err)
	first := w.Reloads()[0]
	require.Equal(t, []string{"b"}, first.Added)
	require.Equal(t, []string{"a"}, first.Removed, "of the file before")
	w.Close()
}

// The registry is free again if Watch fails, and once the watching has ended, in whichever way.
func TestARegistryIsFreeAgain(t *testing.T) {
	dir := realDir(t)
	good, bad := dir+"/good", dir+"/bad"
	write(t, good, "a 1\n")
	write(t, bad, "a")
	r := holdfast.NewRegistry()
	watching := func(path string, load func([]byte) (holdfast.ServiceSet, error)) (*Watcher, error) {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		return watch(ctx, path, optionsFor(t, WithDebounce(ms)), load, r)
	}
	for _, path := range []string{bad, dir + "/none"} {
		_, err := watching(path, lines)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "already follows")
	}
	require.PanicsWithValue(t, "load", func() {
		_, _ = watching(good, func([]byte) (holdfast.ServiceSet, error) { panic("load") })
	})
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(panics{before.Handler()}))
	require.PanicsWithValue(t, "log", func() {
		o := optionsFor(t)
		o.connect = func() (*fsnotify.Watcher, error) { return nil, errors.New("too many open files") }
		_, _ = watch(t.Context(), good, o, lines, r)
	})
	slog.SetDefault(before)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := watch(ctx, good, optionsFor(t, WithDebounce(ms)), lines, r)
	require.NoError(t, err)
	cancel()
	w.Wait()
	w, err = watching(good, lines)
	require.NoError(t, err)
	w.Close()
	require.NotContains(t, claims.paths, r, "nothing is kept")
}

// panics is a log that panics.
type panics struct{ slog.Handler }

func (panics) Handle(context.Context, slog.Record) error { panic("log") }

// Of many that want one registry at once, one gets it.
func TestManyWantOneRegistry(t *testing.T) {
	path := realDir(t) + "/services.yaml"
	write(t, path, "services: {a: {}}\n")
	r := holdfast.NewRegistry()
	var mu sync.Mutex
	var got []*Watcher
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if w, err := Watch(t.Context(), path, r); err == nil {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, w)
			}
		})
	}
	all.Wait()
	require.Len(t, got, 1)
	got[0].Close()
}

// Two registries on one file: each has all of it, and says so.
func TestTwoRegistriesOnOneFile(t *testing.T) {
	dir := realDir(t)
	path := filepath.Join(dir, "services.yaml")
	write(t, path, retries(1))
	var sites []*site
	for range 2 {
		s := &site{T: t, dir: dir, file: path, registry: holdfast.NewRegistry(), reloads: make(chan Reload, 10)}
		w, err := Watch(t.Context(), path, s.registry, WithDebounce(ms), WithPoll(ms), WithOnReload(func(r Reload) { s.reloads <- r }))
		require.NoError(t, err)
		t.Cleanup(w.Close)
		s.watcher = w
		sites = append(sites, s)
	}
	sites[0].replace(retries(2))
	for _, s := range sites {
		r := s.next()
		require.Len(t, r.Changes, 1)
		require.Equal(t, []string{"a"}, r.Changed)
		require.WithinDuration(t, time.Now(), s.watcher.Status().Applied, time.Minute)
	}
}
