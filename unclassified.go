package holdfast

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// maxUnclassified bounds the kinds of unclassified errors that a pipeline counts apart: a
// dependency may return any number of kinds.
const maxUnclassified = 32

// warnAgain is the least time between two warnings about the same kind of error.
const warnAgain = time.Hour

// unclassified counts the errors that nobody has classified, by their kind.
type unclassified struct {
	mu    sync.Mutex
	kinds []*unclassifiedKind
	other unclassifiedKind // all kinds after the first maxUnclassified
}

type unclassifiedKind struct {
	what   string
	count  uint64
	unsaid uint64 // since the last warning
	warned mono.Time
	last   mono.Time
}

// UnclassifiedStats counts the attempts that ended with one kind of unclassified error.
type UnclassifiedStats struct {
	What  string `json:"what"` // see resilience.DescribeError; "other" for the kinds after the first 32
	Count uint64 `json:"count"`
}

// note counts an error, and returns the warning about it: nil if there was one about the same kind
// less than warnAgain ago.
func (u *unclassified) note(err error) *resilience.UnclassifiedKind {
	what, now := resilience.DescribeError(err), mono.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	k := u.kind(what)
	k.count++
	k.unsaid++
	k.last = now
	if k.count > 1 && now-k.warned < mono.Time(warnAgain) {
		return nil
	}
	warning := &resilience.UnclassifiedKind{What: k.what, Count: k.unsaid}
	k.unsaid, k.warned = 0, now
	return warning
}

// kind returns the entry of what. The caller holds mu.
func (u *unclassified) kind(what string) *unclassifiedKind {
	for _, k := range u.kinds {
		if k.what == what {
			return k
		}
	}
	if len(u.kinds) == maxUnclassified {
		u.other.what = "other"
		return &u.other
	}
	k := &unclassifiedKind{what: what}
	u.kinds = append(u.kinds, k)
	return k
}

// stats returns the counts, the greatest first and that of the other kinds last.
func (u *unclassified) stats() []UnclassifiedStats {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make([]UnclassifiedStats, 0, len(u.kinds)+1)
	for _, k := range u.kinds {
		all = append(all, UnclassifiedStats{k.what, k.count})
	}
	slices.SortStableFunc(all, func(a, b UnclassifiedStats) int { return cmp.Compare(b.Count, a.Count) })
	if u.other.count > 0 {
		all = append(all, UnclassifiedStats{u.other.what, u.other.count})
	}
	return all
}

// since returns the kinds of errors that came at t or later, the most frequent first.
func (u *unclassified) since(t mono.Time) (kinds []string) {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	var found []*unclassifiedKind
	for _, k := range append(slices.Clip(u.kinds), &u.other) {
		if k.count > 0 && k.last >= t {
			found = append(found, k)
		}
	}
	slices.SortStableFunc(found, func(a, b *unclassifiedKind) int { return cmp.Compare(b.count, a.count) })
	for _, k := range found {
		kinds = append(kinds, k.what)
	}
	return kinds
}

// unclassifiedOf returns where the pipeline's unclassified errors are counted: for a key, in its
// Keyed's total.
func (p *Pipeline) unclassifiedOf() *unclassified {
	p = p.total()
	if u := p.unknown.Load(); u != nil {
		return u
	}
	p.unknown.CompareAndSwap(nil, new(unclassified)) // else another call was faster
	return p.unknown.Load()
}

// warn counts an attempt's unclassified error. It warns at the first of its kind, and then at most
// once in each warnAgain.
func (c *call) warn(ctx context.Context, err error) {
	warning := c.recorder.of.unclassifiedOf().note(err)
	if warning == nil || c.silent {
		return
	}
	name, key := c.recorder.of.nameAndKey()
	e := resilience.Event{
		Kind: resilience.EventUnclassified, Pipeline: name, Key: key, Attempt: c.attempts,
		Verdict: resilience.Unclassified, Reason: resilience.ReasonUnclassified, Err: err,
		Unclassified: warning,
	}
	if c.observer() != nil {
		c.observer().Observe(ctx, e)
	}
	if !logsUnclassified(c.observer()) {
		resilience.NewLogObserver(slog.Default()).Observe(ctx, e)
	}
}

// logsUnclassified reports whether o, or an observer that it forwards to, logs the warnings.
func logsUnclassified(o resilience.Observer) bool {
	switch o := o.(type) {
	case interface{ LogsUnclassified() }:
		return true
	case interface{ Unwrap() []resilience.Observer }:
		return slices.ContainsFunc(o.Unwrap(), logsUnclassified)
	}
	return false
}
