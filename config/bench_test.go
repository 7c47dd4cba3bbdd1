package config

import (
	"bytes"
	"fmt"
	"testing"
)

// manyServices is a file of n services, as a large gateway has them: templates, and a few numbers
// of its own for each.
func manyServices(n int) []byte {
	var b bytes.Buffer
	b.WriteString("defaults:\n  template: standard\n  retry: {jitter: full}\ntemplates:\n  lookup: {template: standard, deadline: 3s, attempt_deadline: 800ms}\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  service-%03d:\n    template: lookup\n    deadline: 2s\n    attempt_deadline: 500ms\n"+
			"    budget: {ratio: 0.2, floor: 1, burst: 20}\n    retry:\n      max_retries: 2\n      base_delay: 50ms\n      max_delay: 1s\n"+
			"    breaker: {failure_ratio: 0.6, min_requests: 50, window: 20s}\n    bulkhead: {max_concurrent: 32}\n    rps: 100\n", i)
	}
	return b.Bytes()
}

// BenchmarkParse reads a file of 200 services, none of which is wrong.
func BenchmarkParse(b *testing.B) {
	data := manyServices(200)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(bytes.NewReader(data), WithEnvironment(nil)); err != nil {
			b.Fatal(err)
		}
	}
}
