package holdfastdash

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/internal/check"
)

// Option changes what Handler and ForRegistry make.
type Option func(*options)

type options struct {
	title     string
	interval  time.Duration
	log       *slog.Logger
	authorize func(r *http.Request) (who string, err error) // nil: nobody may tune
	wrong     *check.Check
}

// Bounds of the time between samples.
const (
	defaultInterval = time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Minute
)

// WithAuthorizer lets those tune the pipelines to whom authorize gives no error; without it, the
// page is read-only. authorize says who sent the request, for the log and for observers. The text
// of its error is shown to whoever sent it. It is asked for every change, and each time that a page
// is opened or told which pipelines there are, possibly from many goroutines at once; if it panics,
// the answer is no.
func WithAuthorizer(authorize func(r *http.Request) (who string, err error)) Option {
	return func(o *options) {
		if authorize == nil {
			o.wrong.Fail("WithAuthorizer", "nil", "want a function; leave the option out for a page that is read-only")
		}
		o.authorize = authorize
	}
}

// WithLogger sets where changes (at info) and refused changes (at warn) are logged. Default:
// what slog.Default is when the dashboard is made.
func WithLogger(log *slog.Logger) Option {
	return func(o *options) {
		if log == nil {
			o.wrong.Fail("WithLogger", "nil", "want a logger; leave the option out for slog.Default()")
		}
		o.log = log
	}
}

// WithTitle sets the page's title. Default "Holdfast", also for "".
func WithTitle(title string) Option {
	return func(o *options) { o.title = title }
}

// WithInterval sets the time between samples, from 100ms to 1m. Default 1s, also for 0. The page
// shows the last 60 samples.
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

// checkPipelines refuses what could not be shown, or not be told apart: a change names its
// pipeline. The pipelines are given once, so a dashboard of none would stay empty for ever.
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

// ordinal names the i-th of an argument list, counted from 1.
func ordinal(what string, i int) string { return fmt.Sprintf("%s %d", what, i+1) }
