package config

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// lines reads a file in a simple format of its own: each line has a service and its number of
// retries. The format makes no difference to the watching.
func lines(content []byte) (holdfast.ServiceSet, error) {
	set := holdfast.Services{}
	for line := range strings.Lines(string(content)) {
		name, number, ok := strings.Cut(strings.TrimSpace(line), " ")
		retries, err := strconv.Atoi(number)
		if !ok || err != nil {
			return nil, fmt.Errorf("a broken line: %s", line)
		}
		set[name] = []resilience.Stage{retry.Config{MaxRetries: retries}}
	}
	return set, nil
}

// site is a watched file.
type site struct {
	*testing.T
	dir, file string
	registry  *holdfast.Registry
	reloads   chan Reload
	watcher   *Watcher
	stop      func()
}

// watchFile watches a file under dir that says "a 1". Its debounce is long enough for what a test
// does at once, and short enough to wait for.
func watchFile(t *testing.T, dir string, names []string, options ...WatchOption) *site {
	t.Helper()
	s := &site{
		T: t, dir: dir, file: filepath.Join(append([]string{dir}, names...)...),
		registry: holdfast.NewRegistry(), reloads: make(chan Reload, 1000),
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := optionsFor(t, append([]WatchOption{WithDebounce(30 * ms), WithPoll(-1), WithOnReload(func(r Reload) { s.reloads <- r })}, options...)...)
	w, err := watch(ctx, s.file, o, lines, s.registry)
	require.NoError(t, err)
	s.watcher = w
	s.stop = func() { cancel(); w.Wait() }
	t.Cleanup(s.stop)
	require.Equal(t, "1", s.retries("a"), "the file is applied when Watch returns")
	return s
}

// plainSite is a file in a directory.
func plainSite(t *testing.T, options ...WatchOption) *site {
	t.Helper()
	dir := realDir(t)
	write(t, filepath.Join(dir, "services"), "a 1\n")
	return watchFile(t, dir, []string{"services"}, options...)
}

func (s *site) at(names ...string) string { return filepath.Join(append([]string{s.dir}, names...)...) }

func (s *site) retries(name string) string {
	p, ok := s.registry.Get(name)
	if !ok {
		return "none"
	}
	c, _ := p.Stages()[0].(retry.Config)
	return strconv.Itoa(c.MaxRetries)
}

// next returns the next Reload.
func (s *site) next() Reload {
	s.Helper()
	select {
	case r := <-s.reloads:
		require.Equal(s, s.file, r.Path)
		require.WithinDuration(s, time.Now(), r.At, time.Minute)
		return r
	case <-time.After(20 * time.Second):
		require.FailNow(s, "no reload was told")
		return Reload{}
	}
}

// becomes waits until a file with so many retries was applied. If a change takes several steps,
// there may be reloads in between.
func (s *site) becomes(retries string) {
	s.Helper()
	for s.retries("a") != retries {
		s.next()
	}
}

// replace changes the file in one step. A file that is written in place is empty between two steps.
// If the machine stalls there for longer than the debounce, that is a Reload of its own.
func (s *site) replace(content string) {
	s.Helper()
	write(s.T, s.at("new"), content)
	s.rename(s.at("new"), s.file)
}

func (s *site) rename(from, to string) {
	s.Helper()
	require.NoError(s, os.Rename(from, to))
}

func (s *site) remove(path string) {
	s.Helper()
	require.NoError(s, os.RemoveAll(path))
}

func TestAReloadSaysWhatChanged(t *testing.T) {
	s := plainSite(t)
	s.replace("a 1\nb 2\nc 3\n")
	r := s.next()
	require.NoError(t, r.Err)
	require.Equal(t, []string{"b", "c"}, r.Added)
	s.replace("a 2\nc 3\n")
	r = s.next()
	require.Equal(t, []string{"a"}, r.Changed)
	require.Equal(t, []string{"b"}, r.Removed)
	require.Empty(t, r.Added)
}

// The burst itself is tested in a bubble (TestABurstIsOneCheck); here a machine that stalls may
// divide it, and no two reloads are closer than the debounce.
func TestABurstIsFewReloads(t *testing.T) {
	const debounce = 200 * ms
	s, start := plainSite(t, WithDebounce(debounce)), time.Now()
	for i := range 100 {
		s.replace(fmt.Sprintf("a %d\n", 100+i))
	}
	reloads := 0
	for s.retries("a") != "199" || reloads == 0 {
		require.NoError(t, s.next().Err)
		reloads++
	}
	require.LessOrEqual(t, reloads, int(time.Since(start)/debounce))
}

// A file with the same content is not loaded again, whatever happened to it and in its directory.
func TestTheSameContentIsNoReload(t *testing.T) {
	loads := 0
	s := plainSite(t)
	s.stop()
	ctx, cancel := context.WithCancel(t.Context())
	w, err := watch(ctx, s.file, optionsFor(t, WithDebounce(time.Nanosecond), WithOnReload(func(r Reload) { s.reloads <- r })),
		func(content []byte) (holdfast.ServiceSet, error) { loads++; return lines(content) }, s.registry)
	require.NoError(t, err)
	for range 20 {
		s.replace("a 1\n")
		require.NoError(t, os.Chtimes(s.file, time.Now(), time.Now()))
		write(t, s.at("neighbor"), "x")
	}
	s.replace("a 2\n")
	require.Equal(t, []string{"a"}, s.next().Changed)
	cancel()
	w.Wait()
	require.Equal(t, 2, loads)
}

func TestABrokenFileChangesNothing(t *testing.T) {
	s := plainSite(t)
	for name, content := range map[string]string{
		"it does not parse": "a 9\nb", "it is refused": "a 9\nb -7\n", "it is empty": "", "it is blank": " \n\t\n",
	} {
		applied := s.registry.Applied()
		s.replace(content)
		r := s.next()
		require.Error(t, r.Err, name)
		require.Empty(t, r.Changed, name)
		require.Equal(t, applied, s.registry.Applied(), name)
		require.Equal(t, "1", s.retries("a"), name)
		s.replace("a 1\n")
		r = s.next()
		require.NoError(t, r.Err, "%s: that it is good again is told", name)
		require.Empty(t, r.Changed, name)
	}
	s.replace("broken")
	require.ErrorContains(t, s.next().Err, "a broken line: broken")
	s.replace("a 5\n")
	require.Equal(t, []string{"a"}, s.next().Changed)
}

func TestAMissingFileIsToldOnce(t *testing.T) {
	s := plainSite(t, WithDebounce(time.Nanosecond), WithPoll(ms))
	s.remove(s.file)
	require.ErrorIs(t, s.next().Err, os.ErrNotExist)
	for range 20 {
		write(t, s.at("neighbor"), "x")
	}
	mkdir(t, s.file)
	require.ErrorContains(t, s.next().Err, "is a directory; want a regular file", "another error is")
	s.remove(s.file)
	require.ErrorIs(t, s.next().Err, os.ErrNotExist)
	s.replace("a 2\n")
	require.Equal(t, []string{"a"}, s.next().Changed)
}

// Watch itself, on a file as an operator writes it.
func TestWatch(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "services.yaml")
	write(t, file, "services:\n  payments: {template: critical}\n")
	t.Chdir(dir)
	r := holdfast.NewRegistry()
	reloads := make(chan Reload, 10)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := Watch(ctx, "services.yaml", r, WithDebounce(ms), WithOnReload(func(r Reload) { reloads <- r }))
	require.NoError(t, err)
	require.Equal(t, holdfast.Must(holdfast.New("payments", holdfast.Critical()...)).Stages(), r.MustGet("payments").Stages())
	require.IsType(t, &Config{}, r.Applied())

	t.Chdir(t.TempDir()) // the path is that of the time of Watch
	replace := func(content string) {
		write(t, file+".new", content)
		require.NoError(t, os.Rename(file+".new", file))
	}
	replace("services:\n  payments: {template: critical}\n  search: {template: background}\n")
	reload := <-reloads
	require.NoError(t, reload.Err)
	require.Equal(t, "services.yaml", reload.Path)
	require.Equal(t, []string{"search"}, reload.Added)
	require.Empty(t, reload.Changed)
	replace("services: 5\n")
	require.ErrorContains(t, (<-reloads).Err, "services.yaml", "an error names the file as it was given")
	require.Len(t, r.Applied().Services(), 2)
	cancel()
	w.Wait()
	_, err = Watch(t.Context(), filepath.Join(dir, "services.yaml"), r)
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	require.Len(t, r.Applied().Services(), 2)
}
