package holdfastdash

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/breaker"
)

// latest is what a page knows of a pipeline only as it is now, and not for each sample of its
// history: words, which would be long if they were sent sixty times.
type latest struct {
	Breakers []breakerLatest `json:"breakers,omitempty"` // that are not closed
	Recent   *recentLatest   `json:"recent,omitempty"`   // absent if no call failed or was refused
	Errors   *errorsLatest   `json:"errors,omitempty"`   // absent if there were none while somebody looked
	Heard    int64           `json:"heard_unix_ms,omitzero"`
}

// breakerLatest says why a breaker is not closed.
type breakerLatest struct {
	Name   string `json:"name"`
	Nth    int    `json:"nth,omitzero"`            // of several breakers with that name, counted from 0
	Why    string `json:"why,omitempty"`           // it opened, or whose order for a fleet isolated it
	By     string `json:"by,omitempty"`            // who isolated it by hand, if the page heard of it
	Since  int64  `json:"since_unix_ms,omitzero"`  // it is open (probes included), or isolated; absent if unknown
	Probes int    `json:"probes,omitzero"`         // of a half-open one: how many decide
	Need   int    `json:"need_successes,omitzero"` // of them, how many must succeed; absent if one failure opens it
}

// recentLatest is how the calls of the last minute ended, by the pipeline's own count: it knows of
// what came before the page was opened, too.
type recentLatest struct {
	Window  float64           `json:"window_seconds"`
	Calls   uint64            `json:"calls"`
	Failed  uint64            `json:"failed"`
	Refused uint64            `json:"refused"`
	Fault   uint64            `json:"permanent,omitzero"` // of those that failed: the caller's fault
	Reasons map[string]uint64 `json:"reasons"`
	Kinds   []string          `json:"unclassified,omitempty"` // kinds of errors that nobody has classified
	Last    int64             `json:"last_unix_ms"`           // when a call failed or was refused
}

// errorsLatest are the kinds of errors that came while somebody looked.
type errorsLatest struct {
	Kinds      []errorSample `json:"kinds"`
	MoreKinds  int           `json:"more_kinds,omitzero"`  // that are not in Kinds
	MoreErrors uint64        `json:"more_errors,omitzero"` // of those kinds, and of kinds that were too many to count
}

// errorSample is one kind of error.
type errorSample struct {
	What    string  `json:"what"`             // as resilience.DescribeError
	Message string  `json:"message"`          // of one of them
	Verdict string  `json:"verdict"`          // what the error means
	Reason  string  `json:"reason,omitempty"` // why the call ended with it; absent if the attempt was retried
	Count   uint64  `json:"count"`
	Rate    float64 `json:"rate"` // per second
	Last    int64   `json:"last_unix_ms"`
}

// recentRules look a minute back, as the page's charts do.
var recentRules, _ = holdfast.HealthConfig{Window: time.Minute}.Build()

// maxWhy is how much of the reason of a breaker is shown, in bytes. It may have the texts of errors
// in it, and what somebody wrote who gave an order.
const maxWhy = 500

// latest returns the pipeline's latest as JSON, nil if there is nothing to tell.
func (r *row) latest(is *holdfast.Snapshot, now time.Time, elapsed time.Duration, h *hands) json.RawMessage {
	l := latest{Breakers: r.notClosed(is.Breakers, now, h)}
	if c := recentRules.Recent(r.pipeline); c != nil {
		l.Recent = r.recent(c, now)
	}
	if r.stop != nil {
		l.Errors, l.Heard = r.watcher.errors.round(now, elapsed), r.heard.UnixMilli()
	}
	if l.Breakers == nil && l.Recent == nil && l.Errors == nil && l.Heard == 0 {
		return nil
	}
	return marshal(l)
}

// recent returns c for the page.
func (r *row) recent(c *holdfast.RecentCalls, now time.Time) *recentLatest {
	last := now.Add(-c.LastAgo).UnixMilli()
	if d := last - r.lastFailure; d > 1000 || d < -1000 { // else it is the same one, by another reading of the clock
		r.lastFailure = last
	}
	l := &recentLatest{
		Window: c.Window.Seconds(), Calls: c.Calls, Failed: c.Failed, Refused: c.Refused, Fault: c.Permanent,
		Reasons: make(map[string]uint64, len(c.Reasons)), Last: r.lastFailure,
	}
	for reason, n := range c.Reasons {
		l.Reasons[reason.String()] = n
	}
	for _, kind := range c.Unclassified[:min(len(c.Unclassified), namedKinds)] {
		l.Kinds = append(l.Kinds, shown(kind, maxKindName))
	}
	return l
}

// outages remembers since when the breakers of a pipeline are not closed. A breaker that is open
// and one that probes are one outage: somebody who is woken by it asks when it began, not when the
// last round of probes failed.
type outages map[nthBreaker]outage

// nthBreaker is the nth breaker with a name: a pipeline may have several, for example one around
// its retry loop and one within it, if none was given a name.
type nthBreaker struct {
	name string
	nth  int
}

// nthOf returns which breaker all[i] is.
func nthOf(all []breaker.Stats, i int) nthBreaker {
	which := nthBreaker{name: all[i].Name}
	for j := range i {
		if all[j].Name == which.name {
			which.nth++
		}
	}
	return which
}

type outage struct {
	state breaker.State // StateHalfOpen counts as StateOpen
	since int64         // in milliseconds since 1970; 0 if it is not known
}

// follow takes how the breakers stand in a round.
func (o outages) follow(all []breaker.Stats, now time.Time) {
	for i := range all {
		state := all[i].State
		if state == breaker.StateHalfOpen {
			state = breaker.StateOpen
		}
		which := nthOf(all, i)
		switch was, known := o[which]; {
		case !known:
			o[which] = outage{state: state}
		case was.state != state:
			o[which] = outage{state, now.UnixMilli()}
		}
	}
	if len(o) > len(all) { // the others were replaced by an Update
		maps.DeleteFunc(o, func(which nthBreaker, _ outage) bool {
			for i := range all {
				if nthOf(all, i) == which {
					return false
				}
			}
			return true
		})
	}
}

// notClosed returns what there is to tell of the breakers that are not closed.
func (r *row) notClosed(all []breaker.Stats, now time.Time, h *hands) (told []breakerLatest) {
	r.outages.follow(all, now)
	h.keep(r.pipeline.Name(), r.readAt, func(name string) bool {
		return slices.ContainsFunc(all, func(b breaker.Stats) bool { return b.Name == name && b.State == breaker.StateIsolated })
	})
	for i := range all {
		b, which := &all[i], nthOf(all, i)
		l := breakerLatest{Name: b.Name, Nth: which.nth, Why: shown(b.Why, maxWhy), Since: r.outages[which].since}
		switch b.State {
		case breaker.StateHalfOpen:
			l.Probes, l.Need = r.probesOf(which)
		case breaker.StateIsolated:
			l.By = shown(h.who(hand{r.pipeline.Name(), b.Name}), maxName)
		case breaker.StateOpen:
		default:
			continue
		}
		told = append(told, l)
	}
	return told
}

// probesOf returns how many probes decide about a breaker, and how many of them must succeed, 0 if
// that is not set.
func (r *row) probesOf(which nthBreaker) (probes, need int) {
	for _, b := range r.pipeline.Breakers() {
		c := b.Config()
		if c.Name != which.name {
			continue
		}
		if which.nth == 0 {
			return c.HalfOpenProbes, max(c.MinSuccesses, 0)
		}
		which.nth--
	}
	return 0, 0
}
