package holdfastprom

import (
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// allowed returns labels if OpenMetrics allows them for an exemplar, else nil. Otherwise the client
// library would panic, and an exemplar must not end a call.
func allowed(labels map[string]string) prometheus.Labels {
	if len(labels) == 0 {
		return nil
	}
	runes := 0
	for name, value := range labels {
		if !labelName(name) || !utf8.ValidString(value) {
			return nil
		}
		runes += len(name) + utf8.RuneCountInString(value)
	}
	if runes > prometheus.ExemplarMaxRunes {
		return nil
	}
	return labels
}

// labelName reports whether s is a valid name of a label. Prometheus reserves names that begin with
// "__".
func labelName(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, "__")
}

// inc adds 1 to c, with an exemplar.
func inc(c prometheus.Counter, exemplar prometheus.Labels) {
	if with, ok := c.(prometheus.ExemplarAdder); ok {
		with.AddWithExemplar(1, exemplar)
		return
	}
	c.Inc()
}

// observe records v, with an exemplar.
func observe(h prometheus.Observer, v float64, exemplar prometheus.Labels) {
	if with, ok := h.(prometheus.ExemplarObserver); ok {
		with.ObserveWithExemplar(v, exemplar)
		return
	}
	h.Observe(v)
}
