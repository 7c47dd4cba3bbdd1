package holdfastdash

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/config"
	"github.com/media-gateway/holdfast/fleet"
	"github.com/media-gateway/holdfast/internal/check"
)

// Option configures the [Dashboard] that [Handler] or [ForRegistry] returns.
type Option func(*options)

type options struct {
	title     string
	interval  time.Duration
	log       *slog.Logger
	authorize func(r *http.Request) (who string, err error) // nil: nobody may tune
	fleets    []*fleet.Fleet
	watchers  []*config.Watcher
	wrong     *check.Check
}

// Bounds of the time between samples.
const (
	defaultInterval = time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Minute
)

// WithAuthorizer sets the function that says who may tune the pipelines. Default: the page is
// read-only. authorize returns who sent the request, for the log and for observers. If it returns
// an error, the sender may not tune, and sees the error's text. It is called for every change, and
// each time that a page is opened or gets a new list of pipelines. It must be safe for concurrent
// use. If it panics, the sender may not tune.
func WithAuthorizer(authorize func(r *http.Request) (who string, err error)) Option {
	return func(o *options) {
		if authorize == nil {
			o.wrong.Fail("WithAuthorizer", "nil", "want a function; leave the option out for a page that is read-only")
		}
		o.authorize = authorize
	}
}

// WithFleet shows a fleet on the page, with a row for each service that this pod follows, and lets
// those who may tune give orders for all its pods, if the fleet was joined with [fleet.WithKey].
// See "Fleets" in the package's documentation. It may be given for several fleets, in the order in
// which the page shows them. No two may have the same name, since an order names its fleet.
// Default: none.
//
// Close does not leave the fleet. A fleet that was left stays on the page, as it was then.
func WithFleet(f *fleet.Fleet) Option {
	return func(o *options) {
		if f == nil {
			o.wrong.Fail("WithFleet", "nil", "want a fleet that was joined; leave the option out for a page without one")
			return
		}
		name := f.Stats().Fleet
		for _, other := range o.fleets {
			if other.Stats().Fleet == name {
				o.wrong.Fail("WithFleet", strconv.Quote(name), "want each fleet once, and each with a name of its own")
				return
			}
		}
		o.fleets = append(o.fleets, f)
	}
}

// WithWatcher shows how the file stands that w follows: since when it is in force, or why it was
// refused. It also lets the page say in which file the pipelines of w's registry are. (Their lines
// are shown without this option, too, if [ForRegistry] gets the registry.) With [Handler] it may be
// given for several files, each for a registry of its own; with ForRegistry, for the file of that
// registry. Default: none. Close does not close w, and the page still shows a Watcher that was
// closed, and says so.
func WithWatcher(w *config.Watcher) Option {
	return func(o *options) {
		switch {
		case w == nil:
			o.wrong.Fail("WithWatcher", "nil", "want one that config.Watch returned; leave the option out for a page without a file")
		case slices.Contains(o.watchers, w):
			o.wrong.Fail("WithWatcher", strconv.Quote(w.Status().Path), "want each Watcher once")
		default:
			o.watchers = append(o.watchers, w)
		}
	}
}

// WithLogger sets where changes (at info) and refused changes (at warn) are logged. Default:
// slog.Default() at the time when the dashboard is created.
func WithLogger(log *slog.Logger) Option {
	return func(o *options) {
		if log == nil {
			o.wrong.Fail("WithLogger", "nil", "want a logger; leave the option out for slog.Default()")
		}
		o.log = log
	}
}

// WithTitle sets the page's title. Default, and for "": "Holdfast".
func WithTitle(title string) Option {
	return func(o *options) { o.title = title }
}

// WithInterval sets the time between samples, from 100 ms to 1 min. Default, and for 0: 1 s. The
// page shows the last 60 samples.
func WithInterval(d time.Duration) Option {
	return func(o *options) { o.interval = d }
}

// apply applies the options and returns all settings, with every problem in wrong.
func apply(opts []Option) *options {
	o := &options{log: slog.Default(), wrong: check.Stage("holdfastdash")}
	for i, opt := range opts {
		if opt == nil {
			o.wrong.Fail(ordinal("option", i), "nil", "leave it out")
			continue
		}
		opt(o)
	}
	if o.title == "" {
		o.title = "Holdfast"
	}
	if o.interval == 0 {
		o.interval = defaultInterval
	}
	if o.interval < minInterval || o.interval > maxInterval {
		o.wrong.Fail("WithInterval", o.interval, "want %v to %v, or 0 for the default (%v)", minInterval, maxInterval, defaultInterval)
	}
	return o
}

// checkPipelines records an error for pipelines that cannot be shown, or have the same name, since
// a change names its pipeline. No pipelines are an error too: none can be added later.
func checkPipelines(wrong *check.Check, pipelines []*holdfast.Pipeline) {
	if len(pipelines) == 0 {
		wrong.Fail("pipelines", "empty", "want at least one")
	}
	first := map[string]int{}
	for i, p := range pipelines {
		switch {
		case p == nil:
			wrong.Fail(ordinal("pipeline", i), "nil", "leave it out, or give one made by holdfast.New")
		case p.Name() == "":
			wrong.Fail(ordinal("pipeline", i), "without a name", "want one made by holdfast.New")
		default:
			if j, taken := first[p.Name()]; taken {
				wrong.Fail(ordinal("pipeline", i), `"`+p.Name()+`"`, "want a name of its own; pipeline %d has that one", j+1)
				continue
			}
			first[p.Name()] = i
		}
	}
}

// ordinal names the argument with index i in a list, counted from 1: "option 1" for 0.
func ordinal(what string, i int) string { return fmt.Sprintf("%s %d", what, i+1) }
