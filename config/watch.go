package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/told"
)

// Watcher applies a file to a registry whenever the file changes. It is made by Watch.
type Watcher struct {
	path     string // as it was given to Watch
	file     string // absolute, so that the working directory may change
	last     fileState
	load     func(content []byte) (holdfast.ServiceSet, error)
	registry *holdfast.Registry
	applied  *Config // what the last good file said; nil if it was loaded in another way
	onReload []func(Reload)
	logs     bool // one of them is logReload
	notifier *notifier
	history  atomic.Pointer[history]
	stop     context.CancelFunc
	done     chan struct{}
}

// Watch loads the file at path and applies it to r. It does so again whenever the file has
// changed, until ctx ends or the Watcher is closed. If the file cannot be loaded or applied now,
// or an option is wrong, Watch returns the error; then nothing was changed and nothing is watched.
//
// A registry follows one file. Watch returns an error if another Watcher has r, be it for the same
// file: Close that one first, or Wait for it if its ctx has ended. r keeps its services meanwhile.
// A file may be followed for several registries. What code puts into r by Apply stays until the
// next reload, which makes r hold what the file says and nothing else; add to it by
// holdfast.Registry.Amend.
//
// A reload is all or nothing, like holdfast.Registry.Apply. A broken file changes nothing: the
// functions of WithOnReload are told once, and Err returns the error until a good file replaces it.
// A missing file counts as broken. So does an empty one, since a file may be empty while it is
// being written: for a file without services write `services: {}`.
//
// Watch watches directories: the file's, and those of all symbolic links on the path to it. So the
// file or its directory may be written to, renamed over, or deleted and made again. A link on the
// path may be replaced, as Kubernetes does to update a mounted ConfigMap. (It never updates one
// that is mounted by subPath.) Only the content counts: if that is the same, nothing happens. Watch
// also reads the file from time to time (WithPoll), for file systems that do not report changes
// made elsewhere (NFS), and for systems that have run out of watches: Watch then warns on
// slog.Default, and finds changes by polling, if that is on.
//
// Write a new file and rename it over the old one: then nobody reads half of it. If a file is
// written in place, and the writer pauses for longer than WithDebounce says, Watch may read half of
// it; and half a file may be valid, with half the services.
//
// A panic of a reload function, an amendment or an observer on the watcher's goroutine is logged by
// slog.Default, and ends neither the process nor the watching.
func Watch(ctx context.Context, path string, r *holdfast.Registry, given ...WatchOption) (*Watcher, error) {
	if r == nil {
		return nil, errors.New("config: the registry to watch for is nil; want one made by holdfast.NewRegistry")
	}
	if path == "" {
		return nil, errNoPath
	}
	o, err := optionsOf(given)
	if err != nil {
		return nil, err
	}
	load := func(content []byte) (holdfast.ServiceSet, error) {
		c, err := readFrom(bytes.NewReader(content), path, o.environ)
		if err != nil {
			return nil, err // not a nil *Config
		}
		return c, nil
	}
	return watch(ctx, path, o, load, r)
}

// Registry returns the registry to which the file is applied.
func (w *Watcher) Registry() *holdfast.Registry { return w.registry }

// Close ends the watching, whether or not Watch's ctx has ended, and waits until it has ended:
// after that nothing is applied, and no reload function is called. The registry keeps its services.
// Close is safe for concurrent use and may be called again. Do not call it from a reload function,
// an amendment, or an observer that hears of a reload, since it waits for these to return: call go
// watcher.Close() there.
func (w *Watcher) Close() {
	w.stop()
	w.Wait()
}

// Wait waits until the watching has ended, which is soon after Watch's ctx has ended. After that
// nothing is applied, and no reload function is called. Wait does not end the ctx: a deferred Wait
// that runs before a deferred cancel waits for ever. Use Close there. Any number of goroutines may
// call Wait, but not what Close must not be called from.
func (w *Watcher) Wait() { <-w.done }

// watch is Watch with its own way to load a file.
func watch(ctx context.Context, path string, o options, load func(content []byte) (holdfast.ServiceSet, error),
	r *holdfast.Registry,
) (*Watcher, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("config: watching %s: %w", path, err)
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	release, err := claim(r, path)
	if err != nil {
		return nil, err
	}
	running := false
	defer func() {
		if !running {
			release()
		}
	}()
	w := &Watcher{path: path, file: file, load: load, registry: r, onReload: o.onReload, logs: o.logs, done: make(chan struct{})}
	w.notifier = newNotifier(o.connect, func(problem error) {
		const what = "holdfast: the system does not report changes of the configuration file"
		if o.poll == 0 {
			slog.Warn(what+", and polling is off, so they may go unnoticed; want a duration for WithPoll", "path", path, "error", problem)
			return
		}
		slog.Warn(what+"; only polling finds them", "path", path, "every", o.poll, "error", problem)
	})
	defer func() {
		if !running {
			w.notifier.close()
		}
	}()
	w.notifier.follow(file) // before the file is read, so that no change is missed
	first := Reload{Path: path, At: time.Now()}
	w.last = readState(file, path)
	if w.last.err != nil {
		return nil, w.last.err
	}
	if err := w.reload(w.last.content, &first); err != nil {
		return nil, err
	}
	w.history.Store(w.history.Load().after(first))
	w.last.content = nil
	running = true
	ctx, w.stop = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		defer release() // before Close returns, so that Watch may follow
		defer w.notifier.close()
		o.run(ctx, w.notifier.C, w.check)
	}()
	return w, nil
}

// reload loads the content of the file, applies it, and notes in r what changed. If an observer
// panics that is told of it, the file is in force all the same: it is noted, and the panic passes
// on.
func (w *Watcher) reload(content []byte, r *Reload) error {
	set, err := w.load(content)
	if err != nil {
		return err
	}
	is, _ := set.(*Config)
	was := w.applied
	var l changeList
	if is != nil && was != nil {
		l = changesBetween(was, is)
	}
	note := func(c holdfast.Changes) {
		r.Added, r.Changed, r.Removed = c.Added, c.Changed, c.Removed
		r.Changes, r.More = l.all, l.more
		w.applied = is
	}
	returned := false
	defer func() {
		if !returned && is != nil && w.registry.Applied() == holdfast.ServiceSet(is) {
			note(namesBetween(was, is))
		}
	}()
	ctx := told.ByFile(context.Background(), told.File{Path: w.path, At: r.At})
	if w.logs && w.history.Load() != nil { // the first load is not logged
		var record *told.Record
		ctx, record = told.With(ctx)
		record.Promise(slog.Default().Handler(), l.covers)
	}
	c, err := w.registry.ReconcileContext(ctx, set)
	returned = true
	if err == nil { // even if somebody has applied another set since
		note(c)
	}
	return err
}

// check reads the file. If it has changed, check reloads it and calls every reload function.
func (w *Watcher) check() {
	w.notifier.follow(w.file)
	at := time.Now()
	now := readState(w.file, w.path)
	if now.same(w.last) {
		return
	}
	w.last = now
	w.last.content = nil
	reload := Reload{Path: w.path, At: at, Err: now.err}
	if reload.Err == nil {
		before := w.applied
		reload.Err = w.guarded("reloading", func() error { return w.reload(now.content, &reload) })
		if w.applied != before { // if an observer panicked, that is logged, and is no fault of the file
			reload.Err = nil
		}
	}
	w.history.Store(w.history.Load().after(reload))
	for _, call := range w.onReload {
		_ = w.guarded("a reload function", func() error { call(reload.clone()); return nil }) // guarded logs the panic
	}
}

// guarded runs f, and turns a panic into an error. It runs on the watcher's own goroutine, so
// nobody up the stack could recover from the panic.
func (w *Watcher) guarded(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("config: %s: panic while %s: %v", w.path, what, v)
			slog.Error("holdfast: "+what+" panicked", "path", w.path, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	return f()
}
