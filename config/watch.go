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
)

// Reload is what came of a file that has changed.
type Reload struct {
	Path string    // as it was given to Watch
	At   time.Time // when the change was looked at

	// Err is why nothing was changed: the file cannot be read, or not all that it says is right. nil if it was applied.
	Err error

	// The services that were made another, each list sorted. All are empty if the file says the same in other
	// words, or the same again after an error.
	Added, Changed, Removed []string
}

// Watcher keeps a registry as a file says. It is made by Watch.
type Watcher struct {
	path    string // as it was given
	file    string // absolute, whatever becomes of the working directory
	seen    look
	load    func(content []byte) (holdfast.ServiceSet, error)
	apply   func(holdfast.ServiceSet) (holdfast.Changes, error)
	tell    []func(Reload)
	stirred *notifier
	refused atomic.Pointer[error] // why the file is not in force; of nil: it is
	stop    context.CancelFunc
	done    chan struct{}
}

// Watch loads the file at path and applies it to r, and does so again whenever the file has changed,
// until ctx ends or the Watcher is closed. If the file cannot be loaded or applied now, or an option is wrong, it returns the error, nothing was
// changed and nothing is watched. The options are those of Load, and Debounce, Poll and OnReload.
//
// A reload is all or nothing, as holdfast.Registry.Apply is. A broken file changes nothing, and is told to
// OnReload, once, and by Err for as long as it is there; the next good one is taken. So is a file that is gone for a while, and one that is empty, as
// it is while it is being written: a file without services says `services: {}`.
//
// What is watched are directories: the file's, and those of all symbolic links on the way to
// it. So it does not matter whether the file is written to, renamed over, deleted and made again, or
// its directory is; nor whether a link on the way is turned to another one, as Kubernetes does to
// update a mounted ConfigMap (one mounted by subPath it never updates). What counts is the content: if
// that is the same, nothing happens. Beside that the file is looked at every Poll, for file systems
// that tell nobody of changes made elsewhere (NFS), and for a system that has run out of watches:
// then slog.Default is told, and changes are found by that look.
//
// Whoever writes the file had better write a new one and rename it over the old one: then half of it is
// never seen. Of a file that is written in place, half may be seen if the writer rests for longer than
// Debounce; and half a file may be a good one, with half the services.
//
// A panic of an OnReload, an amendment or an observer on the watcher's goroutine is logged by
// slog.Default, and does not end the process nor the watching.
func Watch(ctx context.Context, path string, r *holdfast.Registry, given ...Option) (*Watcher, error) {
	if r == nil {
		return nil, errors.New("config: the registry to watch for is nil; want one made by holdfast.NewRegistry")
	}
	load := func(content []byte) (holdfast.ServiceSet, error) {
		c, err := Parse(readAlready{bytes.NewReader(content), path}, given...)
		if err != nil {
			return nil, err // not a nil *Config
		}
		return c, nil
	}
	return watch(ctx, path, newOptions(given).watching, load, r.Reconcile)
}

// readAlready is a file of which the content is there.
type readAlready struct {
	*bytes.Reader
	name string
}

// Name returns the file's name, for errors.
func (f readAlready) Name() string { return f.name }

// Close ends the watching, whether or not Watch's ctx has ended, and returns when it is over: nothing is applied or told
// after that. The registry keeps what it has. It is safe for concurrent use and may be called again; but not from OnReload,
// for whose end it waits: there, say go watcher.Close().
func (w *Watcher) Close() {
	w.stop()
	w.Wait()
}

// Wait returns when the watching is over, which is soon after Watch's ctx has ended: nothing is applied or told any more. End
// the ctx first: a deferred Wait runs before the deferred stop or cancel that stands above it, and waits for ever. There, Close
// is right. Wait may be called by any number of goroutines, but not from OnReload.
func (w *Watcher) Wait() { <-w.done }

// Err returns why the file, as it was when it was last looked at, is not in force: it cannot be read, or not all that it says is
// right. nil if it is in force. A program whose file is broken runs on with the last good one, but would not start again: so
// alert on it, by other means than a probe that restarts it. It is that of the last Reload, and known before OnReload is called.
// It is safe for concurrent use, takes no lock and allocates nothing.
func (w *Watcher) Err() error {
	if err := w.refused.Load(); err != nil {
		return *err
	}
	return nil
}

// watch is Watch for any kind of file.
func watch(ctx context.Context, path string, o watching, load func(content []byte) (holdfast.ServiceSet, error),
	apply func(holdfast.ServiceSet) (holdfast.Changes, error),
) (*Watcher, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("config: watching %s: %w", path, err)
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	w := &Watcher{path: path, file: file, load: load, apply: apply, tell: o.tell, done: make(chan struct{})}
	w.stirred = newNotifier(o.connect, func(problem error) {
		slog.Warn("holdfast: the system does not tell of changes of the configuration; it is looked at from time to time",
			"path", path, "every", o.poll, "error", problem)
	})
	running := false
	defer func() {
		if !running {
			w.stirred.close()
		}
	}()
	w.stirred.follow(file) // first, so that no change falls in between
	w.seen = lookAt(file, path)
	if w.seen.err != nil {
		return nil, w.seen.err
	}
	if _, err := w.take(w.seen.content); err != nil {
		return nil, err
	}
	w.seen.content = nil
	running = true
	ctx, w.stop = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		defer w.stirred.close()
		o.run(ctx, w.stirred.C, w.look)
	}()
	return w, nil
}

// take loads and applies what the file says.
func (w *Watcher) take(content []byte) (holdfast.Changes, error) {
	set, err := w.load(content)
	if err != nil {
		return holdfast.Changes{}, err
	}
	return w.apply(set)
}

// look looks at the file, and takes and tells what is new.
func (w *Watcher) look() {
	w.stirred.follow(w.file)
	seen := lookAt(w.file, w.path)
	if seen.same(w.seen) {
		return
	}
	w.seen = seen
	w.seen.content = nil
	reload := Reload{Path: w.path, At: time.Now(), Err: seen.err}
	if reload.Err == nil {
		var c holdfast.Changes
		reload.Err = w.guarded("reloading", func() (err error) { c, err = w.take(seen.content); return err })
		reload.Added, reload.Changed, reload.Removed = c.Added, c.Changed, c.Removed
	}
	refused := reload.Err
	w.refused.Store(&refused)
	for _, tell := range w.tell {
		_ = w.guarded("OnReload", func() error { tell(reload); return nil }) // it is logged
	}
}

// guarded runs f, and makes an error of its panic. It runs on a goroutine that is the watcher's own: there is nobody up
// the stack to whom the panic could go.
func (w *Watcher) guarded(what string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("config: %s: panic while %s: %v", w.path, what, v)
			slog.Error("holdfast: "+what+" panicked", "path", w.path, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// logReload is what is told of reloads if there is no OnReload.
func logReload(r Reload) {
	if r.Err != nil {
		slog.Error("holdfast: configuration file refused; the last good one stays in force", "path", r.Path, "error", r.Err)
		return
	}
	slog.Info("holdfast: the configuration was loaded again",
		"path", r.Path, "added", r.Added, "changed", r.Changed, "removed", r.Removed)
}
