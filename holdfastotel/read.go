package holdfastotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/media-gateway/holdfast"
	"github.com/media-gateway/holdfast/resilience/budget"
	"github.com/media-gateway/holdfast/resilience/bulkhead"
	"github.com/media-gateway/holdfast/resilience/retry"
)

// read is the callback by which the MeterProvider asks how the pipelines stand.
func (o *Observer) read(_ context.Context, to metric.Observer) error {
	var errs []error
	for _, of := range o.alive() {
		r := reading{readings: o.readings, to: to, pipeline: of.series.pipeline}
		errs = append(errs, r.pipelines(of))
	}
	return errors.Join(errs...)
}

// reading tells how the pipelines of one name stand.
type reading struct {
	*readings
	to       metric.Observer
	pipeline attribute.KeyValue
}

// pipelines tells how the pipelines of one name stand. A panic of a Guard's String, which
// Snapshot asks, is an error: on the goroutine of a reader it would end the process.
func (r *reading) pipelines(of alive) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("holdfastotel: pipeline %q: a stage panicked: %v", r.pipeline.Value.AsString(), p)
		}
	}()
	snapshot := r.inUseBy(of.pipelines)
	last := of.pipelines[len(of.pipelines)-1]
	if b := last.Budget(); b != nil {
		r.budget(b, of.series.ledger.read(of.pipelines))
	}
	r.breakers(snapshot.Breakers)
	if snapshot.Learned != nil {
		r.adaptive(snapshot.Learned)
	}
	if k := snapshot.Keys; k != nil {
		r.int(r.keys, int64(k.Len))
		r.int(r.keysOpen, int64(k.Open))
		r.int(r.overflowed, int64(k.Overflowed))
	}
	return nil
}

func (r *reading) with(more []attribute.KeyValue) metric.ObserveOption {
	return metric.WithAttributes(append([]attribute.KeyValue{r.pipeline}, more...)...)
}

func (r *reading) int(i metric.Int64Observable, v int64, more ...attribute.KeyValue) {
	r.to.ObserveInt64(i, v, r.with(more))
}

func (r *reading) float(i metric.Float64Observable, v float64, more ...attribute.KeyValue) {
	r.to.ObserveFloat64(i, v, r.with(more))
}

// inUseBy tells the sum of what several pipelines of one name have in use, and returns how the last one stands.
func (r *reading) inUseBy(all []*holdfast.Pipeline) (last holdfast.Snapshot) {
	var live uint64
	var bulkheads []bulkhead.Stats
	for _, p := range all {
		last = p.Snapshot()
		live += last.Live
		for i, b := range last.Bulkheads {
			if i == len(bulkheads) {
				bulkheads = append(bulkheads, bulkhead.Stats{})
			}
			bulkheads[i].InUse += b.InUse
			bulkheads[i].Waiting += b.Waiting
			bulkheads[i].MaxConcurrent += b.MaxConcurrent
		}
	}
	r.int(r.inFlight, int64(live))
	for i, b := range bulkheads {
		number := keyBulkhead.Int(i + 1)
		r.int(r.inUse, int64(b.InUse), number)
		r.int(r.waiting, int64(b.Waiting), number)
		r.int(r.capacity, int64(b.MaxConcurrent), number)
	}
	return last
}

func (r *reading) budget(b *budget.Budget, counted budget.Stats) {
	c := b.Config()
	r.float(r.tokens, b.Tokens())
	r.int(r.burst, int64(c.Burst))
	r.float(r.ratio, max(0, c.Ratio)) // -1 stands for none
	r.int(r.shadow, one(c.Shadow))
	r.int(r.deposits, int64(counted.Deposits))
	r.int(r.withdrawals, int64(counted.Withdrawals), keySource.String("bank"))
	r.int(r.withdrawals, int64(counted.FloorPaid), keySource.String("floor"))
	r.int(r.refunds, int64(counted.Refunds))
	r.int(r.refused, int64(counted.Refused))
	r.int(r.shadowedRefusal, int64(counted.ShadowRefused))
}

func (r *reading) breakers(all []holdfast.BreakerStats) {
	taken := map[string]bool{}
	for _, b := range all {
		name := text(b.Name)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s#%d", text(b.Name), n)
		}
		taken[name] = true
		for state := range unknownState {
			r.int(r.breaker, one(state == b.State), keyBreakerName.String(name), keyBreakerState.String(state.String()))
		}
	}
}

// adaptive leaves out what the loop knows nothing about.
func (r *reading) adaptive(l *retry.Learned) {
	r.float(r.stretch, l.Stretch)
	for i, a := range l.Attempts {
		if a.Tries > 0 {
			r.float(r.learned, a.Rate(), keyAttemptPlace.Int(i+1))
		}
	}
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
