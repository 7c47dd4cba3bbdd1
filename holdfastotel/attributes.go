package holdfastotel

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The attributes; doc.go says what they mean.
const (
	keyPipeline     = attribute.Key("holdfast.pipeline.name")
	keyOutcome      = attribute.Key("holdfast.outcome")
	keyReason       = attribute.Key("holdfast.reason")
	keyVerdict      = attribute.Key("holdfast.verdict")
	keyStage        = attribute.Key("holdfast.stage")
	keyAttemptGroup = attribute.Key("holdfast.attempt.group")
	keyBreakerName  = attribute.Key("holdfast.breaker.name")
	keyBreakerState = attribute.Key("holdfast.breaker.state")
	keyBreakerFrom  = attribute.Key("holdfast.breaker.from")
	keyBreakerTo    = attribute.Key("holdfast.breaker.to")
	keyAttemptPlace = attribute.Key("holdfast.attempt.place")
	keyBulkhead     = attribute.Key("holdfast.bulkhead.number")
	keySource       = attribute.Key("holdfast.budget.source")
	keyUpdateKind   = attribute.Key("holdfast.update.kind")

	// On spans only: some of these have any number of values.
	keyKey           = attribute.Key("holdfast.key")
	keyAttemptNumber = attribute.Key("holdfast.attempt.number")
	keyAttemptCount  = attribute.Key("holdfast.attempt.count")
	keyBreakerWhy    = attribute.Key("holdfast.breaker.why")
	keyDelay         = attribute.Key("holdfast.delay")
	keyElapsed       = attribute.Key("holdfast.elapsed")
	keyErrorMessage  = attribute.Key("holdfast.error.message")
	keyUpdateWhat    = attribute.Key("holdfast.update.what")
	keyUpdateFrom    = attribute.Key("holdfast.update.from")
	keyUpdateTo      = attribute.Key("holdfast.update.to")
	keyUpdateBy      = attribute.Key("holdfast.update.by")
)

// point is a set of attributes in the forms in which an instrument takes it: to pass a slice
// that is there already allocates nothing.
type point struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func newPoint(attributes ...attribute.KeyValue) *point {
	o := metric.WithAttributeSet(attribute.NewSet(attributes...))
	return &point{[]metric.AddOption{o}, []metric.RecordOption{o}}
}

// lazy is a point that is made when it is first needed.
type lazy struct{ made atomic.Pointer[point] }

func (l *lazy) get(build func() *point) *point {
	if p := l.made.Load(); p != nil {
		return p
	}
	p := build() // whoever builds it at the same time builds the same
	l.made.Store(p)
	return p
}
