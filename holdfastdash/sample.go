package holdfastdash

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
)

// row is a pipeline on the page. Only the sampler's goroutine uses it.
type row struct {
	pipeline *holdfast.Pipeline
	line     *line             // its part of the history
	since    time.Time         // when it was first read
	was      holdfast.Snapshot // of the last sample
	chain    string            // in words, of the last Snapshot
	broken   bool              // its last read failed, and that was logged
	draining bool              // its service was removed, but calls are in flight

	readAt      time.Time // when its last read began
	outages     outages   // of its breakers
	lastFailure int64     // when a call last failed, as it was last told: see recent

	deaf func() // stops listening to changes

	// Used while a browser is connected, and for linger after that.
	stop    func() // stops watching; nil if not watching
	watcher *watcher
	heard   time.Time // when it began to watch
	counted counts
	refused refusals
}

// watch starts counting what only an Observer hears.
func (r *row) watch() {
	if r.watcher == nil {
		r.watcher = &watcher{}
	}
	r.counted.advance(&r.watcher.latencies) // ignore calls that ended since unwatch
	r.refused.advance(r.watcher, func(uint64, uint64) float64 { return 0 })
	r.heard = time.Now()
	r.stop = r.pipeline.Watch(r.watcher)
}

// unwatch ends watch, if it was called.
func (r *row) unwatch() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// read returns the pipeline's Snapshot. That calls the user's code if the pipeline has a stage of
// another module. If the code panics, read logs that once, and ok is false.
func (r *row) read(log *slog.Logger) (s holdfast.Snapshot, ok bool) {
	defer func() {
		v := recover()
		if v != nil && !r.broken {
			log.Warn("a pipeline cannot be shown", "pipeline", r.pipeline.Name(), "panic", v)
		}
		r.broken = v != nil
	}()
	r.readAt = time.Now()
	return r.pipeline.Snapshot(), true
}

// next returns a sample as JSON: what the pipeline did in the elapsed time since the last call of
// next.
func (r *row) next(is holdfast.Snapshot, elapsed time.Duration) json.RawMessage {
	if r.was.Name == "" { // it could not be read before
		r.was = is
	}
	s := compare(r.was, is, elapsed)
	s.Draining = r.draining
	if b := r.pipeline.Budget(); b != nil && s.Budget != nil {
		s.Budget.settings(b.Config())
	}
	if r.stop != nil {
		if since, total := r.counted.advance(&r.watcher.latencies); total > 0 {
			s.P50 = round(since.quantile(0.5, total).Seconds())
			s.P99 = round(since.quantile(0.99, total).Seconds())
		}
		s.Refused = r.refused.advance(r.watcher, rates(elapsed))
	}
	r.was = is
	text, err := json.Marshal(s)
	if err != nil { // a rate is not a finite number: elapsed was 0
		return nil
	}
	return text
}

// compare turns two Snapshots of a pipeline into a sample.
func compare(was, is holdfast.Snapshot, elapsed time.Duration) sample {
	per := rates(elapsed)
	ended, failed := growth(is.Calls-is.Live, was.Calls-was.Live), growth(is.Failed, was.Failed)
	s := sample{
		Calls: per(ended, 0), Attempts: per(is.Attempts, was.Attempts), Good: per(ended, min(failed, ended)), Live: is.Live,
	}
	if begun := growth(is.Calls, was.Calls); begun > 0 {
		amp := round(float64(growth(is.Attempts, was.Attempts)) / float64(begun))
		s.Amp = &amp
	}
	for reason, n := range is.Denials {
		if n > was.Denials[reason] {
			if s.Denied == nil {
				s.Denied = map[string]float64{}
			}
			s.Denied[reason.String()] = per(n, was.Denials[reason])
		}
	}
	if b := is.Budget; b != nil {
		var before budget.Stats
		if was.Budget != nil {
			before = *was.Budget
		}
		s.Budget = &budgetSample{
			Tokens: round(b.Tokens), Burst: b.Burst,
			Refused: per(b.Refused, before.Refused), ShadowRefused: per(b.ShadowRefused, before.ShadowRefused),
		}
	}
	for _, b := range is.Breakers {
		s.Breakers = append(s.Breakers, breakerSample{
			Name: b.Name, State: b.State.String(), RetryIn: round(b.RetryAfter.Seconds()),
			Failures: b.Counts.Failures, Requests: b.Counts.Requests, Unclassified: b.Counts.Unclassified, Slow: b.Counts.Slow,
		})
	}
	for i, b := range is.Bulkheads {
		s.Limits = append(s.Limits, limitSample{
			Stage: "bulkhead", Of: "places", Full: "Bulkhead full",
			Used: b.InUse, Max: leastLimit(b.MaxConcurrent, b.Limit), Adaptive: b.Limit > 0, Waiting: b.Waiting, Queue: b.QueueLimit, Refused: per(b.Rejected, before(was.Bulkheads, i).Rejected),
		})
	}
	for i, l := range is.RateLimits {
		s.Limits = append(s.Limits, limitSample{
			Stage: "ratelimit", Of: "tokens", Full: "Rate limit reached",
			Used: l.Burst - int(l.Tokens), Max: l.Burst, Waiting: l.Waiting, Refused: per(l.Rejected, before(was.RateLimits, i).Rejected),
		})
	}
	if w := is.Waits; w != nil {
		s.Limits = append(s.Limits, limitSample{Stage: "retry", Of: "places to wait in", Full: "Too many wait", Used: w.Waiting, Max: w.QueueLimit})
	}
	if k := is.Keys; k != nil {
		s.Keys = &keysSample{All: k.Len, Open: k.Open}
		for _, key := range k.OpenKeys[:min(len(k.OpenKeys), namedKeys)] {
			s.Keys.Names = append(s.Keys.Names, shown(key, maxName))
		}
		if was.Keys != nil {
			s.Keys.NoRoom = per(k.Overflowed, was.Keys.Overflowed)
		}
	}
	s.Unclassified = unclassifiedOf(was.Unclassified, is.Unclassified, per)
	return s
}

// rates returns a func that says how much a count grew, per second.
func rates(elapsed time.Duration) func(is, was uint64) float64 {
	return func(is, was uint64) float64 { return round(float64(growth(is, was)) / elapsed.Seconds()) }
}

// leastLimit returns the lesser of two limits; 0 stands for none.
func leastLimit(a, b int) int {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// before returns the stats of the i-th stage of a kind in the last Snapshot, zero if there was
// none.
func before[S any](was []S, i int) (stats S) {
	if i < len(was) {
		return was[i]
	}
	return stats
}

// settings adds the settings in force. -1 means none in a Config, and becomes 0.
func (b *budgetSample) settings(c budget.Config) {
	b.Ratio, b.Floor, b.Shadow, b.On = max(c.Ratio, 0), max(c.Floor, 0), c.Shadow, c.DepositOn.String()
}

// growth returns how much a count grew, 0 if it shrank. A count may seem to shrink, since counts
// are read while calls run, and a stage may have been replaced.
func growth(is, was uint64) uint64 { return is - min(was, is) }
