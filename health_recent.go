package holdfast

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/media-gateway/holdfast/internal/mono"
	"github.com/media-gateway/holdfast/resilience"
)

// RecentCalls says how a pipeline's calls of the last Window ended, from the first of them that did
// not succeed. The calls of a Keyed's keys are in its Total's.
type RecentCalls struct {
	Window    time.Duration `json:"-"`         // HealthConfig.Window. In JSON window_seconds
	Calls     uint64        `json:"calls"`     // calls that ended; canceled ones are left out
	Failed    uint64        `json:"failed"`    // of Calls: ended with an error after an attempt
	Refused   uint64        `json:"refused"`   // of Calls: ended with an error, without an attempt
	Permanent uint64        `json:"permanent"` // of Failed: judged Permanent, the caller's fault
	Canceled  uint64        `json:"canceled"`  // the caller gave up
	LastAgo   time.Duration `json:"-"`         // since a call failed or was refused. In JSON last_ago_seconds

	Reasons map[resilience.Reason]uint64 `json:"reasons"` // of Failed and Refused

	// Unclassified names the kinds of errors in the window that nobody has classified, as in
	// Snapshot.Unclassified. The most frequent since the pipeline was made comes first.
	Unclassified []string `json:"unclassified,omitempty"`
}

// recentCalls says how the calls within the last span ended: nil if none failed or was refused.
func (p *Pipeline) recentCalls(span time.Duration) (*RecentCalls, recent) {
	w := p.counters.lately.Load()
	if w == nil {
		return nil, recent{}
	}
	now, n := mono.Now(), int64(span/time.Second)
	r := w.over(n, now, &p.counters)
	if r.failed+r.refused == 0 {
		return nil, r
	}
	c := &RecentCalls{
		Window: span, Calls: r.calls, Failed: r.failed, Refused: r.refused, Permanent: r.fault, Canceled: r.canceled,
		LastAgo: max(0, time.Duration(now-r.last)),
		Reasons: map[resilience.Reason]uint64{},
	}
	for i := range r.failedBy {
		if n := r.failedBy[i] + r.refusedBy[i]; n > 0 {
			c.Reasons[resilience.Reason(i)] = n
		}
	}
	c.Unclassified = p.unknown.Load().since(w.begun(n, now))
	return c, r
}

// judge returns the state that follows from the share of calls that did not succeed.
func (r *recent) judge(c HealthConfig) HealthState {
	bad := r.failed + r.refused
	switch {
	case r.calls < uint64(c.MinCalls): //nolint:gosec // checked: not negative
		return Healthy
	case c.UnhealthyShare > 0 && share(bad-r.fault, r.calls) >= c.UnhealthyShare:
		return Unhealthy
	case c.DegradedShare > 0 && share(bad, r.calls) >= c.DegradedShare:
		return Degraded
	}
	return Healthy
}

// share returns part / of. To multiply instead would round: 3 of 30 are exactly 0.1.
func share(part, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// inWords says which part of the calls did not succeed, and why:
// "98 % of 500 calls in 10 s failed: permanent". It adds ", the last one 3 s ago" if that was at
// least a second ago.
func (c *RecentCalls) inWords(r recent) string {
	var clauses []string
	add := func(part uint64, verb string, by []uint64) {
		if part == 0 {
			return
		}
		of := ""
		if len(clauses) == 0 {
			of = fmt.Sprintf(" of %d calls in %s", c.Calls, seconds(c.Window))
		}
		clauses = append(clauses, percent(part, c.Calls)+of+" "+verb+": "+c.reasons(by))
	}
	if r.failed >= r.refused {
		add(r.failed, "failed", r.failedBy[:])
		add(r.refused, "were refused", r.refusedBy[:])
	} else {
		add(r.refused, "were refused", r.refusedBy[:])
		add(r.failed, "failed", r.failedBy[:])
	}
	if c.LastAgo >= time.Second {
		clauses = append(clauses, "the last one "+seconds(c.LastAgo)+" ago")
	}
	return strings.Join(clauses, ", ")
}

// maxNamed is how many reasons, and how many kinds of errors, are named in a sentence.
const maxNamed = 3

// reasons lists the reasons that occurred, the most frequent first, with counts if there are
// several.
func (c *RecentCalls) reasons(by []uint64) string {
	type counted struct {
		resilience.Reason
		n uint64
	}
	var all []counted
	for i, n := range by {
		if n > 0 {
			all = append(all, counted{resilience.Reason(i), n})
		}
	}
	slices.SortStableFunc(all, func(a, b counted) int { return cmp.Compare(b.n, a.n) })
	words := make([]string, 0, len(all))
	for _, a := range all {
		word := a.String()
		if len(all) > 1 {
			word = fmt.Sprintf("%s %d", word, a.n)
		}
		if a.Reason == resilience.ReasonUnclassified && len(c.Unclassified) > 0 {
			word += " (" + atMost(c.Unclassified, maxNamed) + ")"
		}
		words = append(words, word)
	}
	return atMost(words, maxNamed)
}

// atMost joins the first n words, and shows whether there are more.
func atMost(words []string, n int) string {
	text := strings.Join(words[:min(n, len(words))], ", ")
	if len(words) > n {
		text += ", …"
	}
	return text
}

// percent rounds down, so that 100 % means all.
func percent(part, of uint64) string {
	if whole := part * 100 / of; whole > 0 {
		return fmt.Sprintf("%d %%", whole)
	}
	return "under 1 %"
}

// seconds writes whole seconds.
func seconds(d time.Duration) string { return fmt.Sprintf("%d s", d/time.Second) }
