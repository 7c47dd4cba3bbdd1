package config

import (
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/media-gateway/holdfast/internal/check"
)

// watching is what options say of Watch.
type watching struct {
	debounce, poll time.Duration
	tell           []func(Reload)
	connect        func() (*fsnotify.Watcher, error) // default fsnotify.NewWatcher; tests have others
}

const (
	defaultDebounce = 100 * time.Millisecond
	defaultPoll     = 30 * time.Second
)

// OnReload makes Watch call f after every reload, good or bad, but not after the first load, whose error
// Watch returns. The calls come one after the other, from a goroutine that watches on when f returns, and under no
// lock: f may use the registry. A panic of f is logged. With more than one OnReload, each is
// told. Without any, slog.Default is. Load ignores it; so it does a nil f.
func OnReload(f func(Reload)) Option {
	return func(o *options) {
		if f != nil {
			o.watching.tell = append(o.watching.tell, f)
		}
	}
}

// Debounce is for how long nothing must happen to the file before Watch looks at it, so that a
// burst of changes is one reload. Default 100ms. Where it never comes to rest, it is looked at all the
// same, after ten times as long. Load ignores it.
func Debounce(d time.Duration) Option {
	return func(o *options) { o.watching.debounce = d }
}

// Poll is how often Watch looks at the file if it has not heard of any change. Default 30s; -1:
// never, which is wise only where the system tells of every change. A look reads the file. Load ignores it.
func Poll(d time.Duration) Option {
	return func(o *options) { o.watching.poll = d }
}

// resolve returns w with every default filled in: a poll of 0 is none.
func (w watching) resolve() (watching, error) {
	c := check.Stage("config")
	w.debounce = c.Duration("Debounce", w.debounce, defaultDebounce)
	switch {
	case w.poll == check.Off:
		w.poll = 0
	case w.poll < 0:
		c.Fail("Poll", w.poll, "want a positive duration, 0 for the default (%v), or -1 for never", defaultPoll)
	case w.poll == 0:
		w.poll = defaultPoll
	}
	if w.connect == nil {
		w.connect = fsnotify.NewWatcher
	}
	if len(w.tell) == 0 {
		w.tell = []func(Reload){logReload}
	}
	return w, c.Err()
}
