// Package benchmarks measures what Holdfast costs: each stage alone, pipelines that grow by a
// stage at a time, the paths on which something goes wrong, and what becomes of a call with more
// stages, keys and callers. How that compares with other libraries is in benchmarks/peers.
//
//	go test -run '^$' -bench . -count 6 -cpu 1,2 ./benchmarks | tee new.txt && benchstat new.txt
//
// Machines differ and are noisy: quote ratios from one run, never lone nanoseconds.
package benchmarks
