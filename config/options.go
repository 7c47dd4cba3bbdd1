package config

import (
	"fmt"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/media-gateway/holdfast/internal/check"
)

// Option changes how Load, LoadFS, Parse and Watch read a file. Each Option is also a WatchOption.
// A nil Option is an error.
type Option interface {
	WatchOption
	reads() // Load takes it
}

// WatchOption changes how Watch reads or watches a file. Load does not accept a WatchOption that is
// not an Option, since it would do nothing there. A nil WatchOption is an error.
type WatchOption interface{ set(o *options) }

// options holds what all options set.
type options struct {
	environ        []string
	debounce, poll time.Duration
	onReload       []func(Reload)
	logs           bool                              // there is no WithOnReload: reloads are logged
	connect        func() (*fsnotify.Watcher, error) // tests replace it
	wrong          *check.Check
}

type readOption func(*options)

func (f readOption) set(o *options) { f(o) }
func (readOption) reads()           {}

type watchOption func(*options)

func (f watchOption) set(o *options) { f(o) }

// WithEnvironment takes the overrides from environ, each "key=value", instead of from os.Environ.
// If environ is nil, there are none.
func WithEnvironment(environ []string) Option {
	return readOption(func(o *options) { o.environ = environ })
}

// WithOnReload makes Watch call f after every reload, good or bad, but not after the first load,
// whose error Watch returns. Watch calls f on its own goroutine, once at a time and under no lock:
// f may use the registry, and Watch continues when f returns. A panic of f is logged. With several
// WithOnReload, each f is called. Without any, reloads are logged by slog.Default: each change of a
// value with from, to and the line of the file, at most 50 of them. The pipelines' observers that
// log to slog.Default's Handler then leave these changes out, so that each is logged once; with a
// WithOnReload they log them. A nil f is an error.
func WithOnReload(f func(Reload)) WatchOption {
	return watchOption(func(o *options) {
		if f == nil {
			o.wrong.Fail("WithOnReload", "nil", "want a function; to log reloads, leave it out")
			return
		}
		o.onReload = append(o.onReload, f)
	})
}

// WithDebounce sets how long the file must be unchanged before Watch reads it, so that a burst of
// changes is one reload. 0 is the default, 100ms; less, or more than an hour, is an error. A file
// that keeps changing is read every 10 debounce periods.
func WithDebounce(d time.Duration) WatchOption {
	return watchOption(func(o *options) { o.debounce = d })
}

// WithPoll sets how often Watch reads the file when no change was reported. 0 is the default, 30s;
// -1 is never, which is safe only where the system reports every change.
func WithPoll(d time.Duration) WatchOption {
	return watchOption(func(o *options) { o.poll = d })
}

const (
	defaultDebounce = 100 * time.Millisecond
	longestDebounce = time.Hour
	defaultPoll     = 30 * time.Second
)

// optionsOf returns the options with every default filled in. In the result a poll of 0 means none.
func optionsOf[O WatchOption](given []O) (options, error) {
	o := options{environ: os.Environ(), connect: fsnotify.NewWatcher, wrong: check.Stage("config")}
	for i, option := range given {
		if any(option) == nil {
			o.wrong.Fail(fmt.Sprintf("option %d", i+1), "nil", "leave it out")
			continue
		}
		option.set(&o)
	}
	o.debounce = check.Number(o.wrong, "WithDebounce", o.debounce, check.Range[time.Duration]{Max: longestDebounce, Default: defaultDebounce})
	o.poll = check.Number(o.wrong, "WithPoll", o.poll, check.Range[time.Duration]{Default: defaultPoll, Off: "for never"})
	if o.poll == check.Off {
		o.poll = 0
	}
	if len(o.onReload) == 0 {
		o.onReload, o.logs = []func(Reload){logReload}, true
	}
	return o, o.wrong.Err()
}
