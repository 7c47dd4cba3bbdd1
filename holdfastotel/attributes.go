package holdfastotel

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/media-gateway/holdfast/metrics"
)

// Attributes of spans and of their events; doc.go says what they mean. The attributes of metrics
// are in the catalogue. Some are in both, with the same names.
const (
	keyReason        = attribute.Key("holdfast.reason")
	keyVerdict       = attribute.Key("holdfast.verdict")
	keyStage         = attribute.Key("holdfast.stage")
	keyBreakerName   = attribute.Key("holdfast.breaker.name")
	keyBreakerFrom   = attribute.Key("holdfast.breaker.from")
	keyBreakerTo     = attribute.Key("holdfast.breaker.to")
	keyKey           = attribute.Key("holdfast.key")
	keyAttemptNumber = attribute.Key("holdfast.attempt.number")
	keyAttemptCount  = attribute.Key("holdfast.attempt.count")
	keyBreakerWhy    = attribute.Key("holdfast.breaker.why")
	keyLimit         = attribute.Key("holdfast.limit")
	keyLimitWhy      = attribute.Key("holdfast.limit.why")
	keyDelay         = attribute.Key("holdfast.delay")
	keyElapsed       = attribute.Key("holdfast.elapsed")
	keyErrorMessage  = attribute.Key("holdfast.error.message")
	keyErrorKind     = attribute.Key("holdfast.error.kind")
	keyUpdateWhat    = attribute.Key("holdfast.update.what")
	keyUpdateFrom    = attribute.Key("holdfast.update.from")
	keyUpdateTo      = attribute.Key("holdfast.update.to")
	keyUpdateBy      = attribute.Key("holdfast.update.by")
)

// pipelineOf returns the attribute with the pipeline's name, for a metric or a span.
func pipelineOf(name string) attribute.KeyValue {
	return attribute.Key(metrics.Pipeline.Attribute).String(name)
}

// fleetOf returns the attribute with the fleet's name, for a metric.
func fleetOf(name string) attribute.KeyValue {
	return attribute.Key(metrics.Fleet.Attribute).String(name)
}

// fileOf returns the attribute with the path of a configuration file, for a metric.
func fileOf(path string) attribute.KeyValue {
	return attribute.Key(metrics.ConfigFile.Attribute).String(path)
}

// attributesOf returns the attributes of a metric: that of its pipeline or fleet, and those of its
// labels.
func attributesOf(subject attribute.KeyValue, d *metrics.Description, values []string) attribute.Set {
	all := make([]attribute.KeyValue, 0, 1+len(values))
	all = append(all, subject)
	for i, l := range d.Labels {
		all = append(all, attribute.Key(l.Attribute).String(values[i]))
	}
	return attribute.NewSet(all...)
}
