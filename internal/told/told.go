// Package told says who has logged a change, so that it stands in each log once. Whoever makes a
// change (a page that tunes, a file that is followed) passes a ctx with a Record to the observers,
// and an observer that logs the change notes it there. It uses the standard library only.
package told

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
)

// Update is what an observer is told.
type Update struct {
	Pipeline, Key string
	What          string // what was changed, in words; "" if an update made no difference

	Stage, Name, Field string // as resilience.Change has them
	From, To           any
}

// Record says which logs have a change. A nil Record knows of none. It is safe for concurrent use.
type Record struct {
	mu       sync.Mutex
	entries  []entry
	promised []promise
}

// entry is a change that stands in the log of a handler.
type entry struct {
	handler             slog.Handler
	pipeline, key, what string
}

// promise says which changes somebody will log to a handler.
type promise struct {
	handler slog.Handler
	covers  func(Update) bool
}

type recordKey struct{}

// With returns a ctx with a new Record.
func With(ctx context.Context) (context.Context, *Record) {
	r := &Record{}
	return context.WithValue(ctx, recordKey{}, r), r
}

// In returns the Record of a ctx, or nil.
func In(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey{}).(*Record)
	return r
}

// Promise says that the caller will log to h what covers returns true for. covers is called under
// no lock, since it may look at values of a user's types.
func (r *Record) Promise(h slog.Handler, covers func(Update) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.promised = append(r.promised, promise{h, covers})
}

// Logged notes that u was logged to h.
func (r *Record) Logged(h slog.Handler, u Update) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entry{h, u.Pipeline, u.Key, u.What})
}

// Has reports whether u was logged to h, or will be.
func (r *Record) Has(h slog.Handler, u Update) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	entries, promised := r.entries, r.promised // what is in them does not change
	r.mu.Unlock()
	for _, e := range entries {
		if (entry{nil, u.Pipeline, u.Key, u.What}) == (entry{nil, e.pipeline, e.key, e.what}) && same(e.handler, h) {
			return true
		}
	}
	for _, p := range promised {
		if same(p.handler, h) && p.covers(u) {
			return true
		}
	}
	return false
}

// HasAny reports whether anything was logged to h. Whoever logs changes logs all that are made
// together.
func (r *Record) HasAny(h slog.Handler) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.entries, func(e entry) bool { return same(e.handler, h) })
}

// same reports whether two handlers are certainly one: then what the one has logged stands where
// the other would log it.
func same(a, b slog.Handler) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
