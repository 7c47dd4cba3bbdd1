package config

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/media-gateway/holdfast"
)

// Reload says what happened when a file had changed.
type Reload struct {
	Path string    // as it was given to Watch
	At   time.Time // when the file was read

	// Err says why the file was refused and nothing changed: it cannot be read, or part of it is
	// wrong. nil if the file was applied.
	Err error

	// The names of the services that changed, each list sorted. All are empty if the file says the
	// same in other words, or says the same again after an error.
	Added, Changed, Removed []string

	// Changes are the settings that have another value than in the file before: of the section
	// fleet, then of the services that are in both files, by name, the keys in the order of
	// Config.YAML. At most 1,000 are listed; More is how many there are beyond. The list is empty
	// for a service in Changed if the file now says what was the default before. What was changed
	// by hand, or by code (holdfast.Registry.Amend), is no value of a file, and is not here.
	Changes []Change
	More    int
}

// clone returns a copy that shares nothing that a caller can change.
func (r Reload) clone() Reload {
	r.Added, r.Changed, r.Removed = slices.Clone(r.Added), slices.Clone(r.Changed), slices.Clone(r.Removed)
	r.Changes = slices.Clone(r.Changes)
	return r
}

// maxReloads is how many reloads a Watcher remembers.
const maxReloads = 20

// history is what a Watcher has done so far. It is not changed: each reload makes a new one.
type history struct {
	status  holdfast.ConfigStatus
	reloads []Reload // the newest last
}

// after returns the history with one more reload.
func (h *history) after(r Reload) *history {
	next := &history{}
	if h != nil {
		next.status = h.status
		next.reloads = h.reloads[max(0, len(h.reloads)-maxReloads+1):]
	}
	next.reloads = append(slices.Clone(next.reloads), r.clone())
	s := &next.status
	s.Path, s.Read, s.Err = r.Path, r.At, r.Err
	switch {
	case r.Err == nil:
		s.Applied, s.Refused = r.At, time.Time{}
		s.Reloads++
	case s.Refused.IsZero():
		s.Refused = r.At
		fallthrough
	default:
		s.Refusals++
	}
	return next
}

// Err returns why the file, as it was last read, is not in force: it cannot be read, or part of it
// is wrong. It returns nil if the file is in force. A program with a broken file continues with the
// last good one, but could not start again. So alert on Err, but do not use it in a probe that
// restarts the program. Err is that of the last Reload, and is set before a reload function is
// called. It is safe for concurrent use, takes no lock and does not allocate.
func (w *Watcher) Err() error {
	if h := w.history.Load(); h != nil {
		return h.status.Err
	}
	return nil
}

// Status returns how the file stands, which is what Health and the metrics show: see
// holdfast.ConfigFile. The load by Watch counts as its first reload. Once the watching has ended,
// Ended is true and the rest stays as it was. Status is set before a reload function is called. It
// is safe for concurrent use, takes no lock and does not allocate.
func (w *Watcher) Status() holdfast.ConfigStatus {
	var s holdfast.ConfigStatus
	if h := w.history.Load(); h != nil {
		s = h.status
	}
	select {
	case <-w.done:
		s.Ended = true
	default:
	}
	return s
}

// Reloads returns the last 20 reloads, the oldest first. The first is the load by Watch, until it
// is dropped. It has no Changes, and lists as added every service that the registry did not have
// before. The caller may change the result. Reloads is safe for concurrent use.
func (w *Watcher) Reloads() []Reload {
	h := w.history.Load()
	if h == nil {
		return nil
	}
	all := make([]Reload, len(h.reloads))
	for i, r := range h.reloads {
		all[i] = r.clone()
	}
	return all
}

// What logReload logs at most, so that a reload of thousands of services is no flood.
const (
	maxLogged = 50 // changes, each in a record of its own
	maxNamed  = 20 // names in a list
)

// logReload is the reload function if there is no WithOnReload.
func logReload(r Reload) {
	if r.Err != nil {
		slog.Error("holdfast: configuration file refused; the last good one stays in force", "path", r.Path, "error", r.Err)
		return
	}
	slog.Info("holdfast: the configuration was loaded again", "path", r.Path, "added", firstOf(r.Added), "changed", firstOf(r.Changed),
		"removed", firstOf(r.Removed), "changes", len(r.Changes)+r.More, "not_listed", max(0, len(r.Changes)-maxLogged)+r.More)
	for _, c := range r.Changes[:min(maxLogged, len(r.Changes))] {
		slog.Info("holdfast: the configuration changed", "path", r.Path, "pipeline", c.Service, "key", c.Key,
			"from", c.FromText(), "to", c.ToText(), "origin", c.Origin.String())
	}
}

// firstOf returns the first names of a list, and says how many more there are.
func firstOf(names []string) []string {
	if len(names) <= maxNamed {
		return names
	}
	return append(slices.Clone(names[:maxNamed]), fmt.Sprintf("and %d more", len(names)-maxNamed))
}
