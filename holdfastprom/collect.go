package holdfastprom

import (
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/media-gateway/holdfast/metrics"
)

// Describe sends all descriptions.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range m.vectors {
		v.Describe(ch)
	}
	for _, d := range m.descs {
		ch <- d
	}
}

// Collect sends the counters, and the current values of the pipelines, fleets and files. It does
// not block calls, asks no fleet's store and reads no file.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, s := range m.all() {
		samples, err := s.pipelines.Read(s.counts.Foresee)
		if err != nil {
			err = fmt.Errorf("holdfastprom: %w", err)
			ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		}
		for _, sample := range samples {
			ch <- m.metric(s.name, &sample)
		}
	}
	for name, samples := range m.fleets.Read() {
		for _, sample := range samples {
			ch <- m.metric(name, &sample)
		}
	}
	for path, samples := range m.files.Read() {
		for _, sample := range samples {
			ch <- m.metric(path, &sample)
		}
	}
	for _, v := range m.vectors {
		v.Collect(ch)
	}
}

// metric converts a sample of the pipelines, fleets or files called name into a prometheus.Metric.
func (m *Metrics) metric(name string, s *metrics.Sample) prometheus.Metric {
	kind := prometheus.GaugeValue
	if s.Kind == metrics.Counter {
		kind = prometheus.CounterValue
	}
	d := m.descs[s.Description]
	metric, err := prometheus.NewConstMetric(d, kind, s.Value, slices.Insert(s.Values, 0, name)...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return metric
}
