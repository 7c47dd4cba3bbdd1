// Package results holds tests only: published results on retries and queues, reproduced with the
// production code. Each names its source, how many trials it makes, and the band in which it takes
// a result for reproduced. docs/storms.md shows the tables that they log at night:
//
//	HOLDFAST_STORM_SEEDS=1 go test -v ./storm/results
//
// All chance is seeded, so that a result that holds once holds always. Without
// HOLDFAST_STORM_SEEDS, as in the run that a change has to pass, a test whose band holds in every
// seed plays one of them, and one whose band does not hang on the number of trials makes a quarter.
// HOLDFAST_STORM_SEEDS=4, as every night, plays four times as many seeds as the tables show. The
// race detector sees each kind of row once, and with HOLDFAST_NIGHTLY=1 all of them.
package results
