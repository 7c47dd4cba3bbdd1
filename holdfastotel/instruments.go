package holdfastotel

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// durationBounds are for the durations of calls over a network, in seconds: two or three per decade.
var durationBounds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// backoffBounds are for pauses, in seconds.
var backoffBounds = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// instruments are those that count as things happen.
type instruments struct {
	calls, attempts, retries, denied, rejections, transitions, updates metric.Int64Counter
	callDuration, attemptDuration, backoff                             metric.Float64Histogram
}

func newInstruments(m *maker) *instruments {
	return &instruments{
		calls:           m.counter("holdfast.calls", "{call}", "Calls that ended."),
		callDuration:    m.histogram("holdfast.call.duration", "How long calls took, retries and pauses included.", durationBounds),
		attempts:        m.counter("holdfast.attempts", "{attempt}", "Attempts that ended: what the dependency saw."),
		attemptDuration: m.histogram("holdfast.attempt.duration", "How long attempts took.", durationBounds),
		retries:         m.counter("holdfast.retries", "{retry}", "Retries decided and paid for."),
		backoff:         m.histogram("holdfast.backoff", "Pauses before retries.", backoffBounds),
		denied:          m.counter("holdfast.retries.denied", "{call}", "Calls whose next attempt was denied."),
		rejections:      m.counter("holdfast.rejections", "{rejection}", "Calls and attempts that a stage refused."),
		transitions:     m.counter("holdfast.breaker.transitions", "{transition}", "Changes of a breaker's state."),
		updates:         m.counter("holdfast.updates", "{update}", "Changes of the pipeline: its stages, or its tuning by hand."),
	}
}

// readings are what is read from the pipelines when the metrics are collected.
type readings struct {
	inFlight, inUse, waiting, capacity, keys, keysOpen       metric.Int64ObservableUpDownCounter
	tokens, ratio, learned, stretch                          metric.Float64ObservableGauge
	burst, shadow, breaker                                   metric.Int64ObservableGauge
	deposits, withdrawals, refunds, refused, shadowedRefusal metric.Int64ObservableCounter
	overflowed                                               metric.Int64ObservableCounter
}

func newReadings(m *maker) *readings {
	return &readings{
		inFlight:        m.upDown("holdfast.calls.in_flight", "{call}", "Calls begun and not ended."),
		tokens:          m.float("holdfast.budget.tokens", "{token}", "Tokens in the bank of the retry budget."),
		burst:           m.gauge("holdfast.budget.burst.tokens", "{token}", "The most tokens that the bank holds."),
		ratio:           m.float("holdfast.budget.ratio", "1", "Tokens that a call deposits."),
		shadow:          m.gauge("holdfast.budget.shadow", "{budget}", "1 if the budget only watches and refuses nothing, else 0."),
		deposits:        m.readCounter("holdfast.budget.deposits", "{deposit}", "Deposits that found the bank less than full."),
		withdrawals:     m.readCounter("holdfast.budget.withdrawals", "{retry}", "Retries paid for, by the bank or the floor."),
		refunds:         m.readCounter("holdfast.budget.refunds", "{retry}", "Tokens given back for retries that were never made."),
		refused:         m.readCounter("holdfast.budget.refused", "{retry}", "Retries refused by the budget."),
		shadowedRefusal: m.readCounter("holdfast.budget.shadow.refused", "{retry}", "Retries that would have been refused, were the budget not in shadow."),
		breaker:         m.gauge("holdfast.breaker.state", "{breaker}", "1 for the state that the breaker is in, 0 for the others."),
		inUse:           m.upDown("holdfast.bulkhead.in_use", "{call}", "Calls inside the bulkhead."),
		waiting:         m.upDown("holdfast.bulkhead.waiting", "{call}", "Calls that wait to enter the bulkhead."),
		capacity:        m.upDown("holdfast.bulkhead.capacity", "{call}", "The most calls that the bulkhead lets in."),
		learned:         m.float("holdfast.adaptive.success", "1", "Share of successes among the attempts that an adaptive retry loop remembers."),
		keys:            m.upDown("holdfast.keyed.keys", "{key}", "Keys that have a pipeline of their own."),
		keysOpen:        m.upDown("holdfast.keyed.breakers.open", "{key}", "Keys that have a breaker which is not closed: open, isolated or half-open."),
		overflowed:      m.readCounter("holdfast.keyed.overflowed", "{call}", "Calls of keys for which there was no room, so that they shared a pipeline."),
		stretch:         m.float("holdfast.adaptive.stretch", "1", "By how much an adaptive retry loop multiplies its base delay."),
	}
}

// maker makes instruments, and collects what went wrong.
type maker struct {
	meter       metric.Meter
	observables []metric.Observable
	errs        []error
}

func (m *maker) err() error { return errors.Join(m.errs...) }

func made[T any](m *maker, instrument T, err error) T {
	if err != nil {
		m.errs = append(m.errs, err)
	}
	return instrument
}

func observed[T metric.Observable](m *maker, instrument T, err error) T {
	m.observables = append(m.observables, instrument)
	return made(m, instrument, err)
}

func (m *maker) counter(name, unit, what string) metric.Int64Counter {
	c, err := m.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return made(m, c, err)
}

func (m *maker) histogram(name, what string, bounds []float64) metric.Float64Histogram {
	h, err := m.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(what),
		metric.WithExplicitBucketBoundaries(bounds...))
	return made(m, h, err)
}

func (m *maker) upDown(name, unit, what string) metric.Int64ObservableUpDownCounter {
	c, err := m.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return observed(m, c, err)
}

func (m *maker) gauge(name, unit, what string) metric.Int64ObservableGauge {
	g, err := m.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
	return observed(m, g, err)
}

func (m *maker) float(name, unit, what string) metric.Float64ObservableGauge {
	g, err := m.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(what))
	return observed(m, g, err)
}

func (m *maker) readCounter(name, unit, what string) metric.Int64ObservableCounter {
	c, err := m.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	return observed(m, c, err)
}
