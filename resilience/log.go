package resilience

import (
	"context"
	"log/slog"
	"time"

	"github.com/media-gateway/holdfast/internal/foreign"
	"github.com/media-gateway/holdfast/internal/told"
)

// NewLogObserver returns an Observer that logs to l (slog.Default if nil): retries, waits of a
// patient loop, refusals, failed attempts and a budget's shadow refusals at debug; giving up, calls
// whose outcome is unknown, a breaker's changes (with what opened it), the cuts of an adaptive
// limit, errors that nobody has classified and a fleet that has lost its store at warn; an update,
// the end of such a limit and a fleet that has its store back at info. Calls that end well are not
// logged.
//
// A change that stands in the same log already is not logged again: the dashboard's "changed by
// hand" and a file's reload (config.Watch) are in each log once. Two loggers have the same log if
// they have the same Handler.
//
// It formats nothing, and allocates nothing, when the level is off.
func NewLogObserver(l *slog.Logger) Observer {
	if l == nil {
		l = slog.Default()
	}
	return logObserver{l}
}

type logObserver struct{ log *slog.Logger }

func (o logObserver) Observe(ctx context.Context, e Event) {
	switch e.Kind {
	case EventAttempt:
		if e.Verdict != Success {
			o.attempt(ctx, e)
		}
	case EventRetry:
		o.retry(ctx, e)
	case EventWait:
		o.wait(ctx, e)
	case EventReject:
		o.reject(ctx, e)
	case EventGiveUp:
		if e.Reason != ReasonOutcomeUnknown { // else EventCall follows, even if no loop decided
			o.giveUp(ctx, e)
		}
	case EventCall:
		if e.Reason == ReasonOutcomeUnknown {
			o.giveUp(ctx, e)
		}
	case EventBreaker:
		o.breaker(ctx, e)
	case EventShadow:
		o.shadow(ctx, e)
	case EventUpdate:
		o.update(ctx, e)
	case EventLimit:
		o.limit(ctx, e)
	case EventUnclassified:
		o.unclassified(ctx, e)
	case EventFleet:
		o.fleet(ctx, e)
	}
}

// LogsUnclassified says that the observer logs errors which nobody has classified, so that the
// pipeline need not.
func (logObserver) LogsUnclassified() {}

func (o logObserver) unclassified(ctx context.Context, e Event) {
	if !o.log.Enabled(ctx, slog.LevelWarn) {
		return
	}
	kind, text := UnclassifiedKind{What: DescribeError(e.Err), Count: 1}, ""
	if e.Unclassified != nil {
		kind = *e.Unclassified
	}
	if e.Err != nil {
		text = cutText(foreign.Text(e.Err)) // with its digits: "status 402" and "status 503" differ in meaning
	}
	o.log.LogAttrs(ctx, slog.LevelWarn, "unclassified error: not retried; counts as a failure of the dependency; "+
		"say what it means with holdfast.Classify(resilience.Errors(resilience.Permanent, …))",
		pipeline(e), key(e), slog.String("what", kind.What), slog.Uint64("count", kind.Count), slog.String("error", text))
}

// LogsFleets says that the observer logs that a fleet has lost its store, or has it back, so that
// the fleet need not.
func (logObserver) LogsFleets() {}

func (o logObserver) fleet(ctx context.Context, e Event) {
	c := e.Fleet
	switch {
	case c == nil:
	case c.Apart && o.log.Enabled(ctx, slog.LevelWarn):
		o.log.LogAttrs(ctx, slog.LevelWarn, "the fleet's store is in trouble; every breaker goes by itself until it is back",
			slog.String("fleet", c.Name), slog.String("pod", c.Pod), why(e))
	case !c.Apart && o.log.Enabled(ctx, slog.LevelInfo):
		o.log.LogAttrs(ctx, slog.LevelInfo, "the fleet's store is back",
			slog.String("fleet", c.Name), slog.String("pod", c.Pod), slog.String("after", c.After.Round(time.Millisecond).String()))
	}
}

func (o logObserver) attempt(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelDebug) {
		o.log.LogAttrs(ctx, slog.LevelDebug, "attempt failed", pipeline(e), key(e), slog.Int("attempt", e.Attempt),
			slog.String("verdict", e.Verdict.String()), slog.Duration("elapsed", e.Elapsed), slog.Any("error", e.Err))
	}
}

func (o logObserver) retry(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelDebug) {
		o.log.LogAttrs(ctx, slog.LevelDebug, "retrying", pipeline(e), key(e), slog.Int("attempt", e.Attempt),
			slog.String("verdict", e.Verdict.String()), slog.Duration("delay", e.Delay), slog.Any("error", e.Err))
	}
}

func (o logObserver) wait(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelDebug) {
		o.log.LogAttrs(ctx, slog.LevelDebug, "waiting: refused for now", pipeline(e), key(e), slog.String("reason", e.Reason.String()),
			slog.Int("attempt", e.Attempt), slog.Duration("delay", e.Delay), slog.Any("error", e.Err))
	}
}

func (o logObserver) reject(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelDebug) {
		o.log.LogAttrs(ctx, slog.LevelDebug, "refused", pipeline(e), key(e), slog.String("stage", e.Stage), breaker(e),
			slog.String("reason", e.Reason.String()), slog.Any("error", e.Err))
	}
}

func (o logObserver) giveUp(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelWarn) {
		o.log.LogAttrs(ctx, slog.LevelWarn, "gave up", pipeline(e), key(e), slog.String("reason", e.Reason.String()),
			slog.Int("attempts", e.Attempts), slog.Duration("elapsed", e.Elapsed), slog.Any("error", e.Err))
	}
}

func (o logObserver) breaker(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelWarn) {
		o.log.LogAttrs(ctx, slog.LevelWarn, "circuit breaker "+e.To.String(), pipeline(e), key(e), slog.String("stage", e.Stage), breaker(e),
			slog.String("from", e.From.String()), slog.String("to", e.To.String()), why(e))
	}
}

func (o logObserver) shadow(ctx context.Context, e Event) {
	if o.log.Enabled(ctx, slog.LevelDebug) {
		o.log.LogAttrs(ctx, slog.LevelDebug, "retry budget (in shadow) would have refused a retry", pipeline(e), key(e),
			slog.Int("attempt", e.Attempt), slog.Any("error", e.Err))
	}
}

func (o logObserver) limit(ctx context.Context, e Event) {
	switch {
	case e.Limit == 0 && o.log.Enabled(ctx, slog.LevelInfo):
		o.log.LogAttrs(ctx, slog.LevelInfo, "no limit of what is in flight any more", pipeline(e), key(e), slog.String("stage", e.Stage))
	case e.Limit > 0 && o.log.Enabled(ctx, slog.LevelWarn):
		o.log.LogAttrs(ctx, slog.LevelWarn, "limit of what is in flight cut", pipeline(e), key(e), slog.String("stage", e.Stage),
			slog.Int("limit", e.Limit), why(e))
	}
}

// update logs what an update changed, but for what stands in this log already: see NewLogObserver.
func (o logObserver) update(ctx context.Context, e Event) {
	if !o.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	record, h := told.In(ctx), o.log.Handler()
	var fresh []told.Update
	var changes Update // those that are fresh
	for i, u := range updates(e) {
		if record.Has(h, u) {
			continue
		}
		fresh = append(fresh, u)
		if e.Update != nil && i < len(e.Update.Changes) {
			changes.Changes = append(changes.Changes, e.Update.Changes[i])
		}
	}
	if len(fresh) == 0 {
		return
	}
	if c := e.Change; c != nil {
		o.log.LogAttrs(ctx, slog.LevelInfo, "pipeline changed by hand", pipeline(e), key(e), slog.String("what", c.What()),
			slog.String("from", c.FromText()), slog.String("to", c.ToText()), slog.String("by", c.By))
	} else {
		o.log.LogAttrs(ctx, slog.LevelInfo, "pipeline updated", pipeline(e), key(e), named("changes", changes.String()))
	}
	for _, u := range fresh {
		record.Logged(h, u)
	}
}

// updates returns what an EventUpdate says, one by one. An update that changed nothing is one.
func updates(e Event) []told.Update {
	of := func(c Change) told.Update {
		return told.Update{Pipeline: e.Pipeline, Key: e.Key, What: c.What(), Stage: c.Stage, Name: c.Name, Field: c.Field, From: c.From, To: c.To}
	}
	switch {
	case e.Change != nil:
		return []told.Update{of(*e.Change)}
	case e.Update == nil || len(e.Update.Changes) == 0:
		return []told.Update{{Pipeline: e.Pipeline, Key: e.Key}}
	}
	all := make([]told.Update, len(e.Update.Changes))
	for i, c := range e.Update.Changes {
		all[i] = of(c)
	}
	return all
}

func pipeline(e Event) slog.Attr { return slog.String("pipeline", e.Pipeline) }

// key is an empty attribute, which handlers leave out, for a pipeline without a key.
func key(e Event) slog.Attr { return named("key", e.Key) }

// breaker is an empty attribute if no breaker reports.
func breaker(e Event) slog.Attr { return named("breaker", e.Breaker) }

// why is an empty attribute if nothing says why.
func why(e Event) slog.Attr {
	if e.Why == nil {
		return slog.Attr{}
	}
	return slog.String("why", foreign.Text(e.Why))
}

// named is an attribute, empty if it has no value.
func named(key, value string) slog.Attr {
	if value == "" {
		return slog.Attr{}
	}
	return slog.String(key, value)
}
