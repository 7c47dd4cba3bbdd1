package holdfastdash

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/media-gateway/holdfast"
)

// policy lets the page load its own files, and connect to its own origin, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Dashboard is an http.Handler that serves the page, and samples the pipelines until it is closed.
// Create it with [Handler] or [ForRegistry]. It is safe for concurrent use.
type Dashboard struct {
	*options
	assets   map[string]asset
	source   source
	tokens   *tokens
	history  *history
	audience *audience
	replaced replacements
	record   record
	hands    hands

	done    chan struct{}
	closing sync.Once
	sampler sync.WaitGroup
}

// Handler returns a dashboard of the given pipelines, and starts the goroutine that samples them:
// call Close when it is no longer served. The page shows the pipelines in the given order.
//
// It returns an error, which names every problem, if there are no pipelines, since none can be
// added later (see [ForRegistry]); if a pipeline is nil or was not made by holdfast.New; if two
// have the same name, since a change names its pipeline; or if an option is invalid.
func Handler(pipelines []*holdfast.Pipeline, opts ...Option) (*Dashboard, error) {
	o := apply(opts)
	checkPipelines(o.wrong, pipelines)
	return start(o, fixed(slices.Clone(pipelines)))
}

// start returns a dashboard of the source's pipelines, or the errors in o.wrong.
func start(o *options, from source) (*Dashboard, error) {
	if err := o.wrong.Err(); err != nil {
		return nil, err
	}
	files, err := assets()
	if err != nil {
		return nil, fmt.Errorf("holdfastdash: %w", err)
	}
	d := &Dashboard{
		options: o, assets: files, source: from, tokens: newTokens(),
		history: &history{title: o.title, interval: o.interval}, audience: newAudience(), done: make(chan struct{}),
	}
	s := newSampler(d)
	d.sampler.Go(s.run)
	return d, nil
}

// Close ends all streams and the sampling. When it returns, no goroutine of the dashboard runs, and
// it watches no pipeline. Later requests get status 503. It may be called more than once. Call it
// before http.Server.Shutdown, or with RegisterOnShutdown: Shutdown waits for streams, which do not
// end by themselves.
//
// If a handler around the dashboard passes a ResponseWriter without write deadlines and without
// Unwrap, Close waits for a write in progress.
func (d *Dashboard) Close() {
	d.closing.Do(func() { close(d.done) })
	d.audience.close()
	d.sampler.Wait()
}

// ServeHTTP serves the page and its files at the root of the request's path. If it is mounted
// elsewhere, wrap it in http.StripPrefix.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if d.closed() {
		h.Set("Retry-After", "5")
		http.Error(w, errClosed.Error(), http.StatusServiceUnavailable)
		return
	}
	switch name := strings.TrimPrefix(r.URL.Path, "/"); name {
	case "events":
		reading(w, r, d.serveEvents)
	case "session":
		reading(w, r, d.serveSession)
	case "knobs":
		reading(w, r, d.serveKnobs)
	case "changes":
		reading(w, r, d.serveChanges)
	case "tune":
		d.serveTune(w, r)
	case "fleet":
		d.serveFleet(w, r)
	default:
		a, ok := d.assets[name]
		switch {
		case !ok:
			http.Error(w, fmt.Sprintf("there is no %q here; a dashboard that is not mounted at the root of a host wants http.StripPrefix around it",
				r.URL.Path), http.StatusNotFound)
		case name == "" && !strings.HasSuffix(requestPath(r), "/"):
			// Without the slash, the browser would look for the page's files one folder up.
			h.Set("Location", "./"+path.Base(requestPath(r))+"/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		default:
			reading(w, r, a.ServeHTTP)
		}
	}
}

func (d *Dashboard) closed() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// requestPath returns the path that the client requested, before http.StripPrefix changed it.
func requestPath(r *http.Request) string {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil || u.Path == "" {
		return "/"
	}
	return u.EscapedPath()
}

// reading passes r to next if its method is GET or HEAD.
func reading(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, fmt.Sprintf("method %s is not known here; want GET", r.Method), http.StatusMethodNotAllowed)
		return
	}
	next(w, r)
}

// writeJSON writes v as the response. It ignores errors: then the client is gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
